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

// Span is what is known of a block before it is read: its number of rows and the first and the last of their times, in
// ns.
type Span struct {
	Rows     int
	Min, Max int64
}

const maxSources = 1<<16 - 1 // a source's number is 16 bits of a key, and the greatest key is nobody's

// Source is one table.
type Source interface {
	// Spans describes the blocks in the order in which they were written.
	Spans() []Span
	// Width is the number of bytes that a row takes in a Run, roughly.
	Width() int
	// Read adds to run those rows of a block whose time is from `from` to `last`, both included, in order of time.
	// Where few rows of the block count at all it may add those after `last` too, and says so by returning true.
	// Workers, numbered from 0, read at the same time; each number is used by one at a time.
	Read(worker, block int, from, last int64, run *Run) (all bool, err error)
}

// Options bound a merge. The zero value means the defaults.
type Options struct {
	Workers int    // that read blocks; default 1
	Window  int64  // bytes of rows held in memory, of all tables, default 64 MiB
	Late    int64  // bytes of late rows held in memory, default 64 MiB; what is beyond goes to a file
	TempDir string // of that file, default the system's
}

func (o *Options) defaults() {
	o.Workers = max(o.Workers, 1)
	if o.Window <= 0 {
		o.Window = 64 << 20
	}
	if o.Late <= 0 {
		o.Late = 64 << 20
	}
}

// Merge calls emit for each row of all sources in order of time; rows of one time come in the order of sources, blocks
// and rows. The row is emit's until it returns. Merge ends at the first error, emit's included, or with ctx and its
// cause.
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

// part is the late rows of a block, or the others.
type part struct {
	source, block int
	from, last    int64 // of the rows; from is also when the part must be opened
	twin          *part // of a part that is not late: the late one
	late          bool
	all           bool // the late part has the whole block
	run           *Run
	err           error
	done          chan struct{}
}

// plan lists the parts of all blocks in the order in which they are opened.
func plan(sources []Source, window int64) []*part {
	var parts []*part
	all := 0.0
	for _, source := range sources {
		all += size(source)
	}
	for s, source := range sources {
		spans := source.Spans()
		share := max(float64(window)*size(source)/all, float64(min(window, minWindow)))
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
					last: math.MaxInt64, twin: late})
			} else {
				late.last = math.MaxInt64
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return cmp.Compare(a.from, b.from) })
	return parts
}

// minWindow is the window in bytes of a table that is small beside the others.
const minWindow = 256 << 10

// size is what a source takes in all, roughly.
func size(s Source) float64 {
	rows := 1
	for _, span := range s.Spans() {
		rows += span.Rows
	}
	return float64(rows) * float64(max(s.Width(), 1))
}

// cuts gives for each block the time before which its rows are late: the last moment of all blocks that lie more than
// window rows before it.
func cuts(spans []Span, window int) []int64 {
	out := make([]int64, len(spans))
	last, rows, tail := int64(math.MinInt64), 0, 0
	for b, span := range spans {
		for rows > window {
			last = max(last, spans[tail].Max)
			rows -= spans[tail].Rows
			tail++
		}
		out[b] = last
		rows += span.Rows
	}
	return out
}

type merger struct {
	sources []Source
	opt     Options
	emit    func(int64, []byte) error

	parts  []*part // in order; parts[:opened] are in the heap or through, parts[:issued] are with the workers
	opened int
	issued int
	todo   chan *part
	busy   sync.WaitGroup
	quit   atomic.Bool
	spare  chan *Run

	heap heap
	late int64 // bytes of late rows in memory
}

func (m *merger) start() {
	m.todo = make(chan *part, 2*m.opt.Workers)
	m.spare = make(chan *Run, 2*m.opt.Workers)
	for w := range m.opt.Workers {
		m.busy.Add(1)
		go m.work(w)
	}
}

// stop waits for the workers, so that nobody reads a source after Merge.
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
		if p.twin != nil {
			<-p.twin.done // it was issued before
		}
		if !m.quit.Load() && (p.twin == nil || !p.twin.all) {
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
	return run
}

// clip gives rows that are few, and may wait for long, memory of their own size.
func (m *merger) clip(run *Run) *Run {
	if cap(run.Data) < 2*len(run.Data)+1024 && cap(run.keys) < 2*len(run.keys)+64 {
		return run
	}
	small := &Run{Data: slices.Clone(run.Data), keys: slices.Clone(run.keys), ends: slices.Clone(run.ends)}
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

// open brings in all parts that may hold a row no later than the first one of the heap.
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
	m.heap.push(&cursor{run: run, key: run.keys[0], late: p.late})
	if !p.late {
		return nil
	}
	m.late += run.bytes()
	if m.late <= m.opt.Late {
		return nil
	}
	return m.spill()
}

// drain emits the rows before limit.
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

// drainTop emits the rows of c before until, at least one; more is false when c is through.
func (m *merger) drainTop(c *cursor, until key) (more bool, err error) {
	for more = true; more && err == nil; {
		if err = m.emit(c.key.ts, c.row()); err == nil {
			more, err = c.next()
		}
		if !c.key.less(until) {
			break
		}
	}
	return more, err
}

// finish takes a cursor that is through out of the accounts.
func (m *merger) finish(c *cursor) {
	if c.run != nil {
		if c.late {
			m.late -= c.run.bytes()
		} else {
			m.recycle(c.run)
		}
	}
	c.close()
}
