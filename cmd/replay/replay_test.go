// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/merge"
)

// write writes a capture to a temporary file and returns its path.
func write(t testing.TB, c *fixture.Capture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := c.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// play runs the program with empty standard input.
func play(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// TestUnknownTable plays a table of events that this version does not know.
func TestUnknownTable(t *testing.T) {
	f := fixture.New()
	f.AddTask(1, 10, 10, 1, 0, "sh", "/bin/sh")
	f.Add(&format.Schema{Table: "disk", Columns: []format.Column{
		{Name: "ts", Type: format.Timestamp}, {Name: "cpu", Type: format.Int32}, {Name: "task", Type: format.Int32},
		{Name: "device", Type: format.String}, {Name: "sector", Type: format.Int64},
		{Name: "at", Type: format.Timestamp},
		{Name: "flags", Type: format.StringList}, {Name: "size", Type: format.Int32},
	}}, fixture.Row{"ts": fixture.At(time.Second), "cpu": int32(123), "task": int32(1),
		"device": "sda \"x\"\x1b", "sector": int64(-1),
		"at": fixture.At(0), "flags": []string{"a", "b c"}, "size": int32(8)})
	path := write(t, f)
	const want = `2026-03-01T12:00:01.000000000Z [123] sh              10/10         ` +
		`disk device="sda \"x\"\x1b" sector=-1 at=2026-03-01T12:00:00.000000000Z flags=["a", "b c"] size=8` + "\n"
	if code, stdout, stderr := play(path, "-t", "utc"); code != 0 || stdout != want {
		t.Errorf("got %d %s\n%s\nwant\n%s", code, stderr, stdout, want)
	}
	if _, stdout, _ := play(path, "--json"); !strings.HasPrefix(stdout,
		`{"family":"disk","ts":"2026-03-01T12:00:01.000000000Z","cpu":123,`+
			`"task":1,"comm":"sh","pid":10,"tid":10,"device":"sda \"x\"\u001b"`) {
		t.Errorf("as JSON: got %s", stdout)
	}
}

// TestTablesOfAnyShape plays captures whose tables lack columns or have columns of other types than a recorder writes.
// It must print lines or an error, not panic, and print no control characters.
func TestTablesOfAnyShape(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 100 {
		f := fixture.New()
		for _, s := range fixture.Schemas() {
			randomTable(r, f, s)
		}
		path := write(t, f)
		for _, args := range [][]string{{path}, {path, "--json"}, {path, "-t", "relative"},
			{path, "comm != \"x\" || name == \"read\""}, {path, "--from", "1s"}} {
			code, stdout, stderr := play(args...)
			if code != 0 && code != 1 || code == 1 && !strings.Contains("\n"+stderr, "\nreplay: error: ") {
				t.Fatalf("%v: exit status %d, %s", args, code, stderr)
			}
			for _, c := range stdout + stderr {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Fatalf("%v: %U in the output", args, c)
				}
			}
		}
	}
}

func randomTable(r *rand.Rand, f *fixture.Capture, s *format.Schema) {
	schema := &format.Schema{Table: s.Table}
	for _, column := range s.Columns {
		switch r.IntN(24) {
		case 0:
			continue
		case 1:
			column.Type = format.Type(1 + r.IntN(5))
		}
		schema.Columns = append(schema.Columns, column)
	}
	text := []string{"exit", "fork", "exec", "snapshot", "read", "", "\x1b[2J", "\xff\u202e\"\\"}
	for range r.IntN(5) {
		row := fixture.Row{}
		for _, column := range schema.Columns {
			number := []int64{0, 1, 2, 7, -1, 1 << 30, -1 << 31, 1 << 62, -1 << 63, 1<<63 - 1}[r.IntN(10)]
			switch column.Type {
			case format.Int32:
				row[column.Name] = int32(number)
			case format.String:
				row[column.Name] = text[r.IntN(len(text))]
			case format.StringList:
				row[column.Name] = text[:r.IntN(len(text))]
			default:
				row[column.Name] = number
			}
		}
		f.Add(schema, row)
	}
}

// TestFalseBlockTimes plays a block whose rows are outside the times in its metadata. Such rows cannot be put in order,
// so it is an error.
func TestFalseBlockTimes(t *testing.T) {
	ctx := context.Background()
	set, err := capture.Open(ctx, []string{write(t, fixture.Small())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for name, falsify := range map[string]func(b *format.Block){
		"minimum too late":  func(b *format.Block) { b.MinTS += 1e6 },
		"maximum too early": func(b *format.Block) { b.MaxTS -= 1e6 },
	} {
		sources, err := newSources(t.Context(), &options{time: "utc"}, set,
			capture.Window{From: math.MinInt64, To: math.MaxInt64})
		if err != nil {
			t.Fatal(err)
		}
		s := sources[len(sources)-1].(*source)
		falsify(&s.blocks[0])
		s.spans[0].Min, s.spans[0].Max = s.blocks[0].MinTS, s.blocks[0].MaxTS
		err = merge.Merge(ctx, sources, merge.Options{}, func(int64, []byte) error { return nil })
		if !errors.Is(err, format.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestPace plays at a speed at which the events are 20 ms apart. It only checks that they are not early, because a busy
// machine may delay them.
func TestPace(t *testing.T) {
	f := fixture.New()
	for i := range 3 {
		f.AddSyscall(time.Duration(i)*time.Second, 0, 1, 0, 0, 0)
	}
	path, start := write(t, f), time.Now()
	code, stdout, _ := play(path, "--speed", "50")
	if took := time.Since(start); code != 0 || strings.Count(stdout, "\n") != 3 || took < 40*time.Millisecond {
		t.Errorf("exit status %d, %v for\n%s", code, took, stdout)
	}
}

// TestPaceBeginsWithTheRecording plays a call that began an hour before the recording.
func TestPaceBeginsWithTheRecording(t *testing.T) {
	f := fixture.New()
	f.AddSyscall(-time.Hour, 0, 1, 0, 0, 0)
	f.AddSyscall(50*time.Millisecond, 0, 1, 0, 0, 0)
	path, start := write(t, f), time.Now()
	code, stdout, stderr := play(path, "--speed", "1")
	took := time.Since(start)
	if code != 0 || strings.Count(stdout, "\n") != 2 || took < 50*time.Millisecond || took > time.Minute {
		t.Errorf("exit status %d, %v for\n%s%s", code, took, stdout, stderr)
	}
}

func TestSplit(t *testing.T) {
	path := write(t, fixture.New())
	for _, c := range []struct {
		args     []string
		captures int
		filter   string
	}{
		{[]string{path}, 1, ""}, {[]string{"nowhere"}, 1, ""}, {[]string{path, path, "-"}, 3, ""},
		{[]string{path, "ret < 0"}, 1, "ret < 0"}, {[]string{path, "ret", "<", "0", "||", path}, 1,
			"ret < 0 || " + path},
	} {
		captures, filter := split(c.args)
		if len(captures) != c.captures || filter != c.filter {
			t.Errorf("%q: got %q and %q", c.args, captures, filter)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	const rows = 2_000_000
	f := fixture.New()
	for id := range int32(16) {
		f.AddTask(id+1, 1000+id, 1000, 1, 0, fmt.Sprintf("worker/%d", id), "/usr/bin/worker")
	}
	f.AddCalls(rows, 64<<10, 1)
	path := write(b, f)
	for name, args := range map[string][]string{"text": {path}, "json": {path, "--json"},
		"filter": {path, "ret == -12345"}, "some": {path, `comm == "worker/3" && ret < 0`}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var stderr bytes.Buffer
				if code := run(args, nil, io.Discard, &stderr); code != 0 {
					b.Fatal(stderr.String())
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// TestPad pads texts to their width on a terminal.
func TestPad(t *testing.T) {
	for _, c := range []struct {
		text  string
		right bool
		want  string
	}{{"nginx", false, "x|nginx "}, {"日本", false, "x|日本  "}, {"日本", true, "x|  日本"},
		{"e\u0301", true, "x|     e\u0301"}, {"日本語日本", false, "x|日本語日本"}} {
		if got := string(pad([]byte("x|"+c.text), 2, 6, c.right)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
