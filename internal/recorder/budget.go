//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A Budget is how much memory each part may take. With Config.MaxMemory everything is as large as fits.
type Budget struct {
	Ring     int // bytes of a bulk ring
	RareRing int // of a rare one

	cpus       int
	limit      int64 // Config.MaxMemory
	bulkRows   int   // of a batch of a bulk table
	rareRows   int
	rareText   int   // bytes of text in a batch of a rare table, about
	window     int64 // bytes of segments in memory; 0: no limit
	dimensions int64 // bytes of rows that events may refer to; 0: no limit
}

// MaxRing is the most that Config.RingBytes may be.
const MaxRing = 512 << 20

const (
	defaultRing  = 16 << 20
	defaultRings = 512 << 20 // of all CPUs together

	bulkRows    = 1 << 15 // rows of a batch of a bulk table: 3 MB of system calls
	bulkBatches = 5       // of them: one being filled, the others on their way to the file
	rareRows    = 1 << 12
	rareText    = 1 << 20 // bytes of text in one, about, when it is handed on
	rareBatches = 3
)

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

// BudgetError says that a recording does not fit into Config.MaxMemory.
type BudgetError struct {
	CPUs  int
	Least int64 // what it takes on so many CPUs, bytes
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("%d CPUs take %d bytes at least", e.CPUs, e.Least)
}

// NewBudget fits a recording on so many CPUs into the memory it may take; it is a *BudgetError when it cannot.
func NewBudget(cfg *Config, cpus int, layouts []*bpf.Layout) (*Budget, error) {
	b := &Budget{
		Ring: ringSize(cfg.RingBytes, cpus), RareRing: bpf.RareRingSize, cpus: cpus, limit: cfg.MaxMemory,
		bulkRows: bulkRows, rareRows: rareRows, rareText: rareText,
	}
	if b.limit == 0 {
		return b, nil
	}
	tar := !cfg.rotates() && IsTar(cfg.Path)
	room := b.limit
	if cfg.drops() {
		b.dimensions = b.limit / 8
		room -= b.dimensions
	}
	if cfg.InMemory {
		room -= b.limit / 4
	}
	for b.need(layouts, tar) > room {
		if !b.shrink(cfg.RingBytes > 0, layouts) {
			return nil, &BudgetError{CPUs: cpus, Least: b.need(layouts, tar) + b.limit - room}
		}
	}
	if cfg.InMemory {
		// What is left is the window's; an eighth of it is for what is on its way there when it is full.
		b.window = (b.limit - b.dimensions - b.need(layouts, tar)) * 7 / 8
	}
	return b, nil
}

// ringSize is the size of one bulk ring in bytes: a power of two of whole pages, at least as large as asked.
func ringSize(asked int64, cpus int) int {
	if asked == 0 {
		asked = defaultRing
		for asked > 1<<20 && asked*int64(cpus) > defaultRings {
			asked /= 2
		}
	}
	asked = max(asked, int64(os.Getpagesize()))
	return 1 << bits.Len64(uint64(asked-1))
}

// rings are the bytes of all rings.
func (b *Budget) rings() int64 { return int64(b.cpus) * 2 * int64(b.Ring+b.RareRing) }

// need is about how much memory a recording takes, bytes.
func (b *Budget) need(layouts []*bpf.Layout, tar bool) int64 {
	n := int64(baseMemory) + b.rings()
	for _, l := range layouts {
		if l == nil {
			continue
		}
		if l.Bulk {
			batch := int64(b.bulkRows) * rowSize(l.Schema)
			n += bulkBatches*batch + batch + encoderMemory
		} else {
			batch := int64(b.rareRows)*rowSize(l.Schema) + 2*int64(b.rareText)
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

// shrink makes the largest part smaller by half; it says whether one could be.
func (b *Budget) shrink(fixedRing bool, layouts []*bpf.Layout) bool {
	rings := int64(b.cpus) * 2 * int64(b.Ring)
	var batches int64
	for _, l := range layouts {
		if l != nil && l.Bulk {
			batches += bulkBatches * int64(b.bulkRows) * rowSize(l.Schema)
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
		half(&b.Ring, max(leastRing, os.Getpagesize()))
	}
	if !shrunk {
		half(&b.bulkRows, leastBulkRows)
	}
	if !shrunk && !fixedRing {
		half(&b.Ring, max(leastRing, os.Getpagesize()))
	}
	if b.Ring < b.RareRing || !shrunk {
		half(&b.RareRing, max(leastRareRing, os.Getpagesize()))
	}
	half(&b.rareRows, leastRareRows)
	half(&b.rareText, leastRareText)
	return shrunk
}

// garbagePercent is how much garbage there may be, percent of what is in use: batches and buffers, used again and
// again. The default, as much again, is only reached after minutes, and until then memory grows.
const garbagePercent = 20

// LimitRuntime makes Go's runtime keep to the budget too, in the whole program. What it does not manage are the rings
// and the program's own pages.
//
// Until the recording has run for a while (collectGarbage) it collects no garbage below the limit: at first nearly all
// that is made stays, and to look for the rest each time that there is a little more costs as much as recording.
func (b *Budget) LimitRuntime() {
	if b.limit > 0 {
		debug.SetMemoryLimit(max(b.limit-b.rings()-baseMemory/2, baseMemory/2))
	}
	debug.FreeOSMemory() // loading took more than running does
	debug.SetGCPercent(-1)
}

// collectGarbage ends what LimitRuntime began: what a recording needs has been made.
func collectGarbage() { debug.SetGCPercent(garbagePercent) }
