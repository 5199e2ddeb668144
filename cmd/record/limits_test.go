// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
)

func TestPlanFits(t *testing.T) {
	layouts := bpf.Layouts()
	for _, cpus := range []int{1, 2, 16, 128, 512} {
		for _, limit := range []cli.Size{1 << 20, 48 << 20, 64 << 20, 128 << 20, 512 << 20, 4 << 30} {
			for _, opt := range []*options{
				{}, {write: "-"}, {standing: standing{last: 1}}, {standing: standing{last: 1, inMemory: true}}, {buffer: 1 << 20},
			} {
				opt.maxMemory = limit
				p, err := newPlan(opt, cpus, layouts)
				if err != nil {
					if limit == 4<<30 {
						t.Errorf("%d CPUs: %v", cpus, err)
					}
					continue
				}
				if n := p.need(layouts, cpus, opt.write == "-") + p.window + p.names; n > int64(limit) {
					t.Errorf("%d CPUs take %d of %d", cpus, n, limit)
				}
				if p.bulkRows < 2*bpf.MaxRecords || p.rareRows < 2*bpf.MaxRecords {
					t.Errorf("%d CPUs and %d: batches of %d and %d rows hold no two sweeps", cpus, limit, p.bulkRows, p.rareRows)
				}
				if p.ring&(p.ring-1) != 0 || p.rareRing&(p.rareRing-1) != 0 {
					t.Errorf("rings of %d and %d bytes are no powers of two", p.ring, p.rareRing)
				}
				if opt.buffer > 0 && p.ring != int(opt.buffer) {
					t.Errorf("a ring of %d, asked for were %d", p.ring, opt.buffer)
				}
				if opt.inMemory && p.window < int64(limit)/8 {
					t.Errorf("%d CPUs: a window of %d in %d", cpus, p.window, limit)
				}
			}
		}
	}
	if _, err := newPlan(&options{standing: standing{maxMemory: 1 << 20}}, 2, layouts); err == nil || !strings.Contains(err.Error(), "--max-memory 1MiB: 2 CPUs take ") {
		t.Errorf("1 MiB: %v", err)
	}
}

// It sheds while it has used more than its share, and no longer.
func TestSheddingFollowsTheBudget(t *testing.T) {
	begun := time.Unix(0, 0)
	l := &limits{share: 0.5, looked: begun}
	at, cpu := begun, time.Duration(0)
	run := func(d time.Duration, share float64) (shed time.Duration) {
		for range d / time.Millisecond {
			at, cpu = at.Add(time.Millisecond), cpu+time.Duration(share*float64(time.Millisecond))
			if l.over(at, cpu, 0) {
				shed += time.Millisecond
			}
		}
		return shed
	}
	if shed := run(10*time.Second, 0.4); shed != 0 {
		t.Errorf("below its share it shed for %v", shed)
	}
	if shed := run(600*time.Millisecond, 1); shed != 0 {
		t.Errorf("in a burst it shed for %v", shed)
	}
	if shed := run(2*time.Second, 1); shed < 1500*time.Millisecond {
		t.Errorf("twice its share for 2 s: it shed for %v only", shed)
	}
	// One second at twice the share is made up for by one second at nothing, not by more.
	if shed := run(5*time.Second, 0); shed < 500*time.Millisecond || shed > 2*time.Second {
		t.Errorf("it shed for %v after it", shed)
	}
	if notes := l.notes(at, &options{standing: standing{maxCPU: 50}}); len(notes) != 1 || !strings.Contains(notes[0], "because of --max-cpu 50%") {
		t.Errorf("notes: %v", notes)
	}

	l = &limits{window: 100}
	if l.over(at, 0, 100) || !l.over(at, 0, 101) || l.over(at.Add(time.Second), 0, 90) || l.shed != time.Second {
		t.Errorf("shedding for memory: %+v", l)
	}
}

// What a full window refuses is counted in the last dump, also what it refuses at the very end; and is not among what was recorded.
func TestWhatIsRefusedIsCounted(t *testing.T) {
	r := newTestRecorder(t)
	dir := t.TempDir()
	var err error
	if r.w, err = format.Create(filepath.Join(dir, "window"), format.Manifest{}, format.WriterOptions{Memory: true}); err != nil {
		t.Fatal(err)
	}
	r.opt, r.limits = &options{standing: standing{inMemory: true}}, &limits{}
	r.losses = &losses{batch: format.NewBatch(format.LossSchema), free: make(chan *format.Batch, 1), total: make(map[string]int64)}
	r.losses.free <- format.NewBatch(format.LossSchema)
	r.bulk, r.rare = newLane(r.w), newLane(r.w)
	r.bulk.window, r.rare.window = 1, 1
	r.flight = &flight{dir: dir, memory: true, last: 1 << 60}
	r.dumper = dumper{dir: dir, event: r.recordsEvents, tell: func(*format.Manifest, story) {}}
	r.rotation = newRotation(r)
	const each, times = 1000, 9
	calls := r.table("syscall")
	calls.lane = r.bulk
	for _, d := range r.names.all() {
		d.lane = r.rare
	}
	fill := func() {
		if !r.next(calls) {
			t.Fatal("no batch")
		}
		for range each {
			if err := calls.batch.AppendRow(map[string]any{"ts": int64(1e9), "task": int32(0)}); err != nil {
				t.Fatal(err)
			}
		}
		r.rows.Add(each)
		calls.received += each
	}
	for range times - 1 {
		fill()
		r.hand(calls)
		r.idle()
	}
	r.handLosses()
	fill() // and it ends
	r.endRotation(true)
	r.endLanes()
	if len(r.dumper.made) != 1 || len(r.dumper.failed) != 0 {
		t.Fatalf("dumps %v, failed %v", r.dumper.made, r.dumper.failed)
	}
	c, err := format.Open(r.dumper.made[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, lost := c.Table("syscall").Rows, c.Lost()["syscall"]
	if rows == 0 || lost < each || rows+lost != times*each {
		t.Errorf("%d rows and %d lost, of %d", rows, lost, times*each)
	}
	if r.rows.Load() != rows || r.lostTotal() != lost {
		t.Errorf("%d said to be recorded and %d lost, of %d and %d", r.rows.Load(), r.lostTotal(), rows, lost)
	}
}

// Batches are made when they are needed, and given back when they were not for a while; then they can be made again.
func TestBatchesAreTrimmed(t *testing.T) {
	r := newTestRecorder(t)
	calls := r.table("syscall")
	take := func(n int) {
		t.Helper()
		var taken []*format.Batch
		for range n {
			if !r.next(calls) {
				t.Fatalf("no batch after %d", len(taken))
			}
			taken = append(taken, calls.batch)
		}
		for _, b := range taken {
			calls.free <- b
		}
		calls.batch = nil
	}
	made := func(want int) {
		t.Helper()
		if n := bulkBatches - calls.unmade; n != want || len(calls.free) != want {
			t.Errorf("%d batches are made and %d free, want %d", n, len(calls.free), want)
		}
	}
	take(4)
	calls.trim()
	made(4)
	take(1)
	take(2)
	take(1)
	made(4)
	calls.trim()
	made(2)
	take(bulkBatches)
	calls.trim()
	made(bulkBatches)
	calls.trim() // it had nothing at all to do
	made(0)
	take(1)
	made(1)
}
