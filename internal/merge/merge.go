// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Span is what is known about a block before it is read.
type Span struct {
	Rows     int
	Min, Max int64 // time of the first and the last row, ns
}

// maxSources is what the 16 bits for a source's number in a key allow. The greatest number is unused, so that no row
// has the greatest key.
const maxSources = 1<<16 - 1

// Source is one table.
type Source interface {
	// Spans describes the blocks in the order in which they were written.
	Spans() []Span
	// Width is roughly the number of bytes that a row takes in a Run.
	Width() int
	// Read appends to run the rows of a block with a time from `from` to `last`, both included, in order of time. If
	// a filter leaves few rows of the block, it may append those after `last` too, and returns true: the block is not
	// read again. Before each row Read asks run.Wants, which tells it to leave the row out, or to return: the rest is
	// read by another call. Read is called concurrently, with different numbers of workers, from 0 to Options.Workers,
	// included.
	Read(worker, block int, from, last int64, run *Run) (all bool, err error)
}

// Options are the limits of a merge. A field that is 0 or "" has its default.
type Options struct {
	Workers int    // number of goroutines that read blocks, default 1
	Window  int64  // bytes of rows in memory, of all tables together, default 64 MiB
	Late    int64  // bytes of late rows in memory, default 64 MiB; further ones are written to temporary files
	Run     int    // bytes of the rows of a block in memory, default 32 MiB; a longer block is read several times
	Held    int64  // bytes of all rows in memory, default 256 MiB; more are written to temporary files
	Disk    int64  // bytes of these files at once, default 4 GiB; more are ErrTooLate
	TempDir string // for these files, default os.TempDir()
}

func (o *Options) defaults() {
	o.Workers = max(o.Workers, 1)
	if o.Window <= 0 {
		o.Window = 64 << 20
	}
	if o.Late <= 0 {
		o.Late = 64 << 20
	}
	if o.Run <= 0 {
		o.Run = 32 << 20
	}
	if o.Held <= 0 {
		o.Held = 256 << 20
	}
	if o.Disk <= 0 {
		o.Disk = 4 << 30
	}
}

// Merge calls emit for each row of all sources in order of time. Rows with the same time come in the order of sources,
// blocks and rows. The row is only valid until emit returns. Merge returns the first error of a source or of emit, or
// the cause of ctx when it is done.
func Merge(ctx context.Context, sources []Source, opt Options, emit func(ts int64, row []byte) error) error {
	if len(sources) > maxSources {
		return fmt.Errorf("%d tables at once, more than %d", len(sources), maxSources)
	}
	opt.defaults()
	m := &merger{sources: sources, opt: opt, parts: plan(sources, opt.Window), emit: emit}
	m.start()
	defer m.stop()
	return m.run(ctx)
}

// part is the late rows of a block, or its other rows.
type part struct {
	source, block int
	from, last    int64 // times of its rows, both included; the merge needs it when it reaches from
	latePart      *part // of a part that is not late: the late part of the same block, nil if it has none
	late          bool
	all           bool // of a late part: it was read with all rows of the block

	// Written by a worker before it closes done.
	run  *Run
	err  error
	done chan struct{}
}

// plan returns the parts of all blocks in the order in which the merge needs them.
func plan(sources []Source, window int64) []*part {
	var parts []*part
	total := 0.0
	for _, source := range sources {
		total += size(source)
	}
	for s, source := range sources {
		spans := source.Spans()
		share := max(float64(window)*size(source)/total, float64(min(window, minWindow)))
		for b, cut := range cuts(spans, int(share/float64(max(source.Width(), 1)))) {
			span := spans[b]
			if span.Rows == 0 {
				continue
			}
			var late *part
			if span.Min < cut {
				late = &part{source: s, block: b, from: span.Min, last: cut - 1, late: true}
				parts = append(parts, late)
			}
			if span.Max >= cut {
				parts = append(parts, &part{source: s, block: b, from: max(span.Min, cut),
					last: math.MaxInt64, latePart: late})
			} else {
				late.last = math.MaxInt64 // all of the block is late
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(a.from, b.from) })
	return parts
}

// minWindow is the least window of one table in bytes. A table that is small compared to the others would otherwise get
// next to nothing.
const minWindow = 256 << 10

// size is roughly the number of bytes that all rows of a source take.
func size(s Source) float64 {
	rows := 1
	for _, span := range s.Spans() {
		rows += span.Rows
	}
	return float64(rows) * float64(max(s.Width(), 1))
}

// cuts returns for each block the time before which its rows are late: the greatest time in the blocks that were
// written more than window rows before it.
func cuts(spans []Span, window int) []int64 {
	out := make([]int64, len(spans))
	cut, rows, oldest := int64(math.MinInt64), 0, 0 // rows: in the blocks from oldest to b
	for b, span := range spans {
		for rows > window {
			cut = max(cut, spans[oldest].Max)
			rows -= spans[oldest].Rows
			oldest++
		}
		out[b] = cut
		rows += span.Rows
	}
	return out
}

type merger struct {
	ctx     context.Context // of run
	sources []Source
	opt     Options
	emit    func(int64, []byte) error

	parts  []*part // as planned
	opened int     // parts[:opened] were added to the heap
	issued int     // parts[:issued] were sent to the workers
	todo   chan *part
	busy   sync.WaitGroup // the workers
	quit   atomic.Bool    // workers read no further parts
	spare  chan *Run      // for reuse

	heap heap
	late int64 // bytes of late rows in memory
	held int64 // bytes of all rows in the heap that are in memory
	disk int64 // bytes of the temporary files that are open
}

func (m *merger) start() {
	m.todo = make(chan *part, 2*m.opt.Workers)
	m.spare = make(chan *Run, 2*m.opt.Workers)
	for w := range m.opt.Workers {
		m.busy.Add(1)
		go m.work(w)
	}
}

// stop waits for the workers, so that no source is read after Merge has returned.
func (m *merger) stop() {
	m.quit.Store(true)
	close(m.todo)
	m.busy.Wait()
	for _, c := range m.heap {
		c.close()
	}
}

func (m *merger) work(worker int) {
	defer m.busy.Done()
	for p := range m.todo {
		if p.latePart != nil {
			<-p.latePart.done // it was sent before, so another worker has it or has finished it
		}
		if !m.quit.Load() && (p.latePart == nil || !p.latePart.all) {
			m.read(worker, p)
		}
		close(p.done)
	}
}

func (m *merger) read(worker int, p *part) {
	run := m.emptyRun(p)
	all, err := m.sources[p.source].Read(worker, p.block, p.from, p.last, run)
	p.all = p.late && all
	if err == nil {
		err = run.check(p)
	}
	p.run, p.err = m.clip(run), err
}

func (m *merger) emptyRun(p *part) *Run {
	run := &Run{}
	select {
	case run = <-m.spare:
		run.reset()
	default:
	}
	run.ord = uint64(p.source)<<48 | uint64(p.block)&(1<<24-1)<<24
	run.limit = m.opt.Run
	return run
}

// clip copies a run that fills less than half of its memory to memory of its own size, because it may stay in the heap
// for long.
func (m *merger) clip(run *Run) *Run {
	if cap(run.Data) < 2*len(run.Data)+1024 && cap(run.keys) < 2*len(run.keys)+64 {
		return run
	}
	small := &Run{Data: slices.Clone(run.Data), keys: slices.Clone(run.keys), ends: slices.Clone(run.ends),
		ord: run.ord, limit: run.limit, more: run.more}
	m.recycle(run)
	return small
}

func (m *merger) recycle(run *Run) {
	select {
	case m.spare <- run:
	default:
	}
}

func (m *merger) run(ctx context.Context) error {
	m.ctx = ctx
	for {
		if err := m.open(ctx); err != nil {
			return err
		}
		if len(m.heap) == 0 {
			return nil
		}
		limit := key{math.MaxInt64, math.MaxUint64}
		if m.opened < len(m.parts) {
			limit = key{ts: m.parts[m.opened].from}
		}
		if err := m.drain(ctx, limit); err != nil {
			return err
		}
	}
}

// open adds to the heap all parts that may have rows up to the time of its top; if it is empty, the next part with
// rows.
func (m *merger) open(ctx context.Context) error {
	for m.opened < len(m.parts) && (len(m.heap) == 0 || m.parts[m.opened].from <= m.heap[0].key.ts) {
		for m.issued < min(len(m.parts), m.opened+cap(m.todo)) {
			m.parts[m.issued].done = make(chan struct{})
			m.todo <- m.parts[m.issued]
			m.issued++
		}
		p := m.parts[m.opened]
		select {
		case <-p.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		m.parts[m.opened] = nil
		m.opened++
		if p.err != nil {
			return p.err
		}
		if err := m.add(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) add(p *part) error {
	run := p.run
	p.run = nil
	if run == nil || len(run.keys) == 0 {
		if run != nil {
			m.recycle(run)
		}
		return nil
	}
	c := &cursor{run: run, key: run.keys[0], late: p.late, size: run.bytes()}
	if run.more {
		c.refill = func() error { return m.refill(p, run) }
	}
	m.heap.push(c)
	m.held += c.size
	if p.late {
		m.late += c.size
	}
	switch {
	case m.held > m.opt.Held:
		return m.spill(true)
	case m.late > m.opt.Late:
		return m.spill(false)
	}
	return nil
}

// refill reads the rows of a part that follow those in its run.
func (m *merger) refill(p *part, run *Run) error {
	after := run.keys[len(run.keys)-1]
	run.reset()
	run.after, run.continued = after, true
	_, err := m.sources[p.source].Read(m.opt.Workers, p.block, after.ts, p.last, run)
	if err == nil {
		err = run.check(p)
	}
	return err
}

// drain emits the rows of the heap before limit.
func (m *merger) drain(ctx context.Context, limit key) error {
	for len(m.heap) > 0 && m.heap[0].key.less(limit) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		top, until := m.heap[0], m.heap.second(limit)
		more, err := m.drainTop(top, until)
		switch {
		case err != nil:
			return err
		case more:
			m.heap.fix()
		default:
			m.heap.pop()
			m.finish(top)
		}
	}
	return nil
}

// drainTop emits the rows of c before until, but at least one; more is false if that was the last row of c.
func (m *merger) drainTop(c *cursor, until key) (more bool, err error) {
	for more = true; more && err == nil; {
		if err = m.emit(c.key.ts, c.bytes()); err == nil {
			more, err = c.next()
		}
		if !c.key.less(until) {
			break
		}
	}
	return more, err
}

// finish releases what a cursor without further rows has used.
func (m *merger) finish(c *cursor) {
	if c.run != nil {
		m.held -= c.size
		if c.late {
			m.late -= c.size
		} else {
			m.recycle(c.run)
		}
	}
	c.close()
}
