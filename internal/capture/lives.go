// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"cmp"
	"hash/maphash"
	"slices"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
)

// lives says how to tell from the rows of a table when something, such as a process, is there.
type lives struct {
	columns []format.Column // besides ts and op
	// key returns the same number for rows of the same thing.
	key func(b *format.Batch, row int) uint64
	// over reports whether the thing is gone after a row.
	over func(b *format.Batch, row int, op string) bool
	// twins says that things of the same key can be there at once, so that several rows of a segment that say the same
	// of one key are of different things.
	twins bool
}

// processLives are those of processes, by pid.
var processLives = &lives{
	columns: []format.Column{{Name: "pid", Type: format.Int32}},
	key:     func(b *format.Batch, row int) uint64 { return uint64(b.Column("pid").I32[row]) },
	over:    func(_ *format.Batch, _ int, op string) bool { return op == "exit" },
}

// connectionLives are those of connections, by their ends. Two network namespaces may have connections between the same
// addresses.
var connectionLives = &lives{
	columns: []format.Column{{Name: "saddr", Type: format.String}, {Name: "daddr", Type: format.String},
		{Name: "sport", Type: format.Int32}, {Name: "dport", Type: format.Int32}, {Name: "ret", Type: format.Int32}},
	key: connectionKey,
	over: func(b *format.Batch, row int, op string) bool {
		return op == "close" || op == "connect" && b.Column("ret").I32[row] < 0
	},
	twins: true,
}

var seed = maphash.MakeSeed()

// connectionKey is a hash of the ends of a connection.
func connectionKey(b *format.Batch, row int) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.Write(b.Column("saddr").Str.Bytes(row))
	h.WriteByte(0)
	h.Write(b.Column("daddr").Str.Bytes(row))
	for _, port := range []int32{b.Column("sport").I32[row], b.Column("dport").I32[row]} {
		h.Write([]byte{byte(port), byte(port >> 8), byte(port >> 16), byte(port >> 24)})
	}
	return h.Sum64()
}

// mark is a row that says that something is there: a snapshot, or an end.
type mark struct {
	key     uint64
	ts      int64
	row     int64 // in the table
	segment int
	end     bool // else a snapshot

	earlier int64 // ts of the latest row before it that is no mark
	known   bool  // there is one
	alive   bool  // the thing was there after that row
	later   bool  // there is a row after it that is no mark
	ignored bool
}

// markBytes is what a mark takes, with room for growth, its entry in the map of keys, and in that of ignored rows.
const markBytes = 2*unsafe.Sizeof(mark{}) + 80

// lives returns the table without snapshots of what was known to be there already, and without ends of what a later row
// tells of.
func (c *Capture) lives(t *format.Table, l *lives) (*format.Table, error) {
	columns := append([]format.Column{{Name: "ts", Type: format.Timestamp}, {Name: "op", Type: format.String}},
		l.columns...)
	if !has(t, columns...) {
		return t, nil
	}
	var names []string
	for _, column := range columns {
		names = append(names, column.Name)
	}
	marks, err := c.findMarks(t, l, names)
	if err != nil || len(marks) == 0 {
		return t, err
	}
	if err := c.compareRows(t, l, names, marks); err != nil {
		return nil, err
	}
	ignoreMarks(marks, l.twins)
	ignored := map[int64]bool{}
	for _, m := range marks {
		if m.ignored {
			ignored[m.row] = true
		}
	}
	if len(ignored) == 0 {
		return t, nil
	}
	row := int64(-1)
	return t.Select(c.ctx, []string{"ts"}, func(*format.Batch, int) bool {
		row++
		return !ignored[row]
	})
}

// eachBatch calls fn with all batches of a table in order.
func (c *Capture) eachBatch(t *format.Table, names []string, fn func(segment int, b *format.Batch) error) error {
	var b format.Batch
	for _, block := range t.Blocks() {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := t.Read(&b, block, names); err != nil {
			return err
		}
		if err := fn(block.Segment, &b); err != nil {
			return err
		}
	}
	return nil
}

// findMarks returns the marks in a table, by key and then by time.
func (c *Capture) findMarks(t *format.Table, l *lives, names []string) (marks []mark, err error) {
	row := int64(0)
	memory := c.budget.Account("the snapshots and ends of table " + t.Schema.Table)
	defer memory.Release()
	err = c.eachBatch(t, names, func(segment int, b *format.Batch) error {
		ops := &b.Column("op").Str
		for i, ts := range b.Column("ts").I64 {
			if i%budget.AccountStep == 0 {
				if err := memory.Set(int64(markBytes) * int64(len(marks)+budget.AccountStep)); err != nil {
					return err
				}
			}
			if op := string(ops.Bytes(i)); op == "snapshot" || op == "end" {
				marks = append(marks, mark{key: l.key(b, i), ts: ts, row: row, segment: segment, end: op == "end"})
			}
			row++
		}
		return nil
	})
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.ts, b.ts), cmp.Compare(a.row, b.row))
	})
	return marks, err
}

// compareRows sets what marks have to know of the other rows.
func (c *Capture) compareRows(t *format.Table, l *lives, names []string, marks []mark) error {
	first := map[uint64]int{} // by key
	for i := len(marks) - 1; i >= 0; i-- {
		first[marks[i].key] = i
	}
	return c.eachBatch(t, names, func(_ int, b *format.Batch) error {
		ops := &b.Column("op").Str
		for i, ts := range b.Column("ts").I64 {
			op := string(ops.Bytes(i))
			if op == "snapshot" || op == "end" {
				continue
			}
			key := l.key(b, i)
			at, ok := first[key]
			if !ok {
				continue
			}
			for ; at < len(marks) && marks[at].key == key && marks[at].ts < ts; at++ {
				marks[at].later = true
			}
			if at == len(marks) || marks[at].key != key {
				continue
			}
			if m := &marks[at]; !m.known || ts >= m.earlier {
				m.known, m.earlier, m.alive = true, ts, !l.over(b, i, op)
			}
		}
		return nil
	})
}

// ignoreMarks decides which marks are ignored. They are sorted by key and time.
func ignoreMarks(marks []mark, twins bool) {
	for len(marks) > 0 {
		n := 1
		for n < len(marks) && marks[n].key == marks[0].key {
			n++
		}
		last := &marks[n-1]
		for i := range marks[:n] {
			m := &marks[i]
			if m.end {
				m.ignored = m.later || m != last && !(twins && m.twinOf(last))
				continue
			}
			switch {
			case m.known:
				m.ignored = m.alive
			case i > 0 && twins && m.twinOf(&marks[i-1]):
				m.ignored = marks[i-1].ignored
			default:
				m.ignored = i > 0
			}
		}
		marks = marks[n:]
	}
}

// twinOf reports whether two marks of the same key may be of two things, because one segment says the same of both.
func (m *mark) twinOf(o *mark) bool { return m.segment == o.segment && m.end == o.end }
