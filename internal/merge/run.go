// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"cmp"
	"errors"
	"slices"
)

// ErrOrder means that a Source gave rows that are not in order, or not of the time asked for.
var ErrOrder = errors.New("rows out of order")

// key orders rows: by time, then by source, block and row.
type key struct {
	ts  int64
	ord uint64
}

func (k key) less(o key) bool { return k.ts < o.ts || k.ts == o.ts && k.ord < o.ord }

// Run is rows in order of time. A Source appends a row's bytes to Data and ends the row with End.
type Run struct {
	Data []byte

	keys []key
	ends []int  // of each row in Data
	ord  uint64 // of the block's row 0
}

const keyBytes = 24 // a row's keys and ends

// End ends the row that was appended to Data last: row number `row` of its block, of time ts.
func (r *Run) End(ts int64, row int32) {
	r.keys = append(r.keys, key{ts, r.ord | uint64(row)&(1<<24-1)})
	r.ends = append(r.ends, len(r.Data))
}

// Len is the number of rows.
func (r *Run) Len() int { return len(r.keys) }

func (r *Run) reset() {
	r.Data, r.keys, r.ends = r.Data[:0], r.keys[:0], r.ends[:0]
}

func (r *Run) bytes() int64 { return int64(len(r.Data) + keyBytes*len(r.keys)) }

// check finds what a Source did wrong; it would show as events in a wrong order.
func (r *Run) check(p *part) error {
	if len(r.keys) == 0 {
		return nil
	}
	if r.keys[0].ts < p.from || !slices.IsSortedFunc(r.keys, key.compare) {
		return ErrOrder
	}
	return nil
}

func (k key) compare(o key) int {
	if c := cmp.Compare(k.ts, o.ts); c != 0 {
		return c
	}
	return cmp.Compare(k.ord, o.ord)
}
