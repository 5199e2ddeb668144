//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"path/filepath"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// newTestKeeper is a keeper of a new capture in a temporary directory, which makes dumps beside it.
func newTestKeeper(t *testing.T, keep int, opt format.WriterOptions) *keeper {
	t.Helper()
	dir := t.TempDir()
	w, err := format.Create(filepath.Join(dir, WindowName), format.Manifest{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	k := startKeeper(w, &dumper{dir: dir, w: w, observer: &fakeObserver{}}, keep, 0)
	return k
}

// write writes a batch of rows of the table syscall into a generation.
func write(t *testing.T, w *format.Writer, generation, rows int) {
	t.Helper()
	b := format.NewBatch(schema.Of("syscall").Schema)
	for i := range rows {
		if err := b.AppendRow(map[string]any{"ts": int64(generation)*1e9 + int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	b.Generation = generation
	if err := w.Append(b, format.None); err != nil {
		t.Fatal(err)
	}
}

func TestKeeperKeeps(t *testing.T) {
	tests := []struct {
		name       string
		keep       int
		dropBefore func(to int64) int64 // of a generation that ends at to
		window     int64
		want       []int // generations kept when the 9th is finished
	}{
		{name: "all", want: []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{name: "the newest three, one being written", keep: 3, want: []int{8, 9}},
		{
			name: "the last four seconds", dropBefore: func(to int64) int64 { return to - 4e9 },
			want: []int{5, 6, 7, 8, 9},
		},
		{name: "what fits into the window", window: 4 << 16, want: []int{7, 8, 9}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k := newTestKeeper(t, test.keep, format.WriterOptions{Memory: test.window > 0})
			defer k.close()
			k.window = test.window
			for n := 1; n <= 9; n++ {
				write(t, k.w, n, 1)
				g := &generation{number: n, from: int64(n) * 1e9, to: int64(n+1) * 1e9}
				if test.dropBefore != nil {
					g.dropBefore = test.dropBefore(g.to)
				}
				if err := k.finish(g); err != nil {
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
			if rows := k.w.Tables()["syscall"].Rows; rows != int64(len(test.want)) {
				t.Errorf("%d rows are kept, want one for each of %d generations", rows, len(test.want))
			}
			if k.shortened.Load() != (test.window > 0) {
				t.Errorf("shortened: %v", k.shortened.Load())
			}
		})
	}
}

// The keeper gets a generation when all lanes have written it.
func TestGenerationEndsInBothLanes(t *testing.T) {
	k := &keeper{queue: make(chan *generation, 1)}
	lanes := &lanes{bulk: &lane{jobs: make(chan job, 1)}, rare: &lane{jobs: make(chan job, 1)},
		named: &lane{jobs: make(chan job, 1)}}
	k.finishAfterLanes(&generation{number: 1}, lanes)
	(<-lanes.bulk.jobs).call()
	if len(k.queue) != 0 || k.unfinished.Load() != 1 {
		t.Error("finished before the second lane had written it")
	}
	(<-lanes.rare.jobs).call()
	(<-lanes.named.jobs).call()
	if len(k.queue) != 1 || k.unfinished.Load() != 0 {
		t.Error("not finished after all lanes had written it")
	}
}

// Rows that the lanes refuse because the window is full are counted as lost in the last dump, including those refused
// at the very end. They do not count as recorded.
func TestRefusedRowsAreLost(t *testing.T) {
	k := newTestKeeper(t, 0, format.WriterOptions{Memory: true})
	d := newTestParts(t)
	calls, opt := d.gatherer.table("syscall"), laneOptions{window: 1}
	d.lanes.bulk, d.lanes.rare, d.lanes.named = startLane(k.w, opt), startLane(k.w, opt), startLane(k.w, opt)
	d.rotation.keeper = k
	d.rotation.schedule = newSchedule(&Config{Last: 1 << 60, InMemory: true}, &hits{}, monotonic)
	d.rotation.begin()
	const each, times = 1000, 9
	fill := func() {
		for range each {
			if err := d.gatherer.emit(calls.layout, bpf.SingleRecord(newRecord(calls.layout)), 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range times - 1 {
		fill()
		d.gatherer.send(calls)
		d.lanes.waitIdle()
	}
	d.accounts.send()
	fill() // and it ends
	d.rotation.finish(true)
	d.lanes.close()
	k.close()
	if len(k.dumper.dumps) != 1 || k.dumper.failed != 0 {
		t.Fatalf("dumps %v, failed %v", k.dumper.dumps, k.dumper.err)
	}
	c, err := format.Open(k.dumper.dumps[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, lost := c.Table("syscall").Rows, c.Lost()["syscall"]
	if rows == 0 || lost < each || rows+lost != times*each {
		t.Errorf("%d rows and %d lost, of %d", rows, lost, times*each)
	}
	if d.gatherer.counts.rows.Load() != rows || d.accounts.lostTotal() != lost {
		t.Errorf("counted are %d recorded and %d lost, want %d and %d", d.gatherer.counts.rows.Load(),
			d.accounts.lostTotal(), rows, lost)
	}
}
