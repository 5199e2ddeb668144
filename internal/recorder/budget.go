//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"math/bits"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A Budget is how much memory each part may take. With Config.MaxMemory, parts are made as large as fits.
type Budget struct {
	Ring int // bytes of each bulk ring
	// Bytes of each CPU's ring for processes and connections, and of each of its bpf.RareRings.
	EventRing, RareRing int

	cpus       int
	limit      int64 // Config.MaxMemory; without it, what all parts may take together
	bulkRows   int   // rows of a batch of a bulk table
	rareRows   int   // rows of a batch of a rare table
	rareText   int   // approximate bytes of text in a batch of a rare table
	window     int64 // bytes of segments in memory; 0: no limit
	dimensions int64 // bytes of dimension rows and what is known of processes; 0: none are kept
	segments   int64 // bytes of what is known of finished segments
	batches    int   // of a table in a generation
	names      int   // bytes of names of programs while running processes are listed; batches are not in use then
}

const (
	defaultDimensions = 64 << 20
	moreDimensions    = 2 << 20 // for each CPU: its ring for announcements, as rows
)

// physicalMemory is the size of the machine's memory, in bytes.
func physicalMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 30
	}
	return int64(uint64(info.Totalram) * uint64(info.Unit))
}

// MaxRing is the maximum of Config.RingBytes.
const MaxRing = 512 << 20

const (
	defaultRing  = 16 << 20
	defaultRings = 512 << 20 // of all CPUs together
	rareRings    = 256 << 20 // the same, of the rare rings

	bulkRows    = 1 << 15 // rows of a batch of a bulk table: 3 MB of system calls
	bulkBatches = 5       // batches of a bulk table: one being filled, the others being written
	rareRows    = 1 << 12 // rows of a batch of a rare table
	rareText    = 1 << 20 // approximate bytes of text at which a batch of a rare table is sent
	rareBatches = 3

	// eventBatches is the same of a table whose events are in the ring for processes and connections: as many as it
	// takes to wait for a lane that is behind with others.
	eventBatches = 6
)

// batches is how many batches a table has.
func batches(l *bpf.Layout) int {
	switch {
	case l.Bulk:
		return bulkBatches
	case l.Schema.Table == "process" || l.Schema.Table == "tcp":
		return eventBatches
	}
	return rareBatches
}

// The budget is for the resident size, as ps shows it. That counts a ring twice, because it is mapped twice.
const (
	baseMemory    = 32 << 20 // the program, its threads, and memory that the runtime has not returned
	encoderMemory = 4 << 20  // per bulk table: the compressor's buffers
	tarMemory     = 5 << 20  // per table: in a tar, a segment is held in memory until it is complete
	segmentMemory = 320      // per finished segment that may be dropped: what the writer and the keeper know of it
	minRing       = 64 << 10
	minRareRing   = 64 << 10
	minBulkRows   = 1 << 12
	minRareRows   = 1 << 11
	minRareText   = 32 << 10
)

// What is known of each batch of a segment that is being written takes batchMemory bytes, its part of the footer and of
// the slices that grow with it included. Generations have as many batches as take batchShare of the memory, for one
// table that has so many.
const (
	batchMemory = 64
	batchShare  = 1.0 / 32
	minBatches  = 1 << 12
	maxBatches  = 1 << 19
)

// maxNames is Budget.names without a limit.
const maxNames = 64 << 20

// BudgetError reports that a recording does not fit into Config.MaxMemory.
type BudgetError struct {
	CPUs  int
	Keep  int   // the generations that are kept; 0: not so many that they matter
	Least int64 // bytes that a recording needs at least on this number of CPUs
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("%d CPUs take %d bytes at least", e.CPUs, e.Least)
}

// NewBudget divides cfg.MaxMemory among the parts of a recording with rings on that many CPUs. The error is a
// *BudgetError if they do not fit at their minimum sizes.
func NewBudget(cfg *Config, cpus int, layouts []*bpf.Layout) (*Budget, error) {
	b := &Budget{
		Ring: ringSize(cfg.RingBytes, cpus), EventRing: bpf.EventRingSize, RareRing: rareRingSize(cpus), cpus: cpus,
		limit:    cfg.MaxMemory,
		bulkRows: bulkRows, rareRows: rareRows, rareText: rareText,
	}
	tar := !cfg.rotates() && IsTar(cfg.Path)
	b.segments = segmentBytes(cfg, tar, layouts)
	b.batches, b.names = maxBatches, maxNames
	if b.limit > 0 {
		b.names = int(b.limit / 16)
		b.batches = min(max(int(float64(b.limit)*batchShare)/batchMemory, minBatches), maxBatches)
	}
	if b.limit == 0 {
		if cfg.drops() {
			b.dimensions = defaultDimensions + int64(cpus)*moreDimensions
		}
		if cfg.InMemory {
			b.window = physicalMemory() / 4
		}
		b.limit = b.need(layouts, tar) + b.dimensions*5/4 + b.window*9/8
		return b, nil
	}
	room := b.limit
	if cfg.drops() {
		b.dimensions = b.limit / 10
		room -= b.dimensions
	}
	if cfg.InMemory {
		room -= b.limit / 4
	}
	for b.need(layouts, tar) > room {
		if !b.shrink(cfg.RingBytes > 0, layouts) {
			e := &BudgetError{CPUs: cpus, Least: b.need(layouts, tar) + b.limit - room}
			if b.segments > baseMemory/4 {
				e.Keep = cfg.Keep
			}
			return nil, e
		}
	}
	if cfg.InMemory {
		// The window gets the rest, less an eighth for batches that arrive after it is full.
		b.window = (b.limit - b.dimensions - b.need(layouts, tar)) * 7 / 8
	}
	return b, nil
}

// segmentBytes is how much memory what is known of finished segments takes at most, in bytes.
func segmentBytes(cfg *Config, tar bool, layouts []*bpf.Layout) (n int64) {
	tables := int64(1) // loss
	for _, l := range layouts {
		if l != nil {
			tables++
		}
	}
	switch {
	case cfg.flight() && cfg.SegmentBytes > 0:
		return maxWindowGenerations * tables * segmentMemory
	case cfg.Keep > 0 && !cfg.flight():
		return int64(cfg.Keep) * tables * segmentMemory
	case cfg.rotates() && !cfg.flight() || tar:
		return format.MaxChecksumBytes
	}
	return 0
}

// ringSize is the size of one bulk ring in bytes: a power of two, at least one page and at least requested. If
// requested is 0, it is chosen by the number of CPUs.
func ringSize(requested int64, cpus int) int {
	if requested == 0 {
		requested = defaultRing
		for requested > 1<<20 && requested*int64(cpus) > defaultRings {
			requested /= 2
		}
	}
	requested = max(requested, int64(os.Getpagesize()))
	return 1 << bits.Len64(uint64(requested-1))
}

// rareRingSize is the size of one rare ring in bytes, on that many CPUs.
func rareRingSize(cpus int) int {
	size := bpf.RareRingSize
	for size > minRareRing && cpus*bpf.RareRings*size > rareRings {
		size /= 2
	}
	return size
}

// minEventRing is the least size of the ring for processes and connections in bytes, on that many CPUs. It is larger
// than those of other rings as long as it costs little: what is lost there is lost for good.
func minEventRing(cpus int) int {
	size := 512 << 10
	for size > 2*minRareRing && cpus*size > 2<<20 {
		size /= 2
	}
	return size
}

// rings is the resident size of all rings, in bytes.
func (b *Budget) rings() int64 {
	return int64(b.cpus) * 2 * int64(b.Ring+b.EventRing+bpf.RareRings*b.RareRing)
}

// need is approximately how much memory a recording takes, in bytes.
func (b *Budget) need(layouts []*bpf.Layout, tar bool) int64 {
	n := int64(baseMemory) + b.rings() + b.segments
	for _, l := range layouts {
		if l == nil {
			continue
		}
		if l.Bulk {
			batch := int64(b.bulkRows) * rowSize(l.Schema)
			n += int64(batches(l)+1)*batch + encoderMemory
		} else {
			batch := int64(b.rareRows)*rowSize(l.Schema) + 2*int64(b.rareText)
			n += int64(batches(l)+1) * batch
		}
		if tar {
			n += tarMemory
		}
	}
	return n
}

// rowSize is the size of a row in a batch, in bytes, without its text.
func rowSize(s *format.Schema) (n int64) {
	for _, c := range s.Columns {
		switch c.Type {
		case format.Int64, format.Timestamp:
			n += 8
		case format.String:
			n += 8 // its offset, and the few bytes of an enumerator's name
		default:
			n += 4
		}
	}
	return n
}

// shrink halves the largest of rings and bulk batches (the rings only unless fixedRing), and the smaller parts with it.
// It reports false when all are at their minimum.
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
		half(&b.Ring, max(minRing, os.Getpagesize()))
	}
	if !shrunk {
		half(&b.bulkRows, minBulkRows)
	}
	if !shrunk && !fixedRing {
		half(&b.Ring, max(minRing, os.Getpagesize()))
	}
	if b.Ring < b.RareRing || !shrunk {
		half(&b.EventRing, max(minEventRing(b.cpus), os.Getpagesize()))
		half(&b.RareRing, max(minRareRing, os.Getpagesize()))
	}
	half(&b.rareRows, minRareRows)
	half(&b.rareText, minRareText)
	return shrunk
}

// gcPercent is the heap growth that starts a garbage collection, in percent of the live heap. Batches and buffers are
// reused, so with the default of 100 it would take minutes to get there, and the growth would look like a leak.
const gcPercent = 20

// PauseGC turns off garbage collection for the start, until LimitRuntime collects what is left of it. Nearly all that
// is allocated to load the BPF programs is in use until they are loaded: collections took a tenth of the CPU time.
func PauseGC() { debug.SetGCPercent(-1) }

// LimitRuntime sets the memory limit of the Go runtime, for the whole program: the budget without the rings and the
// pages of the binary, which the runtime does not manage.
//
// It also turns off garbage collection below that limit, until enableGC. While the buffers are being allocated, nearly
// nothing is garbage, and a collection for each small growth costs as much CPU time as recording.
func (b *Budget) LimitRuntime() {
	debug.SetMemoryLimit(max(b.limit-b.rings()-baseMemory/2, baseMemory/2))
	debug.FreeOSMemory() // loading the BPF programs took more memory than recording does
	debug.SetGCPercent(-1)
}

// enableGC turns on garbage collection again after LimitRuntime, when all buffers have been allocated.
func enableGC() { debug.SetGCPercent(gcPercent) }
