// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// newTestKeeper writes generations into a capture, without a kernel.
func newTestKeeper(t *testing.T, keep int, opt format.WriterOptions) (*keeper, *recorder) {
	t.Helper()
	r := newTestRecorder(t)
	path := filepath.Join(t.TempDir(), "window")
	w, err := format.Create(path, format.Manifest{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	r.w, r.opt = w, &options{write: path, standing: standing{keep: keep}}
	k := newKeeper(r)
	t.Cleanup(k.close)
	return k, r
}

// write puts rows into a generation.
func write(t *testing.T, r *recorder, generation, rows int) {
	t.Helper()
	b := format.NewBatch(r.table("syscall").layout.Schema)
	for i := range rows {
		if err := b.AppendRow(map[string]any{"ts": int64(generation)*1e9 + int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	b.Generation = generation
	if err := r.w.Append(b, format.None); err != nil {
		t.Fatal(err)
	}
}

func TestKeeperKeeps(t *testing.T) {
	tests := []struct {
		name   string
		keep   int
		needed func(to int64) int64 // what ended before may go
		window int64
		want   []int // generations kept when the 9th is finished
	}{
		{name: "all", want: []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{name: "the newest three, one being written", keep: 3, want: []int{8, 9}},
		{name: "the last four seconds", needed: func(to int64) int64 { return to - 4e9 }, want: []int{5, 6, 7, 8, 9}},
		{name: "what fits", window: 4 << 16, want: []int{7, 8, 9}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k, r := newTestKeeper(t, test.keep, format.WriterOptions{Memory: test.window > 0})
			k.window = test.window
			for n := 1; n <= 9; n++ {
				write(t, r, n, 1)
				g := &generation{number: n, from: int64(n) * 1e9, to: int64(n+1) * 1e9}
				if test.needed != nil {
					g.needed = test.needed(g.to)
				}
				if err := k.take(g); err != nil {
					t.Fatal(err)
				}
			}
			var got []int
			for _, g := range k.kept {
				got = append(got, g.number)
			}
			if len(got) != len(test.want) || got[0] != test.want[0] || got[len(got)-1] != 9 {
				t.Errorf("generations %v, want %v", got, test.want)
			}
			if rows := r.w.Tables()["syscall"].Rows; rows != int64(len(test.want)) {
				t.Errorf("%d rows are left, want one of each of %d generations", rows, len(test.want))
			}
			if k.short.Load() != (test.window > 0) {
				t.Errorf("shorter than asked: %v", k.short.Load())
			}
		})
	}
}

// A generation is closed when a sweep has found all that was announced until its end, and not by one that left a ring early.
func TestGenerationIsClosedWhenAllWasHeard(t *testing.T) {
	r := newTestRecorder(t)
	r.losses = &losses{batch: format.NewBatch(format.LossSchema), total: make(map[string]int64)}
	r.events(t, "syscall", map[string]any{"task": int32(1)})
	r.names.turn()
	r.rotation.closing = &generation{number: 1, keeper: &keeper{}}
	r.heard, r.rotation.settled = 7, 8
	r.sweeps.Store(100) // one that has left a ring early
	if err := r.rotate(time.Now()); err != nil || r.rotation.closing == nil {
		t.Fatalf("closed, and nobody has heard of task 1: %v", err)
	}
	r.names.task.learn(announce(r.names.task, 1, 0), 1)
	r.heard = 8
	if err := r.rotate(time.Now()); err != nil || r.rotation.closing != nil {
		t.Fatalf("not closed: %v", err)
	}
	if len(r.losses.total) != 0 {
		t.Errorf("%v are lost", r.losses.total)
	}
}

// What was lost in a generation is told by its own rows, also when it was lost just before its end: a dump has them.
func TestGenerationTellsItsLosses(t *testing.T) {
	r := newTestRecorder(t)
	r.opt, r.limits = &options{}, &limits{}
	r.losses = &losses{batch: format.NewBatch(format.LossSchema), free: make(chan *format.Batch, 1), total: make(map[string]int64)}
	r.losses.free <- format.NewBatch(format.LossSchema)
	r.losses.open = []window{{table: "syscall", cpu: 1, count: 5, from: 1, until: 2}, {table: "file"}}
	r.rotation.keeper = &keeper{}
	r.endGeneration(nil)
	if len(r.rare.in) != 1 {
		t.Fatalf("%d batches, want the one of losses", len(r.rare.in))
	}
	b := (<-r.rare.in).batch
	if b.Schema != format.LossSchema || b.Rows != 1 || b.Generation != 1 || b.Column("count").I64[0] != 5 {
		t.Errorf("%d rows of %s in generation %d", b.Rows, b.Schema.Table, b.Generation)
	}
	if r.losses.open[0].count != 0 || r.losses.total["syscall"] != 5 {
		t.Errorf("still open: %+v", r.losses.open[0])
	}
}

// Both lanes have to be past a generation before the keeper has it.
func TestGenerationEndsInBothLanes(t *testing.T) {
	k := &keeper{in: make(chan *generation, 1)}
	k.behind.Store(1)
	g := &generation{keeper: k}
	g.lanes.Store(2)
	g.pass()
	if len(k.in) != 0 {
		t.Error("finished with one lane still in it")
	}
	g.pass()
	if len(k.in) != 1 || k.behind.Load() != 0 {
		t.Error("not finished with both lanes past it")
	}
}

func TestStandingFlags(t *testing.T) {
	for text, want := range map[string]string{"50%": "50%", "50": "50%", "200%": "200%", "-1": "", "x": "", "": ""} {
		var p percent
		err := p.Set(text)
		if got := p.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%s: %s, %v; want %s", strconv.Quote(text), got, err, want)
		}
	}
}
