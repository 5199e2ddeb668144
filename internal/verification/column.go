// SPDX-License-Identifier: Apache-2.0

package verification

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// check checks the values of a column in one block.
type check func(v *format.Vector, at reporter)

// columnChecks are the checks of a column.
type columnChecks struct {
	column format.Column
	checks []check
}

// reporter reports problems with a column of a block.
type reporter struct {
	run    *run
	place  place
	column string
}

// row reports a problem with a row of the block, from 0.
func (p reporter) row(row int, text string, args ...any) {
	p.run.report(p.place, row, p.column, text, args...)
}

// checks returns the checks for all columns that a table has.
func (r *run) checks(t *format.Table) ([]columnChecks, error) {
	var all []columnChecks
	for _, column := range t.Stored() {
		c := columnChecks{column: column}
		known := schema.Describe(t.Schema.Table, column)
		if column.Type == format.String || column.Type == format.StringList {
			c.checks = append(c.checks, text)
		}
		if known.Meaning == schema.ID {
			check, err := r.leads(t.Schema.Table, known)
			if err != nil {
				return nil, err
			}
			if check != nil {
				c.checks = append(c.checks, check)
			}
		}
		if r.bounds {
			c.checks = append(c.checks, r.bound(t.Schema.Table, known)...)
		}
		all = append(all, c)
	}
	return all, nil
}

// text checks that text is UTF-8 without control characters.
func text(v *format.Vector, at reporter) {
	list := 0 // row of a list
	for i := range v.Str.Len() {
		for v.Type == format.StringList && list+1 < len(v.Rows) && int(v.Rows[list+1]) <= i {
			list++
		}
		s := v.Str.Bytes(i)
		if plain(s) {
			continue
		}
		row := i
		if v.Type == format.StringList {
			row = list
		}
		if !utf8.Valid(s) {
			at.row(row, "text that is not UTF-8")
		} else if i := strings.IndexFunc(string(s), unicode.IsControl); i >= 0 {
			at.row(row, "a control character in a text: %q", cutText(string(s)))
		}
	}
}

// plain reports whether a text is ASCII without control characters.
func plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// cutText returns a text that is short enough for a message.
func cutText(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// leads returns the check that the ids of a column have a row in their dimension.
func (r *run) leads(table string, column schema.Column) (check, error) {
	if column.Dimension == table {
		return within(1, math.MaxInt64), nil
	}
	d := r.capture.Dimension(column.Dimension)
	if d == nil {
		return nil, nil
	}
	rows, err := d.Load()
	if corrupt(err) {
		return nil, nil // what is wrong with the dimension is reported with its rows
	}
	if err != nil {
		return nil, err
	}
	return func(v *format.Vector, at reporter) {
		last := int64(0)
		each(v, func(row int, id int64) {
			if id != last && id != 0 && rows.Index(id) == 0 {
				r.leadsNowhere(at, row, column.Dimension, id)
			}
			last = id
		})
	}, nil
}

// leadsNowhere notes an id without a row. Whether that is a problem is known when there are no more.
func (r *run) leadsNowhere(at reporter, row int, dimension string, id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nowhere[dimension]
	if n == nil {
		n = &nowhere{ids: map[int64]struct{}{}}
		r.nowhere[dimension] = n
	}
	if len(n.ids) < maxNowhere {
		n.ids[id] = struct{}{}
	}
	p := Problem{Problem: format.Problem{Table: at.place.table.Schema.Table, Segment: at.place.segment.Name,
		Row: at.place.row + int64(row), Text: fmt.Sprintf("%s: %d leads to no row of %s", at.column, id, dimension)}}
	if len(n.ids) == 1 || compare(p, n.first) < 0 {
		n.first = p
	}
}

// each calls fn with each integer of a column.
func each(v *format.Vector, fn func(row int, n int64)) {
	for i, n := range v.I32 {
		fn(i, int64(n))
	}
	for i, n := range v.I64 {
		fn(i, n)
	}
}

// within returns the check that integers are in bounds.
func within(lo, hi int64) check {
	return func(v *format.Vector, at reporter) {
		each(v, func(row int, n int64) {
			if n < lo || n > hi {
				at.row(row, "%d, which is not %s", n, boundsText(lo, hi))
			}
		})
	}
}

func boundsText(lo, hi int64) string {
	if hi == math.MaxInt64 {
		return fmt.Sprintf("%d or more", lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// oneOf returns the check that texts are some of these.
func oneOf(values []string) check {
	return func(v *format.Vector, at reporter) {
		for i := range v.Str.Len() {
			if !slices.Contains(values, string(v.Str.Bytes(i))) {
				at.row(i, "%q, which is none of %s", cutText(v.Str.At(i)), strings.Join(values, ", "))
			}
		}
	}
}

// address checks network addresses.
func address(v *format.Vector, at reporter) {
	for i := range v.Str.Len() {
		if _, err := netip.ParseAddr(v.Str.At(i)); err != nil {
			at.row(i, "%q, which is no address", cutText(v.Str.At(i)))
		}
	}
}

// corrupt reports whether an error is the capture's fault.
func corrupt(err error) bool { return errors.Is(err, format.ErrCorrupt) }
