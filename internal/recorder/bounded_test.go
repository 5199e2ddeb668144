//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// However long a recording lasts, of readings of the clock and changes of the machine it keeps as many as a manifest
// has. The manifest says so.
func TestHistoryIsBounded(t *testing.T) {
	r := newRecording(t)
	result := r.result(func(sweep int) bool {
		m := r.recorder.drain.machine
		for i := range 5 * format.MaxListed {
			m.clocks.add(format.Clock{Monotonic: int64(i)})
			m.changes.add(format.Change{What: fmt.Sprint(i)})
			if len(m.clocks.kept) > 2*format.MaxListed || len(m.changes.kept) > 2*format.MaxListed {
				t.Fatalf("%d readings and %d changes are kept", len(m.clocks.kept), len(m.changes.kept))
			}
		}
		return false
	})
	m := capture(t, r.cfg.Path).Manifest
	for _, table := range r.recorder.drain.gatherer.tables {
		if table != nil && (table.batch != nil || table.free != nil) {
			t.Errorf("batches of %s are kept until the manifest is written", table.layout.Schema.Table)
		}
	}
	notes := strings.Join(m.Notes, "\n")
	if len(m.Clock) != format.MaxListed || len(m.Changes) != format.MaxListed || m.Changes[0].What != "0" ||
		m.Changes[format.MaxListed-1].What != fmt.Sprint(5*format.MaxListed-1) ||
		m.Clock[0] != result.Manifest.Clock[0] || m.Clock[0].Monotonic < 1 {
		t.Errorf("%d readings from %v on, %d changes from %v to %v", len(m.Clock), m.Clock[0], len(m.Changes),
			m.Changes[0], m.Changes[len(m.Changes)-1])
	}
	if !strings.Contains(notes, "readings of the clock") || !strings.Contains(notes, "of 40960 changes of the") {
		t.Errorf("notes: %s", notes)
	}
}

// A flight recorder that makes dumps for years remembers the newest, and how many there were.
func TestDumpsAreBounded(t *testing.T) {
	k := newTestKeeper(t, 0, format.WriterOptions{})
	defer k.close()
	d := k.dumper
	for i := range maxDumps {
		d.dumps = append(d.dumps, Dump{Path: fmt.Sprint(i)})
	}
	d.made = maxDumps
	write(t, k.w, 1, 1)
	g := &generation{number: 1, dumps: []*dumpRequest{{reason: "sigusr2", ts: 1}}}
	if err := k.finish(g); err != nil {
		t.Fatal(err)
	}
	if len(d.dumps) != maxDumps || d.dumps[0].Path != "1" || d.made != maxDumps+1 || len(d.existing) != 0 {
		t.Errorf("%d dumps from %s on are remembered, of %d, and %d names", len(d.dumps), d.dumps[0].Path, d.made,
			len(d.existing))
	}
	d.dir += "/missing"
	for range 3 {
		d.dump(&dumpRequest{reason: "sigusr2", ts: 1}, g, g)
	}
	if d.failed != 3 || d.err == nil {
		t.Errorf("%d failed, first %v", d.failed, d.err)
	}
}

// The texts of processes that run stay within their room, whatever comes first: the processes or the texts.
func TestTextsOfLivingProcessesAreBounded(t *testing.T) {
	b := format.NewBatch(schema.Of("process").Schema)
	l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 160_000)
	long := strings.Repeat("x", 4096)
	for _, op := range []string{"fork", "exec"} { // first all processes, then their programs
		for pid := range int32(100) {
			row := map[string]any{"ts": int64(1), "op": op, "pid": pid + 1, "ppid": int32(1)}
			if op == "exec" {
				row["ts"], row["filename"], row["args"] = int64(2), long, []string{long}
			}
			if err := b.AppendRow(row); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.follow(b, 0)
	if l.bytes > l.limit || len(l.byPID) != 100 {
		t.Errorf("%d processes, %d bytes of %d", len(l.byPID), l.bytes, l.limit)
	}
	for pid := range int32(1000) {
		l.begin(pid+1000, 1, 1, "", nil)
	}
	notes := strings.Join(l.notes(), "\n")
	if !strings.Contains(notes, "lack the command lines") || !strings.Contains(notes, "lack processes") ||
		l.refused+len(l.byPID) != 1100 {
		t.Errorf("%d of 1100 processes are known, and %d counted: %s", len(l.byPID), l.refused, notes)
	}
}

// Of processes that ended while no epoch could be closed so many are remembered. After more, what is known is compared
// with /proc.
func TestEndsOfProcessesAreBounded(t *testing.T) {
	l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 1<<16)
	for pid := range int32(10_000) {
		l.end(pid, 5)
	}
	if !l.crowded() || len(l.ended) > 2*l.most+1 || l.unsure == 0 {
		t.Errorf("%d ends are remembered, %d make an epoch end; unsure: %d", len(l.ended), l.most, l.unsure)
	}
	original := startOf
	defer func() { startOf = original }()
	startOf = func(string) string { return "" }
	d := newTestParts(t)
	d.gatherer.living = l
	l.begin(9_999, 1, 4, "a", nil) // a row from before its end
	if err := d.rotation.listProcesses(); err != nil {
		t.Error(err)
	}
	if len(l.byPID) != 0 {
		t.Errorf("%d processes that have ended are known", len(l.byPID))
	}
	if l.forget(6); l.unsure != 0 || len(l.ended) != 0 {
		t.Errorf("%d ends are remembered; unsure: %d", len(l.ended), l.unsure)
	}
}

// While an epoch cannot be closed, the references of the next one stay within their room. The others are counted as
// lost rows.
func TestReferencesAreBounded(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	d.room.limit = 1 << 20
	d.beginGeneration(2)
	d.closeGeneration()
	const ids = 20_000
	batch := format.NewBatch(g.table("syscall").layout.Schema)
	for id := range int32(ids) {
		if err := batch.AppendRow(map[string]any{"task": id + 1}); err != nil {
			t.Fatal(err)
		}
	}
	d.addReferences(batch)
	for _, dim := range d.all {
		if n := len(dim.current.ids) * referenceBytes; n > 1<<18 {
			t.Errorf("references to %s take %d bytes", dim.layout.Schema.Table, n)
		}
	}
	if lost := d.missing()["task"]; lost != ids {
		t.Errorf("%d rows are missing, want %d", lost, ids)
	}
}

// What is known of the batches of a segment is bounded: a generation ends when a table has so many.
func TestGenerationsEndWithManyBatches(t *testing.T) {
	r := newRecording(t)
	r.cfg.Keep, r.cfg.SegmentTime = 1000, time.Hour
	r.result(func(sweep int) bool {
		r.recorder.drain.rotation.maxBatches = 3
		r.session.push("syscall", 1, int64(sweep))
		r.flushNow()
		r.recorder.drain.lanes.waitIdle()
		return sweep < 100
	})
	c := capture(t, r.cfg.Path)
	for _, s := range c.Table("syscall").Segments {
		if len(s.Blocks) > 6 { // the lanes are behind the drain
			t.Errorf("%s has %d batches", s.Name, len(s.Blocks))
		}
	}
	if n := len(c.Table("syscall").Segments); n < 10 || !strings.Contains(fmt.Sprint(c.Manifest.Notes), "ended early") {
		t.Errorf("%d segments; notes %q", n, c.Manifest.Notes)
	}
	r.balanced(c, "syscall")
}

// A window has a bounded number of generations, however small they are asked to be.
func TestGenerationsOfAWindowAreBounded(t *testing.T) {
	d := newTestParts(t)
	r := d.rotation
	r.maxBytes, r.generationBytes, r.started = 1, func(int) int64 { return 2 }, time.Now()
	if !r.limitReached(time.Now()) {
		t.Error("a generation that is large enough does not end")
	}
	r.keeper.held.Store(maxWindowGenerations)
	if !r.limitReached(time.Now()) {
		t.Error("without a window the number of generations does not matter")
	}
	r.schedule, r.maxAge = &schedule{}, time.Minute
	if r.limitReached(time.Now()) {
		t.Error("a full window gets another generation")
	}
	if !r.limitReached(time.Now().Add(time.Hour)) {
		t.Error("a generation that is old enough does not end")
	}
}

// What is known of each segment that is kept has to fit into the memory.
func TestBudgetOfManySegments(t *testing.T) {
	var e *BudgetError
	cfg := Config{Keep: 100_000, SegmentTime: time.Second, MaxMemory: 128 << 20}
	if _, err := NewBudget(&cfg, 2, layouts); !errors.As(err, &e) || e.Keep != cfg.Keep || e.Least < 256<<20 {
		t.Errorf("%v", err)
	}
	cfg.Keep = 24
	if b, err := NewBudget(&cfg, 2, layouts); err != nil || b.batches*batchMemory > 4<<20 || b.batches < minBatches {
		t.Errorf("%+v, %v", b, err)
	}
}

// The command lines of processes that already run fill as many batches as they need, however little memory there is.
func TestRunningProcessesFillBatches(t *testing.T) {
	for _, keep := range []int{0, 3} {
		r := newRecording(t)
		r.cfg.MaxMemory, r.cfg.Keep = 64<<20, keep
		if keep > 0 {
			r.cfg.SegmentTime = time.Hour
		}
		r.start()
		tasks, running := format.NewBatch(schema.Of("task").Schema), bpf.NewRunning(4<<20)
		const n = 5000
		for pid := range int32(n) {
			exe := fmt.Sprintf("/%01000d", pid)
			if err := tasks.AppendRow(map[string]any{"tid": pid + 1<<30, "pid": pid + 1<<30, "exe": exe}); err != nil {
				t.Fatal(err)
			}
		}
		running.Add(tasks)
		r.recorder.drain.laneWait.allowed = true
		if err := r.recorder.listProcesses(running); err != nil {
			t.Fatal(err)
		}
		r.recorder.End()
		if _, err := r.recorder.Finish(r.recorder.Run(), nil); err != nil {
			t.Fatal(err)
		}
		c := capture(t, r.cfg.Path)
		most := 0
		scan := func(_ int, b *format.Batch) error {
			most = max(most, len(b.Column("filename").Str.Data))
			return nil
		}
		if err := c.Table("process").Scan(t.Context(), []string{"filename"}, 1, scan); err != nil {
			t.Fatal(err)
		}
		budget, err := NewBudget(&r.cfg, 1, layouts)
		if err != nil {
			t.Fatal(err)
		}
		if rows := c.Table("process").Rows; rows < n || most > budget.rareText+2000 {
			t.Errorf("%d processes, in batches of %d bytes at most", rows, most)
		}
		if notes := fmt.Sprint(c.Manifest.Notes); !strings.Contains(notes, "of the processes that ran at its") {
			t.Errorf("notes: %s", notes)
		}
	}
}
