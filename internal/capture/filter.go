// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"math"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Filter compiles an expression over the tables of all captures; "" gives nil, which lets all rows through.
func (s Set) Filter(expression string) (*filter.Program, error) {
	if expression == "" {
		return nil, nil
	}
	var schemas []*format.Schema
	for _, c := range s {
		for _, t := range c.Tables() {
			schemas = append(schemas, t.Schema)
		}
	}
	p, err := filter.Compile(expression, schemas...)
	if err != nil {
		return nil, cli.Usage("filter %q: %w", expression, err)
	}
	return p, nil
}

// Bind makes a filter ready for a table of c. Each goroutine needs one of its own.
func (c *Capture) Bind(p *filter.Program, t *format.Table) (*filter.Bound, error) {
	env, err := c.env()
	if err != nil {
		return nil, err
	}
	return p.Bind(withoutFamily(t.Schema), env)
}

// withoutFamily hides the text column family of the loss table: in a filter family is the name of the table, or no
// expression could ask for the losses.
func withoutFamily(s *format.Schema) *format.Schema {
	if i := s.Index("family"); i >= 0 && s.Columns[i].Type == format.String {
		return &format.Schema{Table: s.Table, Columns: slices.Delete(slices.Clone(s.Columns), i, i+1)}
	}
	return s
}

// Narrow gives the table with only those blocks that may hold a row whose ts is from `from` to `to`. A table without ts
// stays as it is.
func Narrow(t *format.Table, from, to int64) *format.Table {
	if t.Schema.Index("ts") < 0 || from == math.MinInt64 && to == math.MaxInt64 {
		return t
	}
	narrow := *t
	narrow.Segments = slices.Clone(t.Segments)
	narrow.Rows = 0
	for i := range narrow.Segments {
		s := &narrow.Segments[i]
		s.Blocks = slices.DeleteFunc(slices.Clone(s.Blocks), func(b format.Block) bool { return b.MaxTS < from || b.MinTS > to })
		for _, b := range s.Blocks {
			narrow.Rows += int64(b.Rows)
		}
	}
	return &narrow
}

// env is what a filter may ask about ids.
type env struct {
	tasks   *Tasks
	cgroups Cgroups
	paths   *Paths
	name    func(nr int32) string
}

func (c *Capture) env() (*env, error) {
	tasks, err := c.tasks()
	if err != nil {
		return nil, err
	}
	cgroups, err := c.cgroups()
	if err != nil {
		return nil, err
	}
	paths, err := c.paths()
	return &env{tasks, cgroups, paths, c.calls.Name}, err
}

func (e *env) Task(id int32) (filter.Task, bool) {
	t := e.tasks.Task(id)
	return filter.Task{TID: t.TID, PID: t.PID, PPID: t.PPID, UID: t.UID, GID: t.GID, Cgroup: t.Cgroup, Comm: t.Comm, Exe: t.Exe}, t.ID != 0
}

func (e *env) Path(id int32) (string, bool) {
	at := e.paths.Index(id)
	return e.paths.List[at], at != 0
}

func (e *env) Cgroup(id int64) (filter.Cgroup, bool) {
	g, ok := e.cgroups[id]
	return filter.Cgroup{Name: g.Name, Container: g.Container}, ok
}

func (e *env) SyscallName(nr int32) string { return e.name(nr) }
