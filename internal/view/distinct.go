// SPDX-License-Identifier: Apache-2.0

package view

import (
	"unsafe"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Processes is the number of distinct pids of the tasks in the rows of a group. Processes of different captures are
// different ones, even with the same pid.
var Processes Number = &processes{}

type processes struct{ _ byte } // not empty, because variables of size 0 may share an address

func (p *processes) aggregates() []aggregate { return []aggregate{p} }
func (p *processes) Of(g *Group) int64       { return g.of(p).(*processSets).sets[g.number].count() }
func (p *processes) columns() []string       { return []string{"task"} }
func (p *processes) where() *Condition       { return nil }

func (p *processes) bind(s *Source) (accumulator, error) {
	if s == nil {
		return &processSets{}, nil
	}
	tasks, err := s.Dimension("task").Load(schema.Of("task").Select("pid")...)
	return &processSets{tasks: tasks, capture: uint64(s.Number)}, err
}

type processSets struct {
	tasks   *capture.Rows // column 0 is the pid
	capture uint64        // its number
	sets    []distinct    // by number of the group
	taken   taken
}

// pidBytes is what an element takes in a set that has several.
const pidBytes = 32

func (p *processSets) groupBytes() int64 { return int64(unsafe.Sizeof(distinct{})) }
func (p *processSets) grownBytes() int64 { return p.taken.since() }

func (p *processSets) grow(groups int) { p.sets = grown(p.sets, groups) }

func (p *processSets) add(b *format.Batch, rows, groups []int32) {
	task, pids := b.Column("task").I32, p.tasks.Columns[0].I32
	for _, row := range rows {
		pid := pids[p.tasks.Index(int64(task[row]))]
		set := &p.sets[groups[row]]
		known := len(set.others)
		set.add(p.capture<<32 | uint64(uint32(pid)))
		p.taken.add(pidBytes * (len(set.others) - known))
	}
}

func (p *processSets) merge(to int32, o accumulator, from int32) {
	p.sets[to].merge(&o.(*processSets).sets[from])
}

// distinct is a set of numbers. Most sets have one element, so the map is made with the second.
type distinct struct {
	first    uint64
	hasFirst bool
	others   map[uint64]struct{}
}

func (d *distinct) add(n uint64) {
	switch {
	case !d.hasFirst:
		d.first, d.hasFirst = n, true
	case n == d.first:
	default:
		if d.others == nil {
			d.others = map[uint64]struct{}{}
		}
		d.others[n] = struct{}{}
	}
}

func (d *distinct) count() int64 {
	n := int64(len(d.others))
	if d.hasFirst {
		n++
	}
	return n
}

func (d *distinct) merge(o *distinct) {
	if !d.hasFirst {
		*d = *o
		return
	}
	if o.hasFirst {
		d.add(o.first)
	}
	for n := range o.others {
		d.add(n)
	}
}
