// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

// A plan is how much memory what takes. With --max-memory everything is as large as fits.
type plan struct {
	ring     int // bytes of a bulk ring
	rareRing int // of a rare one
	bulkRows int // of a batch of a bulk table
	rareRows int
	rareText int   // bytes of text in a batch of a rare table, about
	window   int64 // bytes of segments in memory; 0: no limit
	names    int64 // bytes of rows that events may refer to; 0: no limit
}

// Memory is what a person sees of it: the resident size. That counts a ring twice, because it is mapped twice.
const (
	baseMemory    = 32 << 20 // the program, its threads, what the runtime has not given back
	encoderMemory = 4 << 20  // of one table: what a compressor keeps
	tarMemory     = 5 << 20  // of one table: a segment that is held until it is whole
	leastRing     = 64 << 10
	leastRareRing = 128 << 10
	leastBulkRows = 1 << 12
	leastRareRows = 1 << 11
	leastRareText = 64 << 10
)

// need is about how much memory a recording takes, bytes.
func (p *plan) need(layouts []*bpf.Layout, cpus int, tar bool) int64 {
	n := int64(baseMemory) + int64(cpus)*2*int64(p.ring+p.rareRing)
	for _, l := range layouts {
		if l == nil {
			continue
		}
		if l.Bulk {
			batch := int64(p.bulkRows) * rowSize(l.Schema)
			n += bulkBatches*batch + batch + encoderMemory
		} else {
			batch := int64(p.rareRows)*rowSize(l.Schema) + 2*int64(p.rareText)
			n += rareBatches*batch + batch
		}
		if tar {
			n += tarMemory
		}
	}
	return n
}

// rowSize is what a row takes in a batch, bytes, without its text.
func rowSize(s *format.Schema) (n int64) {
	for _, c := range s.Columns {
		switch c.Type {
		case format.Int64, format.Timestamp:
			n += 8
		case format.String:
			n += 8 // enumerators are short
		default:
			n += 4
		}
	}
	return n
}

// newPlan fits a recording into the memory it may take. It is an error when it cannot.
func newPlan(opt *options, cpus int, layouts []*bpf.Layout) (*plan, error) {
	p := &plan{
		ring: ringSize(int64(opt.buffer), cpus), rareRing: bpf.RareRingSize,
		bulkRows: bulkRows, rareRows: rareRows, rareText: rareText,
	}
	if opt.maxMemory == 0 {
		return p, nil
	}
	tar := !opt.rotates() && isTar(opt.write)
	limit := int64(opt.maxMemory)
	room := limit
	if opt.drops() {
		p.names = limit / 8
		room -= p.names
	}
	if opt.inMemory {
		room -= limit / 4
	}
	for p.need(layouts, cpus, tar) > room {
		if !p.shrink(opt.buffer > 0, cpus, layouts) {
			least := p.need(layouts, cpus, tar) + limit - room
			return nil, cli.WithHint(fmt.Errorf("keeping to --max-memory %s: %d CPUs take %s at least",
				opt.maxMemory.String(), cpus, term.Bytes(least)), "give it more, record fewer families with -e, or smaller rings with -b")
		}
	}
	if opt.inMemory {
		// What is left is the window's; an eighth of it is for what is on its way there when it is full.
		p.window = (limit - p.names - p.need(layouts, cpus, tar)) * 7 / 8
	}
	return p, nil
}

// shrink makes the largest part smaller by half; it says whether one could be.
func (p *plan) shrink(fixedRing bool, cpus int, layouts []*bpf.Layout) bool {
	rings := int64(cpus) * 2 * int64(p.ring)
	var batches int64
	for _, l := range layouts {
		if l != nil && l.Bulk {
			batches += bulkBatches * int64(p.bulkRows) * rowSize(l.Schema)
		}
	}
	shrunk := false
	half := func(n *int, least int) {
		if *n > least {
			*n /= 2
			shrunk = true
		}
	}
	if !fixedRing && rings >= batches {
		half(&p.ring, max(leastRing, os.Getpagesize()))
	}
	if !shrunk {
		half(&p.bulkRows, leastBulkRows)
	}
	if !shrunk && !fixedRing {
		half(&p.ring, max(leastRing, os.Getpagesize()))
	}
	if p.ring < p.rareRing || !shrunk {
		half(&p.rareRing, max(leastRareRing, os.Getpagesize()))
	}
	half(&p.rareRows, leastRareRows)
	half(&p.rareText, leastRareText)
	return shrunk
}

// garbage is how much there may be of it, percent of what is in use: batches and buffers, used again and again. The default, as
// much again, is only reached after minutes, and until then memory grows.
const garbage = 20

// keepTo makes Go's runtime keep to the ceiling too. What it does not manage are the rings and the program's own pages.
//
// Until settle it collects no garbage below the ceiling: at first nearly all that is made stays, and to look for the rest each
// time that there is a little more costs as much as recording.
func (p *plan) keepTo(limit int64, cpus int) {
	if limit > 0 {
		debug.SetMemoryLimit(max(limit-int64(cpus)*2*int64(p.ring+p.rareRing)-baseMemory/2, baseMemory/2))
	}
	debug.FreeOSMemory() // loading took more than running does
	debug.SetGCPercent(-1)
}

// settle: what a recording needs is there.
func settle() { debug.SetGCPercent(garbage) }

// Limits are the drain's part in keeping to what the recorder may take: over it, the bulk families are shed, counted as lost.
type limits struct {
	share  float64 // of a CPU; 0: no limit
	window int64   // bytes of segments in memory; 0: no limit

	looked time.Time
	used   time.Duration // CPU time at the last look
	credit time.Duration // CPU time that may be used at once; below 0: what was used too much

	shedding bool
	since    time.Time
	shed     time.Duration // in all, until since
	hungry   bool          // for memory, at some time
}

// burst is how long it may use CPU as if there were no limit, times the limit: it saves up no more.
const burst = time.Second

func newLimits(opt *options, window int64) *limits {
	return &limits{share: float64(opt.maxCPU) / 100, window: window, looked: time.Now(), used: cpuTime()}
}

func cpuTime() time.Duration { return time.Duration(now(unix.CLOCK_PROCESS_CPUTIME_ID)) }

// over says whether the bulk families are to be shed now. cpu is the CPU time used so far, memory the bytes of segments in
// memory.
func (l *limits) over(t time.Time, cpu time.Duration, memory int64) bool {
	over := false
	if l.share > 0 {
		l.credit += time.Duration(l.share*float64(t.Sub(l.looked))) - (cpu - l.used)
		l.credit = min(l.credit, time.Duration(l.share*float64(burst)))
		l.looked, l.used = t, cpu
		over = l.credit < 0
	}
	if l.window > 0 && memory > l.window {
		over, l.hungry = true, true
	}
	if over && !l.shedding {
		l.since = t
	}
	if !over && l.shedding {
		l.shed += t.Sub(l.since)
	}
	l.shedding = over
	return over
}

// obey sheds what is too much.
func (r *recorder) obey(t time.Time) error {
	l := r.limits
	if l.share == 0 && l.window == 0 {
		return nil
	}
	before := l.shedding
	var cpu time.Duration
	if l.share > 0 {
		cpu = cpuTime()
	}
	if l.over(t, cpu, r.w.MemoryBytes()) == before {
		return nil
	}
	if err := r.session.Shed(l.shedding); err != nil {
		return fmt.Errorf("shedding the bulk families: %w", err)
	}
	return nil
}

// notes say what was shed, for people.
func (l *limits) notes(t time.Time, opt *options) (notes []string) {
	shed := l.shed
	if l.shedding {
		shed += t.Sub(l.since)
	}
	if shed == 0 {
		return nil
	}
	why := "--max-cpu " + opt.maxCPU.String()
	if l.hungry {
		why = "--max-memory " + opt.maxMemory.String()
		if l.share > 0 {
			why += " or --max-cpu " + opt.maxCPU.String()
		}
	}
	return []string{fmt.Sprintf("for %v in all the bulk families were not recorded but counted as lost, because of %s", shed.Round(time.Millisecond), why)}
}
