// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// counted returns column of the rows of a table that count.
func counted(t *testing.T, c *capture.Capture, table, column string) string {
	t.Helper()
	counted, err := c.Counted(table)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, block := range counted.Blocks() {
		var b format.Batch
		if err := counted.Read(&b, block, []string{column}); err != nil {
			t.Fatal(err)
		}
		for i := range b.Rows {
			switch v := &b.Columns[0]; v.Type {
			case format.Int32:
				values = append(values, fmt.Sprint(v.I32[i]))
			case format.String:
				values = append(values, v.Str.At(i))
			default:
				values = append(values, fmt.Sprint((v.I64[i]-fixture.At(0))/int64(time.Second)))
			}
		}
	}
	if n := int64(len(values)); n != counted.Rows {
		t.Errorf("%s has %d rows, says %d", table, n, counted.Rows)
	}
	return strings.Join(values, " ")
}

// TestSnapshotsOfProcesses has one process or two with the same pid: a snapshot counts if it is the first that is known
// of a process. Each letter is a row, its position is the time: s snapshot, f fork, e exec, x exit, n end. The result
// has those that count. Rows are written in reverse order of time.
func TestSnapshotsOfProcesses(t *testing.T) {
	ops := map[rune]string{'s': "snapshot", 'f': "fork", 'e': "exec", 'x': "exit", 'n': "end"}
	for rows, want := range map[string]string{
		"s": "s", "ss": "s", "sss": "s", "sex": "sex", "ses": "se", "fs": "f", "fes": "fe", "es": "e",
		"sxs": "sxs", "sxfs": "sxf", "fxs": "fxs", "sxsxs": "sxsxs",
		"n": "n", "sn": "sn", "nn": "n", "snsn": "sn", "sns": "s", "snx": "sx", "sne": "se", "snxfn": "sxfn",
		"xs": "xs", "x": "x",
	} {
		f := fixture.New()
		list := []rune(rows)
		for i, op := range slices.Backward(list) {
			f.AddProcess(time.Duration(i)*time.Second, 0, 1, ops[op], 100, 1, nil)
			f.AddProcess(time.Duration(i)*time.Second, 0, 2, "fork", int32(1000+i), 1, nil) // of other processes
		}
		c := write(t, f)
		got := counted(t, c, "process", "op")
		got = strings.TrimSuffix(strings.ReplaceAll(got+" ", "fork ", "f "), " ")
		names := strings.Fields(got)
		slices.Reverse(names)
		letters := ""
		for _, name := range names {
			for letter, op := range ops {
				if op == name || letter == 'f' && name == "f" {
					letters += string(letter)
				}
			}
		}
		want, letters := sorted(want+strings.Repeat("f", len(list))), sorted(letters)
		if letters != want {
			t.Errorf("%s: got %s, want %s", rows, letters, want)
		}
	}
}

func sorted(s string) string {
	letters := []rune(s)
	slices.Sort(letters)
	return string(letters)
}

// TestEndsOfConnections has connections between the same two ends, in generations: each text is the segment of one. c
// is a connect, a an accept, f a connect that fails, x a close, s a snapshot, n an end.
func TestEndsOfConnections(t *testing.T) {
	ops := map[rune]string{'c': "connect", 'f': "connect", 'a': "accept", 'x': "close", 's': "snapshot", 'n': "end"}
	for segments, want := range map[string]string{
		"s s s": "snapshot", "cs s": "connect", "c s": "connect", "a s": "accept", "f s": "connect snapshot",
		"s x": "snapshot close", "s x s": "snapshot close snapshot", "s n s n": "snapshot end",
		"s n x": "snapshot close", "s n c": "snapshot connect",
		// Two network namespaces have the same two ends.
		"ss": "snapshot snapshot", "ss ss": "snapshot snapshot", "ss nn": "snapshot snapshot end end",
		"ss nn ss nn": "snapshot snapshot end end",
	} {
		f := fixture.New()
		at := 0
		for generation, rows := range strings.Fields(segments) {
			b := format.NewBatch(fixture.TCP)
			for _, op := range rows {
				at++
				row := fixture.Row{"ts": fixture.At(time.Duration(at) * time.Second), "op": ops[op], "saddr": "::1",
					"sport": int32(1), "daddr": "::2", "dport": int32(2)}
				if op == 'f' {
					row["ret"] = int32(-111)
				}
				if err := b.AppendRow(row); err != nil {
					t.Fatal(err)
				}
			}
			b.Generation = generation + 1
			f.AddBatch(b)
		}
		if got := counted(t, write(t, f), "tcp", "op"); got != want {
			t.Errorf("%s: got %s, want %s", segments, got, want)
		}
	}
}

// TestCallsInFlight has calls in flight of tasks 1 to 6, most of which returned.
func TestCallsInFlight(t *testing.T) {
	f := fixture.New()
	second := time.Second
	f.AddPending(2*second, 0, 1, 0) // nothing later
	f.AddPending(2*second, 0, 2, 0) // returned
	f.AddPending(2*second, 0, 3, 0) // another call later
	f.AddPending(2*second, 0, 4, 0) // in a later call at a later end
	f.AddPending(4*second, 0, 4, 7)
	f.AddPending(2*second, 0, 5, 0) // still in it at a later end
	f.AddPending(2*second, 0, 5, 0)
	f.AddPending(2*second, 0, 0, 0) // of two unknown tasks
	f.AddPending(3*second, 0, 0, 0)
	f.AddSyscall(1*second, 0, 1, 0, 0, 5)
	f.AddSyscall(2*second, 0, 2, 0, 0, 5)
	f.AddSyscall(3*second, 0, 3, 9, 0, 5)
	f.AddSyscall(9*second, 0, 0, 0, 0, 5)
	f.AddSyscall(9*second, 0, 1<<16+1, 0, 0, 5)
	c := write(t, f)
	if got, want := counted(t, c, "pending", "task"), "1 4 5 0 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := counted(t, c, "pending", "ts"), "2 4 2 2 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFirstRowOfEachID has dimensions whose rows repeat, also with another text and in a table that is not known.
func TestFirstRowOfEachID(t *testing.T) {
	f := fixture.New()
	socket := &format.Schema{Table: "socket", Columns: []format.Column{{Name: "socket", Type: format.Int64},
		{Name: "name", Type: format.String}}}
	r := rand.New(rand.NewPCG(1, 5))
	for i := range 3000 {
		f.AddTask(1+int32(r.IntN(100)), int32(i), 1, 1, 0, "sh", "")
		f.Add(socket, fixture.Row{"socket": int64(r.IntN(3))<<40 - 5, "name": fmt.Sprint(i)})
		if i%70 == 0 {
			f.Cut()
		}
	}
	c := write(t, f)
	for table, want := range map[string]int{"task": 100, "socket": 3} {
		ids := strings.Fields(counted(t, c, table, table))
		slices.Sort(ids)
		if n := len(slices.Compact(ids)); n != want || len(ids) != want {
			t.Errorf("%s: %d rows of %d ids, want %d", table, len(ids), n, want)
		}
	}
	if rows := c.Table("task").Rows; rows != 3000 {
		t.Errorf("the table itself has %d rows", rows)
	}
	tasks, err := c.Tasks()
	if err != nil || len(tasks.List) != 101 {
		t.Errorf("%d tasks, %v", len(tasks.List), err)
	}
}

// TestOpenOfOneRecording opens parts of two recordings: those of one are one capture, with the ids of that.
func TestOpenOfOneRecording(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	if err := fixture.Dumps(a, b); err != nil {
		t.Fatal(err)
	}
	f := fixture.New()
	f.AddTask(1, 9, 9, 1, 0, "other", "/bin/other") // task 1 of the dumps is bash
	f.AddSyscall(0, 0, 1, 0, 0, 1)
	if err := f.Write(c, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	set, err := capture.Open(t.Context(), []string{a, c, b, c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var got []string
	for _, one := range set {
		tasks, err := one.Tasks()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s: %s %d", strings.ReplaceAll(one.Path, dir+"/", ""), tasks.Task(1).Comm,
			one.Table("syscall").Rows))
	}
	if want := "a, b: bash 6; c, c: other 1"; strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
	each, err := capture.OpenEach(t.Context(), []string{a, b, c, c}, nil)
	if err != nil || len(each) != 4 {
		t.Errorf("%d captures, %v", len(each), err)
	}
	each.Close()
}

// TestLackingColumns reads a capture of a table of an older version.
func TestLackingColumns(t *testing.T) {
	old := func(s *format.Schema, lacks ...string) *format.Schema {
		return &format.Schema{Table: s.Table, Columns: slices.DeleteFunc(slices.Clone(s.Columns),
			func(c format.Column) bool { return slices.Contains(lacks, c.Name) })}
	}
	f := fixture.New()
	f.Manifest.Format = format.Version{Major: 1, Minor: 1}
	f.Add(old(fixture.Task, "euid", "egid"), fixture.Row{"task": int32(1), "comm": "sh", "uid": int64(7)})
	f.Add(old(fixture.Syscall, "flags"), fixture.Row{"ts": fixture.At(0), "task": int32(1), "ret": int64(3)})
	c := write(t, f)
	set := capture.Set{c}
	for expression, want := range map[string]int{"flags == 0": 1, "flags == 1": 0, "euid == 0 && uid == 7": 1,
		"euid != 0": 0, "euid == uid": 0} {
		p, err := set.Filter(expression)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		n := 0
		s := &capture.Scan{Capture: c, Table: "syscall", Filter: p}
		if err := s.Run(t.Context(), func(_ int, b *format.Batch) error { n += b.Rows; return nil }); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("%s: %d rows, want %d", expression, n, want)
		}
	}
	var out strings.Builder
	set.WarnLacking(&out, "x")
	want := "x: warning: " + c.Path + ": format 1.2 lacks syscall.flags, task.euid: read as 0 or empty\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
