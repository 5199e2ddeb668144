// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"cmp"
	"errors"
	"slices"
)

// ErrOrder means that a Source has returned rows out of order, or from before the time that was asked for.
var ErrOrder = errors.New("rows out of order")

// key orders rows by time, then by source, block and row.
type key struct {
	ts  int64  // ns
	ord uint64 // source: 16 bits; block: 24 bits; row: 24 bits
}

func (k key) less(o key) bool { return k.ts < o.ts || k.ts == o.ts && k.ord < o.ord }

// Run is a sequence of rows in order of time. To add one, a Source asks Wants, appends its bytes to Data and calls End.
type Run struct {
	Data []byte

	limit     int  // bytes from which on no more rows are wanted; 0: all are
	more      bool // rows follow that were not wanted
	continued bool // it begins after a row:
	after     key

	keys []key
	ends []int  // of each row in Data
	ord  uint64 // of the block's row 0
}

const keyBytes = 24 // of a row in keys and ends

// End ends the row whose bytes were appended to Data. It is row number `row` of the block, and its time is ts in ns.
func (r *Run) End(ts int64, row int32) {
	r.keys = append(r.keys, key{ts, r.ord | uint64(row)&(1<<24-1)})
	r.ends = append(r.ends, len(r.Data))
}

// Wants reports whether a row should be added, which is row number `row` of the block, with the time ts in ns. If full
// is set, neither this row nor any that follows should be.
func (r *Run) Wants(ts int64, row int32) (wanted, full bool) {
	if r.continued && !r.after.less(key{ts, r.ord | uint64(row)&(1<<24-1)}) {
		return false, false
	}
	if r.limit > 0 && r.bytes() >= int64(r.limit) {
		r.more = true
		return false, true
	}
	return true, false
}

// Len returns the number of rows.
func (r *Run) Len() int { return len(r.keys) }

func (r *Run) reset() {
	r.Data, r.keys, r.ends, r.more, r.continued = r.Data[:0], r.keys[:0], r.ends[:0], false, false
}

func (r *Run) bytes() int64 { return int64(len(r.Data) + keyBytes*len(r.keys)) }

// check returns ErrOrder if the rows are not those that a Source was asked for. Without it, events would be printed in
// the wrong order.
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
