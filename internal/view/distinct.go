// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Processes is by how many processes the rows of a group are. Those of several captures are different ones.
var Processes Number = &processes{}

type processes struct{ _ byte } // the address of something without a size is not its own

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
	tasks   *capture.Rows // with the pid
	capture uint64
	sets    []distinct // by number of the group
}

func (p *processSets) grow(groups int) { p.sets = grown(p.sets, groups) }

func (p *processSets) add(b *format.Batch, rows, groups []int32) {
	task, pids := b.Column("task").I32, p.tasks.Columns[0].I32
	for _, row := range rows {
		pid := pids[p.tasks.Index(int64(task[row]))]
		p.sets[groups[row]].add(p.capture<<32 | uint64(uint32(pid)))
	}
}

func (p *processSets) merge(to int32, o accumulator, from int32) {
	p.sets[to].merge(&o.(*processSets).sets[from])
}

// distinct is a set of numbers, mostly of one.
type distinct struct {
	first uint64
	some  bool
	more  map[uint64]struct{}
}

func (d *distinct) add(n uint64) {
	switch {
	case !d.some:
		d.first, d.some = n, true
	case n == d.first:
	default:
		if d.more == nil {
			d.more = map[uint64]struct{}{}
		}
		d.more[n] = struct{}{}
	}
}

func (d *distinct) count() int64 {
	n := int64(len(d.more))
	if d.some {
		n++
	}
	return n
}

func (d *distinct) merge(o *distinct) {
	if o.some {
		d.add(o.first)
	}
	for n := range o.more {
		d.add(n)
	}
}
