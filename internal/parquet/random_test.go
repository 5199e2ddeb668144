// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

// table is columns of random values of every kind and distribution.
type table struct {
	columns []format.Column
	groups  []int      // rows
	values  [][]Values // of each group
}

func randomTable(r *rand.Rand) *table { return randomTableOf(r, 3*pageRows) }

// randomTableOf returns a random table whose row groups have at most maxRows rows.
func randomTableOf(r *rand.Rand, maxRows int) *table {
	t := &table{}
	for range 1 + r.IntN(4) {
		t.groups = append(t.groups, 1+r.IntN([]int{1, 10, 300, maxRows}[r.IntN(4)]))
	}
	t.values = make([][]Values, len(t.groups))
	for i := range 1 + r.IntN(6) {
		kind := format.Type(1 + r.IntN(5))
		t.columns = append(t.columns, format.Column{Name: fmt.Sprintf("c%d", i), Type: kind})
		numbered := kind == format.String && r.IntN(2) == 0
		next := generator(r)
		for g, rows := range t.groups {
			t.values[g] = append(t.values[g], randomValues(kind, rows, numbered, next))
		}
	}
	return t
}

// generator returns a function that returns numbers of one of several distributions, which r chooses.
func generator(r *rand.Rand) func() int64 {
	at := r.Int64N(1 << 60)
	return []func() int64{
		func() int64 { return r.Int64N(5) - 2 },
		func() int64 { return r.Int64N(70_000) },
		func() int64 { at += r.Int64N(1000); return at },
		func() int64 { return r.Int64() - r.Int64() },
		func() int64 { return []int64{math.MinInt64, math.MaxInt64, 0, -1}[r.IntN(4)] },
		func() int64 { return 7 },
		func() int64 { return r.Int64N(1<<40) &^ (1<<32 - 1) },
	}[r.IntN(7)]
}

func randomValues(kind format.Type, rows int, numbered bool, next func() int64) Values {
	v := Values{Vector: &format.Vector{Type: kind}}
	v.Vector.Reset()
	if numbered {
		v.Texts = []string{"unused", "", "a", "comm", "naïve", strings.Repeat("long", 100)}
		for range rows {
			v.Numbers = append(v.Numbers, 1+int32(uint64(next())%5))
		}
		return v
	}
	for range rows {
		switch kind {
		case format.Int32:
			v.I32 = append(v.I32, int32(next()))
		case format.Int64, format.Timestamp:
			v.I64 = append(v.I64, next())
		case format.String:
			v.Str.Append(fmt.Sprint(next()))
		case format.StringList:
			for range uint64(next()) % 4 {
				v.Str.Append(fmt.Sprint(next()))
			}
			v.Rows = append(v.Rows, int32(v.Str.Len()))
		}
	}
	return v
}

// write writes a table.
func (t *table) write(workers int) ([]byte, error) {
	var out bytes.Buffer
	w, err := NewWriter(&out, t.columns, [][2]string{{"fletch.host", "box"}}, workers)
	if err != nil {
		return nil, err
	}
	for g, rows := range t.groups {
		if err := w.WriteGroup(rows, t.values[g]); err != nil {
			return nil, err
		}
	}
	err = w.Close()
	return out.Bytes(), err
}
