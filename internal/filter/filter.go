// SPDX-License-Identifier: Apache-2.0

// Package filter evaluates one boolean expression over the rows of a capture,
// a column at a time. The same expression serves record --trigger, analyze -Y
// and replay:
//
//	family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"
//	duration > "10ms" || op in ["exec", "exit"]
//	!(comm startsWith "kworker") && ts >= "2026-01-02T03:04:05Z"
//	"--config" in args || args matches "-c\\s+/etc"
//	size > ret
//
// A name is a column of the row's table, else one that its ids lead to: comm,
// exe, pid, tid, ppid, uid, gid, cgroup and container by task, name by nr or
// path. family is the table's name. Where a name stands for two things (family
// is a number in tcp, cgroup an id and a path), the value it is compared with
// decides.
//
//   - Numbers compare as 64-bit integers, exactly, with 1e9 and 1.5 too.
//     ==, !=, <, <=, >, >=, in [1, 2], in 1..9.
//   - Times (ts, until) compare with a text as well, RFC 3339 or the beginning
//     of it, in UTC unless it says otherwise; durations (duration_ns, or
//     duration for short) with "10ms".
//   - Texts: ==, !=, in [...], contains, startsWith, endsWith, matches (a
//     regular expression of package regexp).
//   - Lists (args): "text" in args; contains, startsWith, endsWith and matches
//     apply to the elements joined by spaces.
//   - && || ! or and, or, not.
//
// A comparison with what a row does not have (its table has no such column, its
// task is not known) is false, with != and not in too. Its negation with !(...)
// is true.
package filter

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

// Env leads from the ids that rows hold to what they stand for. An answer with
// ok is kept, so it must not change; an id that is unknown is asked for again.
type Env interface {
	// Task returns the identity that column task refers to.
	Task(id int32) (t Task, ok bool)
	// Path returns the name that column path refers to.
	Path(id int32) (name string, ok bool)
	// Cgroup returns what the Cgroup of a Task stands for.
	Cgroup(id int64) (g Cgroup, ok bool)
	// SyscallName returns the name of a system call, made up if it is unknown.
	SyscallName(nr int32) string
}

// Task is an identity: a thread as it was when it did something.
type Task struct {
	TID, PID, PPID int32
	UID, GID       int64
	Cgroup         int64
	Comm, Exe      string
}

// Cgroup is a control group: its path, and the container's id if it has one.
type Cgroup struct{ Name, Container string }

// Error is what is wrong with an expression, and where.
type Error struct {
	Column  int // of the character, from 1; of all lines counted through
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Program is a compiled expression. It is immutable.
type Program struct{ root *node }

// Compile compiles an expression over the tables of the format and those given,
// which may be newer. The error is an *Error.
func Compile(src string, tables ...*format.Schema) (*Program, error) {
	c := compiler{kinds: kindsOf(tables)}
	root, err := c.compile(src)
	if err != nil {
		return nil, err
	}
	return &Program{root}, nil
}

// PruneTable reports whether no row of the table named can match.
func (p *Program) PruneTable(table string) bool {
	v := p.root.fold(func(l *leaf) truth { return l.ofTable(table) })
	return v == no
}

// TimeRange returns the times between which a row that has a ts must lie to
// match, both included, in nanoseconds since the Unix epoch: math.MinInt64 and
// math.MaxInt64 where the expression sets no bound, from > to if nothing can
// match. It says nothing of the rows of tables without ts.
func (p *Program) TimeRange() (from, to int64) { return p.root.times() }

// Bound is a program made ready for one table. It remembers what it learnt of
// ids, so it is for one goroutine: bind once for each.
type Bound struct {
	root    *step
	columns []string
	env     Env
	scratch [][]uint64 // by depth
	line    []byte
}

// Bind prepares the program for the batches of a table, all of its columns or
// some. Without an env nothing is known of what ids stand for.
func (p *Program) Bind(table *format.Schema, env Env) (*Bound, error) {
	if table == nil {
		return nil, fmt.Errorf("binding filter: no table")
	}
	b := &Bound{env: env}
	b.root = b.bind(p.root, table)
	b.need(b.root)
	return b, nil
}

// Columns returns the columns of the table that Match looks at; a batch must
// have them.
func (b *Bound) Columns() []string { return b.columns }

// Never reports whether no row of the table can match.
func (b *Bound) Never() bool { return b.root.op == opConst && !b.root.value }

// Selection is a set of rows: bit i%64 of word i/64 is row i.
type Selection []uint64

// Has reports whether row i is selected.
func (s Selection) Has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// Count returns how many rows are selected.
func (s Selection) Count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first selected row from i on, -1 if there is none:
//
//	for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
func (s Selection) Next(i int) int {
	w := i / 64
	if w >= len(s) {
		return -1
	}
	word := s[w] >> (i % 64) << (i % 64)
	for word == 0 {
		if w++; w >= len(s) {
			return -1
		}
		word = s[w]
	}
	return w*64 + bits.TrailingZeros64(word)
}

// Match returns the rows of a batch that match. It reuses the memory of sel.
func (b *Bound) Match(batch *format.Batch, sel Selection) Selection {
	n := (batch.Rows + 63) / 64
	if cap(sel) < n {
		sel = make(Selection, n)
	}
	sel = sel[:n]
	for i := range sel {
		sel[i] = ^uint64(0)
	}
	if tail := batch.Rows % 64; tail != 0 {
		sel[n-1] = 1<<tail - 1
	}
	b.refine(b.root, batch, sel, 0)
	return sel
}

// quoted shows a name of the expression; it may hold anything.
func quoted(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
}
