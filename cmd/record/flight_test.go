// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

func newTestFlight(last, after time.Duration) *flight {
	return &flight{last: int64(last), after: int64(after), condition: "ret < 0", signals: make(chan os.Signal, 1)}
}

func (f *flight) now() int64 { return now(unix.CLOCK_MONOTONIC) + f.wall }

// A dump is due when what comes after it has been recorded, and has what came before.
func TestDumpsAreDue(t *testing.T) {
	f := newTestFlight(10*time.Second, time.Hour)
	f.signals <- unix.SIGUSR2
	if got := f.due(1); len(got) != 0 {
		t.Fatalf("%+v before the time after it has passed", got[0])
	}
	q := f.pending[0]
	if q.reason != "sigusr2" || q.due-q.at != int64(time.Hour) || q.at-q.since != int64(10*time.Second) {
		t.Errorf("%+v", q)
	}
	if needed := f.needed(q.due + int64(time.Hour)); needed != q.since {
		t.Errorf("the window is kept from %d on, want %d", needed, q.since)
	}
	// A second one meanwhile is served by it; the trigger has a dump of its own.
	f.signals <- unix.SIGUSR2
	f.hits.put(hit{generation: 1, at: q.at, over: q.at, rows: 3})
	f.listen()
	if len(f.pending) != 2 || f.pending[0].more != 1 || f.pending[1].reason != "trigger" || f.pending[1].more != 2 {
		t.Errorf("%d are pending: %+v", len(f.pending), f.pending)
	}
	// At the end nothing is waited for.
	all := f.atEnd(1, true)
	if len(all) != 3 || all[2].reason != "end" || len(f.pending) != 0 {
		t.Errorf("%d dumps at the end, want 3", len(all))
	}
}

// What a trigger fires for is dumped once; when it fires again and again, dumps follow upon each other.
func TestTriggerFiresAgain(t *testing.T) {
	f := newTestFlight(10*time.Second, 0)
	at := f.now()
	f.hits.put(hit{generation: 4, at: at, over: at, rows: 1})
	first := f.due(4)
	if len(first) != 1 || first[0].condition != "ret < 0" || first[0].at != at {
		t.Fatalf("%+v", first)
	}
	// Found late in a generation that was dumped.
	f.hits.put(hit{generation: 4, at: at + 1, over: at + 1, rows: 1})
	if f.due(5); len(f.pending) != 0 {
		t.Error("dumped again for what is in the dump")
	}
	f.hits.put(hit{generation: 5, at: at + 2, over: at + 2, rows: 1})
	if got := f.due(5); len(got) != 0 || len(f.pending) != 1 {
		t.Fatalf("%d due, %d pending", len(got), len(f.pending))
	}
	if q := f.pending[0]; q.due != f.until+f.last || q.since != at+2-f.last {
		t.Errorf("due %v after the last one, want %v", time.Duration(q.due-f.until), time.Duration(f.last))
	}
}

// A call that took long is dumped for when it ended.
func TestTriggerWaitsFromTheEndOfACall(t *testing.T) {
	r := newTestRecorder(t)
	b := format.NewBatch(r.table("syscall").layout.Schema)
	for _, row := range []map[string]any{{"ts": int64(50), "duration_ns": int64(1)}, {"ts": int64(20), "duration_ns": int64(1000)}, {"ts": int64(30)}} {
		if err := b.AppendRow(row); err != nil {
			t.Fatal(err)
		}
	}
	b.Generation = 7
	if got, want := first(b, []uint64{0b111}, 3), (hit{7, 20, 1020, 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestConditions(t *testing.T) {
	all := []string{"process", "syscall", "file", "ipc", "tcp", "seccomp"}
	tests := []struct {
		src      string
		families []string
		tables   string // that it looks at
		wrong    string
	}{
		{src: `op == "exit" && comm == "nginx" && signal != 0`, families: all, tables: "process"},
		{src: `family == "syscall" && name == "fsync" && duration_ns > 1e9`, families: all, tables: "syscall"},
		{src: `ret < 0`, families: all, tables: "syscall tcp"},
		{src: `ret < 0`, families: []string{"tcp"}, tables: "tcp"},
		{src: `uid == 0`, families: []string{"seccomp", "ipc"}, tables: "ipc seccomp"},
		{src: `family == "seccomp"`, families: []string{"process"}, wrong: "only seccomp events"},
		{src: `offset > 3`, families: all, wrong: "no event can match"},
		{src: `nonsense == 1`, families: all, wrong: "unknown name"},
		{src: ``, families: all, wrong: ""},
	}
	for _, test := range tests {
		c, err := newCondition(test.src, test.families)
		switch {
		case test.tables == "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: error %v, want %s", test.src, err, test.wrong)
		case test.tables != "" && err != nil:
			t.Errorf("%s: %v", test.src, err)
		case test.tables != "":
			for _, want := range strings.Fields(test.tables) {
				if !strings.Contains(strings.Join(c.tables, " "), want) {
					t.Errorf("%s: looks at %v, want %s", test.src, c.tables, test.tables)
				}
			}
			if len(c.tables) != len(strings.Fields(test.tables)) {
				t.Errorf("%s: looks at %v, want %s", test.src, c.tables, test.tables)
			}
		}
	}
}

// A trigger knows the task of an event, and waits for one that is announced with the next sweep.
func TestTriggerKnowsTasks(t *testing.T) {
	r := newTestRecorder(t)
	n := r.names
	condition, err := newCondition(`cgroup == 77`, []string{"process"})
	if err != nil {
		t.Fatal(err)
	}
	n.task.learn(announce(n.task, 1, 77), 0)
	n.task.learn(announce(n.task, 2, 78), 0)
	var hits hits
	tr := &trigger{condition: condition, env: newEnv(n, nil), hits: &hits, over: func() bool { return false }}
	swept := uint64(0)
	tr.sweeps = func() uint64 {
		// Meanwhile the drain sweeps, and finds the third.
		if swept++; swept == 3 {
			n.task.learn(announce(n.task, 3, 77), 0)
		}
		return swept
	}
	b := format.NewBatch(r.table("process").layout.Schema)
	for i := range int32(3) {
		if err := b.AppendRow(map[string]any{"ts": int64(i), "task": i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	b.Generation = 1
	if err := tr.look(b, 1); err != nil {
		t.Fatal(err)
	}
	if found, ok := hits.take(0); !ok || found.rows != 2 {
		t.Errorf("%+v, want 2 rows", found)
	}
	// Nobody will announce it.
	tr.over = func() bool { return true }
	b.Column("task").I32[0] = 9
	if err := tr.look(b, 1000); err != nil {
		t.Fatal(err)
	}
	if found, _ := hits.take(0); found.rows != 1 {
		t.Errorf("%+v, want 1 row", found)
	}
}

// Dumps are captures with names of their own, also two in one millisecond, and say why they are there. One that fails does not
// end anything.
func TestDumper(t *testing.T) {
	k, r := newTestKeeper(t, 0, format.WriterOptions{})
	dir := t.TempDir()
	r.dumper = dumper{dir: dir, event: r.recordsEvents, tell: func(m *format.Manifest, s story) { m.Notes = s.notes }}
	var last *generation
	for n := 1; n <= 4; n++ {
		write(t, r, n, 10)
		last = &generation{number: n, from: int64(n) * 1e9, to: int64(n+1) * 1e9, story: story{notes: []string{"a note"}}}
		if n == 4 {
			q := &request{reason: "trigger", condition: "x", at: 4e9, since: 3e9 + 1, more: 2}
			last.dumps = []*request{q, q}
		}
		if err := k.take(last); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 2 || filepath.Base(names[0]) != "19700101T000004.000Z-trigger" || filepath.Base(names[1]) != "19700101T000004.001Z-trigger" {
		t.Fatalf("%v %v", names, err)
	}
	for _, name := range names {
		c, err := format.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m := c.Manifest
		if !m.Complete || m.Dump == nil || m.Dump.Condition != "x" || m.Dump.Reason != "trigger" || m.Dump.TS.UnixNano() != 4e9 {
			t.Errorf("%+v", m)
		}
		if got := strings.Join(m.Notes, ", "); !strings.HasPrefix(got, "a note, ") {
			t.Errorf("notes: %s", got)
		}
		if rows := c.Table("syscall").Rows; rows != 20 {
			t.Errorf("%d rows, want those of generations 3 and 4", rows)
		}
	}
	r.dumper.dir = filepath.Join(dir, "gone")
	last.dumps = []*request{{reason: "sigusr2", at: 1}}
	r.dumper.dump(k, last.dumps[0], last)
	if len(r.dumper.failed) != 1 || len(r.dumper.made) != 2 {
		t.Errorf("%d failed, %d made", len(r.dumper.failed), len(r.dumper.made))
	}
}

// With -W the newest dumps stay, also when earlier ones were there; the oldest goes when a newer one is whole, and not for one that
// failed. What is no dump, or holds something else, is nobody's to remove.
func TestDumpsAreKept(t *testing.T) {
	k, r := newTestKeeper(t, 0, format.WriterOptions{})
	dir := filepath.Dir(r.opt.write)
	capture := func(name string) {
		t.Helper()
		w, err := format.Create(filepath.Join(dir, name), format.Manifest{}, format.WriterOptions{})
		if err == nil {
			err = w.Close(nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const half, first, foreign, mine = "20260101T000000.000Z-end.old", "20260101T000000.001Z-interrupted", "20260101T000000.002Z-trigger", "mine"
	for _, name := range []string{half, first, foreign, mine} {
		capture(name)
	}
	if err := os.WriteFile(filepath.Join(dir, foreign, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &flight{dir: dir}
	if err := os.Rename(r.opt.write, r.opt.write+"1"); err != nil { // no window yet
		t.Fatal(err)
	}
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.opt.write+"1", r.opt.write); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	d := &dumper{dir: dir, keep: 2, there: f.there, remove: r.w.Remove, event: r.recordsEvents, tell: func(*format.Manifest, story) {}, stderr: &said}
	k.dumper = d
	want := func(what string, names ...string) {
		t.Helper()
		var got []string
		for _, e := range entries(t, dir) {
			if e != "window" {
				got = append(got, e)
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%s: left are %v, want %v", what, got, names)
		}
	}
	dump := func(at int64, dir string) {
		t.Helper()
		d.dir = dir
		n := int(at)
		write(t, r, n, 1)
		if err := k.take(&generation{number: n, to: at, dumps: []*request{{reason: "end", at: 1767312000e9 + at*1e9, since: at}}}); err != nil {
			t.Fatal(err)
		}
	}
	dump(1, filepath.Join(dir, "gone"))
	want("one that failed", half, first, foreign, mine)
	dump(2, dir)
	want("the first", foreign, "20260102T000002.000Z-end", mine)
	if strings.Contains(said.String(), "removing") {
		t.Errorf("it said %s", said.String())
	}
	dump(3, dir)
	want("the second", foreign, "20260102T000002.000Z-end", "20260102T000003.000Z-end", mine)
	if !strings.Contains(said.String(), "removing capture "+filepath.Join(dir, foreign)+": file already exists: it holds \"notes.txt\"") {
		t.Errorf("it said %s", said.String())
	}
	dump(4, dir)
	want("the third", foreign, "20260102T000003.000Z-end", "20260102T000004.000Z-end", mine)
	if len(d.made) != 3 || !d.made[0].Removed || d.made[1].Removed || strings.Count(said.String(), "removing") != 1 {
		t.Errorf("made %+v; it said %s", d.made, said.String())
	}
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}
