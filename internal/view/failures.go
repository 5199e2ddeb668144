// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/term"
)

// Failures counts each error number in the rows of a group that satisfy a condition.
type Failures struct {
	column    string
	condition *Condition
}

// FailuresIn counts errors in a column of 32-bit results. The condition must select only rows with errors, that is
// with negative results.
func FailuresIn(column string, where *Condition) *Failures { return &Failures{column, where} }

// Of returns how often each error occurred, by its name.
func (f *Failures) Of(g *Group) map[string]int64 {
	names := map[string]int64{}
	for errno, n := range g.of(f).(*failureCounts).groups[g.number] {
		names[ErrnoText(errno)] += n
	}
	return names
}

// maxFailures is how many errors Text lists.
const maxFailures = 4

// Text lists the errors, the most frequent first: "2 ECONNREFUSED, 1 ETIMEDOUT".
func (f *Failures) Text(g *Group) string { return failureText(f.Of(g)) }

func failureText(names map[string]int64) string {
	list := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(names[b], names[a]), strings.Compare(a, b))
	})
	var parts []string
	for i, name := range list {
		if i == maxFailures {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, term.Count(names[name])+" "+name)
	}
	return strings.Join(parts, ", ")
}

func (f *Failures) aggregates() []aggregate { return []aggregate{f} }
func (f *Failures) columns() []string       { return []string{f.column} }
func (f *Failures) where() *Condition       { return f.condition }
func (f *Failures) bind(*Source) (accumulator, error) {
	return &failureCounts{column: f.column}, nil
}

type failureCounts struct {
	column string
	groups []map[int64]int64 // how often, by number of the group, then by error number; nil: no errors
	taken  taken
}

// maxErrno is the greatest error number that Linux has room for. All beyond it count as one.
const maxErrno = 4095

// errnoBytes is what an error number takes in a group.
const errnoBytes = 48

func (f *failureCounts) groupBytes() int64 { return 8 }
func (f *failureCounts) grownBytes() int64 { return f.taken.since() }

func (f *failureCounts) grow(groups int) { f.groups = grown(f.groups, groups) }

func (f *failureCounts) add(b *format.Batch, rows, groups []int32) {
	column := b.Column(f.column).I32
	for _, row := range rows {
		f.count(groups[row], -int64(column[row]), 1)
	}
}

func (f *failureCounts) count(group int32, errno, n int64) {
	if f.groups[group] == nil {
		f.groups[group] = map[int64]int64{}
	}
	known := len(f.groups[group])
	f.groups[group][min(errno, maxErrno+1)] += n
	f.taken.add(errnoBytes * (len(f.groups[group]) - known))
}

func (f *failureCounts) merge(to int32, o accumulator, from int32) {
	for errno, n := range o.(*failureCounts).groups[from] {
		f.count(to, errno, n)
	}
}
