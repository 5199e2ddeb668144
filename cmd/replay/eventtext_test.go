// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

const hostile = "\x1b[2J\u202e\"\n"

// columnsOf returns the schema of a table of events with these columns, besides ts, cpu and task.
func columnsOf(table string, columns ...format.Column) *format.Schema {
	event := []format.Column{{Name: "ts", Type: format.Timestamp}, {Name: "cpu", Type: format.Int32},
		{Name: "task", Type: format.Int32}}
	return &format.Schema{Table: table, Columns: append(event, columns...)}
}

// eventTexts plays a capture whose events are all of task 10/10, and returns the event texts of the lines.
func eventTexts(t *testing.T, f *fixture.Capture) string {
	t.Helper()
	code, stdout, stderr := play(write(t, f), "-t", "utc")
	if code != 0 || stderr != "" {
		t.Fatalf("exit status %d, %s", code, stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	for i := range lines {
		_, lines[i], _ = strings.Cut(lines[i], "  10/10         ")
	}
	return strings.Join(lines, "\n")
}

// TestTextByMeaning plays a table of a later version: its values are formatted by what their columns mean.
func TestTextByMeaning(t *testing.T) {
	f := fixture.New()
	f.AddTask(1, 10, 10, 1, 0, "sh", "/bin/sh")
	f.AddPath(4, "/etc/"+hostile)
	socket := &format.Schema{Table: "socket", Columns: []format.Column{{Name: "socket", Type: format.Int32},
		{Name: "name", Type: format.String}}}
	f.Add(socket, fixture.Row{"socket": int32(3), "name": "TCP:[80]"})
	disk := columnsOf("disk", format.Column{Name: "wait_ns", Type: format.Int64},
		format.Column{Name: "ret", Type: format.Int64},
		format.Column{Name: "nr", Type: format.Int32}, format.Column{Name: "signal", Type: format.Int32},
		format.Column{Name: "path", Type: format.Int32}, format.Column{Name: "socket", Type: format.Int32},
		format.Column{Name: "saddr", Type: format.String}, format.Column{Name: "mode", Type: format.Int32},
		format.Column{Name: "ip", Type: format.Int64}, format.Column{Name: "until", Type: format.Timestamp},
		format.Column{Name: "size", Type: format.Int64}, format.Column{Name: "op", Type: format.String},
		format.Column{Name: "args", Type: format.StringList})
	f.AddEvent(disk, 0, 0, 1, fixture.Row{"wait_ns": int64(13_000), "ret": int64(-2), "nr": int32(257),
		"signal": int32(9), "path": int32(4),
		"socket": int32(3), "saddr": "::1", "mode": int32(0o644), "ip": int64(-4096),
		"until": fixture.At(time.Second), "size": int64(8),
		"op": "seek", "args": []string{"a", hostile}})
	f.AddEvent(disk, 1, 0, 1, fixture.Row{"wait_ns": int64(-1), "ret": int64(77), "nr": int32(-1), "signal": int32(-5),
		"path":  int32(99),
		"saddr": hostile, "mode": int32(-1), "op": hostile})
	const escaped = `\x1b[2J\u202e\"\x0a`
	const want = `disk wait=0.000013000s ret=-1 ENOENT (No such file or directory) nr=openat signal=SIGKILL ` +
		`path="/etc/` + escaped + `" socket="TCP:[80]" saddr=::1 mode=0644 ip=0xfffffffffffff000 ` +
		`until=2026-03-01T12:00:01.000000000Z size=8 op="seek" args=["a", "` + escaped + `"]` + "\n" +
		`disk wait=? ret=77 nr=nr_-1 signal=-5 path=? socket=- saddr="` + escaped + `" mode=-1 ip=0x0 ` +
		`until=1970-01-01T00:00:00.000000000Z size=0 op="` + escaped + `" args=[]`
	if got := eventTexts(t, f); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTextWithoutAColumn plays a known table that lacks columns of its text: they are 0 or empty, and it says so.
func TestTextWithoutAColumn(t *testing.T) {
	f := fixture.New()
	f.AddTask(1, 10, 10, 1, 0, "sh", "/bin/sh")
	tcp := columnsOf("tcp", format.Column{Name: "op", Type: format.String},
		format.Column{Name: "srtt_ns", Type: format.Int64})
	f.AddEvent(tcp, 0, 0, 1, fixture.Row{"op": "connect", "srtt_ns": int64(1)})
	f.AddEvent(tcp, 1, 0, 1, fixture.Row{"op": "listen"})
	path := write(t, f)
	code, stdout, stderr := play(path)
	if lines := strings.Count(stdout, "\n"); code != 0 || lines != 2 || !strings.Contains(stdout, "connect") {
		t.Errorf("exit status %d, got\n%s", code, stdout)
	}
	want := "replay: warning: " + path + ": format 1.2 lacks tcp.saddr, tcp.sport, tcp.daddr, tcp.dport, tcp.ret, " +
		"tcp.duration_ns, tcp.sent, tcp.received, tcp.retransmits, tcp.flags: read as 0 or empty\n"
	if stderr != want {
		t.Errorf("got %q, want %q", stderr, want)
	}
}

// TestTemplate formats rows with templates, as events.h may have them.
func TestTemplate(t *testing.T) {
	f := fixture.New()
	f.AddTask(1, 100, 101, 1, 0, "sh", "/bin/sh")
	f.AddProcess(0, 0, 1, "exit", 7, 1, fixture.Row{"signal": int32(15), "filename": "/bin/" + hostile,
		"args": []string{"a"}, "duration_ns": int64(5)})
	f.AddProcess(0, 0, 99, "exit", 7, 1, nil)
	set, err := capture.Open(t.Context(), []string{write(t, f)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	b := format.NewBatch(fixture.Process)
	table := set[0].Table("process")
	if err := table.Read(b, table.Blocks()[0], nil); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][2]string{
		"{task} sends {signal} to {pid}": {"sh 101/100 sends SIGTERM to 7", "? sends 0 to 7"},
		"{op} {filename}{args}":          {`exit /bin/\x1b[2J\u202e"\x0a["a"]`, "exit []"},
		"took {duration_ns}":             {"took 0.000000005s", "took 0.000000000s"},
		"nothing":                        {"nothing", "nothing"},
		"a { b":                          {"a { b", "a { b"},
	} {
		c := &columns{capture: set[0], table: table.Schema}
		made := newTemplate(c, text, newTimeText("utc", 0))
		if c.incomplete || c.err != nil {
			t.Fatal(c)
		}
		for _, a := range c.used {
			a.Bind(b)
		}
		for row := range 2 {
			if got := string(made.Append(nil, row)); got != want[row] {
				t.Errorf("%q: got %s, want %s", text, got, want[row])
			}
		}
	}
	c := &columns{capture: set[0], table: columnsOf("process", format.Column{Name: "op", Type: format.Int32})}
	if newTemplate(c, "{op} {pid}", nil); !c.incomplete {
		t.Error("a column of another type is accepted")
	}
}
