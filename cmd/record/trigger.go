// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// A condition is a trigger's expression, over the tables that it can be about.
type condition struct {
	program *filter.Program
	tables  []string
}

// triggerTables are looked at: the rare events, and calls.
func triggerTables() (tables []string) {
	for _, t := range schema.Tables {
		if t.Trigger {
			tables = append(tables, t.Table)
		}
	}
	return tables
}

// newCondition compiles a trigger. What can never hold in a recording of these families is an error.
func newCondition(src string, families []string) (*condition, error) {
	var schemas []*format.Schema
	for _, name := range triggerTables() {
		schemas = append(schemas, schema.Of(name).Schema)
	}
	c := &condition{}
	var err error
	if c.program, err = filter.Compile(src, schemas...); err != nil {
		return nil, fmt.Errorf("%q: %w", src, err)
	}
	var possible []string
	for _, s := range schemas {
		b, err := c.program.Bind(s, &env{})
		if err != nil {
			return nil, err
		}
		if b.Never() {
			continue
		}
		possible = append(possible, s.Table)
		if slices.Contains(tablesOf(families), s.Table) {
			c.tables = append(c.tables, s.Table)
		}
	}
	switch {
	case len(possible) == 0:
		return nil, fmt.Errorf("%q: no event can match; it is about %s events", src, strings.Join(triggerTables(), ", "))
	case len(c.tables) == 0:
		return nil, fmt.Errorf("%q: only %s events can match, which are not recorded", src, strings.Join(possible, ", "))
	}
	return c, nil
}

// A trigger looks at the batches of one lane.
type trigger struct {
	condition *condition
	env       *env
	hits      *hits
	bound     map[string]*filter.Bound // by table; of one generation
	of        int                      // that one
	selection filter.Selection
	sweeps    func() uint64 // how many there were
	over      func() bool   // no more will come
}

// look tells of the rows of a batch that the condition holds for. swept is how many sweeps there had been when the batch was
// handed on.
func (t *trigger) look(b *format.Batch, swept uint64) error {
	if !slices.Contains(t.condition.tables, b.Schema.Table) {
		return nil
	}
	if t.bound == nil || t.of != b.Generation {
		// What it remembers of tasks is bounded by a generation.
		t.bound, t.of = make(map[string]*filter.Bound), b.Generation
	}
	bound := t.bound[b.Schema.Table]
	if bound == nil {
		var err error
		if bound, err = t.condition.program.Bind(b.Schema, t.env); err != nil {
			return err
		}
		t.bound[b.Schema.Table] = bound
	}
	t.env.unknown = false
	t.selection = bound.Match(b, t.selection)
	if t.env.unknown {
		// It refers to a task whose announcement another ring had. The next sweep has found it.
		for t.sweeps() <= swept+1 && !t.over() {
			time.Sleep(time.Millisecond)
		}
		t.selection = bound.Match(b, t.selection)
	}
	if n := t.selection.Count(); n > 0 {
		t.hits.put(first(b, t.selection, n))
	}
	return nil
}

// first is the hit of the row that began first.
func first(b *format.Batch, rows filter.Selection, n int) hit {
	ts := b.Column("ts").I64
	at := rows.Next(0)
	for i := at; i >= 0; i = rows.Next(i + 1) {
		if ts[i] < ts[at] {
			at = i
		}
	}
	h := hit{generation: b.Generation, at: ts[at], over: ts[at], rows: n}
	if begins := schema.Of(b.Schema.Table).Begins; begins == "*" || begins != "" && b.Column("op").Str.At(at) == begins {
		h.over += b.Column("duration_ns").I64[at]
	}
	return h
}

// env is what a trigger may ask about ids: what names knows. It is for one goroutine.
type env struct {
	names   *names
	calls   *syscalls.Table
	batches map[*dimension]*format.Batch // one row each
	unknown bool                         // an id was asked for that is not known (yet)
}

func newEnv(n *names, calls *syscalls.Table) *env {
	e := &env{names: n, calls: calls, batches: make(map[*dimension]*format.Batch)}
	for _, d := range n.all() {
		e.batches[d] = format.NewBatch(d.layout.Schema)
	}
	return e
}

// row is the row of an id, until the next call; nil if it is not known.
func (e *env) row(d *dimension, id int64) *format.Batch {
	d.mu.RLock()
	k := d.known[id]
	d.mu.RUnlock()
	if k == nil {
		e.unknown = e.unknown || id > 0
		return nil
	}
	b := e.batches[d]
	b.Reset()
	d.layout.Gather(b, bpf.One(k.record), -1, 0)
	return b
}

func (e *env) Task(id int32) (filter.Task, bool) {
	b := e.row(e.names.task, int64(id))
	if b == nil {
		return filter.Task{}, false
	}
	return filter.Task{
		TID: b.Column("tid").I32[0], PID: b.Column("pid").I32[0], PPID: b.Column("ppid").I32[0],
		UID: b.Column("uid").I64[0], GID: b.Column("gid").I64[0], Cgroup: b.Column("cgroup").I64[0],
		Comm: b.Column("comm").Str.At(0), Exe: b.Column("exe").Str.At(0),
	}, true
}

func (e *env) Path(id int32) (string, bool) {
	b := e.row(e.names.path, int64(id))
	if b == nil {
		return "", false
	}
	return b.Column("name").Str.At(0), true
}

func (e *env) Cgroup(id int64) (filter.Cgroup, bool) {
	b := e.row(e.names.cgroup, id)
	if b == nil {
		return filter.Cgroup{}, false
	}
	return filter.Cgroup{Name: b.Column("name").Str.At(0), Container: b.Column("container").Str.At(0)}, true
}

func (e *env) SyscallName(nr int32) string { return e.calls.Name(nr) }
