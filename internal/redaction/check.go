// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/schema"
)

// ErrDiffers is the error of a redaction that does not have the rows and groups of its capture.
var ErrDiffers = errors.New("the redaction differs from the capture in more than texts")

// maxGroups is how many different texts are followed at most; of more, those that came first are. Each takes
// groupBytes.
const (
	maxGroups  = 1 << 20
	groupBytes = 96
)

// check compares a redaction that was written with its capture: the same rows with the same numbers, and where two
// texts are equal in one they are in the other. So every count of rows, by whatever they are grouped, is the same.
func (j *Job) check(ctx context.Context, path string, r *Report) error {
	made, err := format.Opener{MaxBatchBytes: budget.Of(ctx).Batch()}.Open(path)
	if err != nil {
		return err
	}
	defer made.Close()
	if damage := made.Damage(); len(damage) > 0 {
		return fmt.Errorf("checking the redaction: %w", errors.Join(damage...))
	}
	read, stop := j.progress()
	defer stop()
	pairs := newPairs()
	pairs.most = min(maxGroups, int(budget.Of(ctx).Share(checkShare)/groupBytes))
	for _, t := range j.Capture.Tables() {
		p := plan(t)
		if p.columns == nil || t.Rows == 0 {
			continue
		}
		before := len(pairs.made)
		if err := compare(ctx, p, made.Table(t.Schema.Table), pairs, read); err != nil {
			return fmt.Errorf("checking table %s: %w", t.Schema.Table, err)
		}
		r.Tables = append(r.Tables, Size{Table: t.Schema.Table, Rows: t.Rows, Groups: int64(len(pairs.made) - before)})
	}
	return nil
}

// compare compares a table with its redaction, which has the same rows in other batches.
func compare(ctx context.Context, p *tablePlan, made *format.Table, pairs *pairs, read *atomic.Int64) error {
	if made == nil || made.Rows != p.table.Rows || !slices.Equal(made.Schema.Columns, p.schema.Columns) {
		return fmt.Errorf("%w: other rows or columns", ErrDiffers)
	}
	segments := func(t *format.Table) (names []string) {
		for _, s := range t.Segments {
			if s.Rows > 0 {
				names = append(names, fmt.Sprintf("%s %d", s.Name, s.Rows))
			}
		}
		return names
	}
	if from, to := segments(p.table), segments(made); !slices.Equal(from, to) {
		return fmt.Errorf("%w: other segments", ErrDiffers)
	}
	var from, to format.Batch
	blocks, at := made.Blocks(), 0
	for _, block := range p.table.Blocks() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.table.Read(&from, block, p.names()); err != nil {
			return err
		}
		for row := 0; row < from.Rows; {
			if at == to.Rows {
				if len(blocks) == 0 {
					return fmt.Errorf("%w: rows are missing", ErrDiffers)
				}
				if err := made.Read(&to, blocks[0], nil); err != nil {
					return err
				}
				blocks, at = blocks[1:], 0
			}
			n := min(from.Rows-row, to.Rows-at)
			for i, c := range p.columns {
				if !pairs.same(&c, &from.Columns[i], row, &to.Columns[i], at, n) {
					return fmt.Errorf("%w: column %s", ErrDiffers, c.Name)
				}
			}
			row, at = row+n, at+n
		}
		read.Add(int64(block.Rows))
	}
	return nil
}

// pairs are texts and what stands for them, as hashes. Each text must always become the same, and no other text may
// become that.
type pairs struct {
	seed     maphash.Seed
	of, made map[uint64]uint64
	most     int // of each
}

func newPairs() *pairs {
	return &pairs{seed: maphash.MakeSeed(), of: map[uint64]uint64{}, made: map[uint64]uint64{}, most: maxGroups}
}

// same compares n rows of a column.
func (p *pairs) same(c *schema.Column, from *format.Vector, row int, to *format.Vector, at, n int) bool {
	switch c.Type {
	case format.Int32:
		return slices.Equal(from.I32[row:row+n], to.I32[at:at+n])
	case format.Int64, format.Timestamp:
		return slices.Equal(from.I64[row:row+n], to.I64[at:at+n])
	}
	for i := range n {
		first, last := textsOf(from, row+i)
		toFirst, toLast := textsOf(to, at+i)
		if last-first != toLast-toFirst {
			return false
		}
		for k := range last - first {
			text, made := from.Str.Bytes(first+k), to.Str.Bytes(toFirst+k)
			if c.Content == schema.Words && bytes.Equal(text, made) {
				continue // most rows have a word
			}
			if !p.pair(c.Content, text, made) {
				return false
			}
		}
	}
	return true
}

// pair notes a text and what stands for it. It reports false if that contradicts what it has noted before.
func (p *pairs) pair(content schema.Content, from, to []byte) bool {
	if (len(from) == 0) != (len(to) == 0) {
		return false
	}
	key, value := p.hash(content, valid(from)), p.hash(content, string(to))
	if known, ok := p.made[key]; ok && known != value {
		return false
	}
	if known, ok := p.of[value]; ok && known != key {
		return false
	}
	if len(p.made) < p.most {
		p.made[key], p.of[value] = value, key
	}
	return true
}

// hash is of a text among those of its content, which are replaced in the same way.
func (p *pairs) hash(content schema.Content, text string) uint64 {
	return maphash.Comparable(p.seed, struct {
		schema.Content
		string
	}{content, text})
}
