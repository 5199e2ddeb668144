// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// thriftReader reads structs of Thrift's compact protocol without a schema.
type thriftReader struct{ b []byte }

func (r *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *thriftReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.b = r.b[n:]
	return v
}

// value is a bool, an int64, a []byte, a []any or, of a struct, a map from field to value.
func (r *thriftReader) value(kind byte) any {
	switch kind {
	case thriftTrue, thriftFalse: // of an element
		v := r.b[0]
		r.b = r.b[1:]
		return v == thriftTrue
	case thriftI16, thriftI32, thriftI64:
		return r.varint()
	case thriftBinary:
		n := r.uvarint()
		v := r.b[:n]
		r.b = r.b[n:]
		return v
	case thriftList:
		n, kind := uint64(r.b[0]>>4), r.b[0]&15
		r.b = r.b[1:]
		if n == 15 {
			n = r.uvarint()
		}
		list := []any{}
		for range n {
			list = append(list, r.value(kind))
		}
		return list
	case thriftStruct:
		return r.structure()
	}
	panic(fmt.Sprintf("type %d", kind))
}

func (r *thriftReader) structure() map[int]any {
	fields, id := map[int]any{}, 0
	for {
		h := r.b[0]
		r.b = r.b[1:]
		if h == 0 {
			return fields
		}
		if h>>4 == 0 {
			id = int(r.varint())
		} else {
			id += int(h >> 4)
		}
		if kind := h & 15; kind == thriftTrue || kind == thriftFalse {
			fields[id] = kind == thriftTrue
		} else {
			fields[id] = r.value(kind)
		}
	}
}

// dig returns a value inside v. path has the ids of fields of structs, and the indexes of elements of lists.
func dig(v any, path ...int) any {
	for _, at := range path {
		switch outer := v.(type) {
		case map[int]any:
			v = outer[at]
		case []any:
			v = outer[at]
		}
	}
	return v
}

func number64(v any, path ...int) int {
	n, _ := dig(v, path...).(int64)
	return int(n)
}

func footerOf(text []byte) map[int]any {
	size := binary.LittleEndian.Uint32(text[len(text)-8:])
	return (&thriftReader{text[len(text)-8-int(size):]}).structure()
}

// TestIndexes compares the page indexes of random tables with their pages and values.
func TestIndexes(t *testing.T) {
	pages := 0
	seeds := uint64(60)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		table := randomTable(rand.New(rand.NewPCG(seed, 5)))
		text, err := table.write(1)
		if err != nil {
			t.Fatal(err)
		}
		footer := footerOf(text)
		for g := range table.groups {
			for i := range table.columns {
				chunk := dig(footer, 4, g, 1, i)
				n, err := checkIndexes(text, chunk, table.groups[g], &table.values[g][i])
				if err != nil {
					t.Fatalf("seed %d, group %d, column %v: %v", seed, g, table.columns[i], err)
				}
				pages += n
			}
		}
	}
	if pages < 5*int(seeds) {
		t.Errorf("only %d pages are in an index", pages)
	}
}

// checkIndexes compares the offset index of a chunk with its pages, and the column index with the values. It returns
// how many pages are in both.
func checkIndexes(text []byte, chunk any, rows int, v *Values) (pages int, err error) {
	offsets := (&thriftReader{text[number64(chunk, 4):]}).structure()
	locations := dig(offsets, 1).([]any)
	var index map[int]any
	if at := number64(chunk, 6); at > 0 {
		r := &thriftReader{text[at:]}
		index = r.structure()
		if size := len(text[at:]) - len(r.b); size != number64(chunk, 7) {
			return 0, fmt.Errorf("column index of %d bytes, not %d", size, number64(chunk, 7))
		}
	}
	end := number64(chunk, 3, 9) // where the next page begins
	var lows, highs [][]byte
	for i, location := range locations {
		at, size, first := number64(location, 1), number64(location, 2), number64(location, 3)
		next := rows
		if i+1 < len(locations) {
			next = number64(locations[i+1], 3)
		}
		if at != end || first != i*pageRows || next-first > pageRows {
			return 0, fmt.Errorf("page %d at %d has rows %d to %d; the one before ends at %d", i, at, first, next, end)
		}
		r := &thriftReader{text[at : at+size]}
		header := r.structure()
		if len(r.b) != number64(header, 3) {
			return 0, fmt.Errorf("page %d has %d bytes, not %d", i, number64(header, 3), len(r.b))
		}
		end = at + size
		if index == nil {
			continue
		}
		low, high, nulls := boundsOf(v, first, next)
		if (low == nil) != dig(index, 1, i).(bool) || nulls != number64(index, 5, i) ||
			!bytes.Equal(low, dig(index, 2, i).([]byte)) || !bytes.Equal(high, dig(index, 3, i).([]byte)) {
			return 0, fmt.Errorf("page %d: %v, want %q to %q, %d nulls", i, index, low, high, nulls)
		}
		if low != nil {
			lows, highs = append(lows, low), append(highs, high)
		}
	}
	if start := number64(chunk, 3, 9); end != start+number64(chunk, 3, 7)-(start-chunkStart(chunk)) {
		return 0, fmt.Errorf("the last page ends at %d", end)
	}
	if index == nil {
		return 0, nil
	}
	return len(locations), checkOrder(v.Type, number64(index, 4), lows, highs)
}

// chunkStart returns where a chunk begins: at its dictionary, or at its first data page.
func chunkStart(chunk any) int {
	if at := number64(chunk, 3, 11); at > 0 {
		return at
	}
	return number64(chunk, 3, 9)
}

func checkOrder(kind format.Type, order int, lows, highs [][]byte) error {
	compare := bytes.Compare
	if kind != format.String && kind != format.StringList {
		compare = func(a, b []byte) int { return cmp.Compare(signed(a), signed(b)) }
	}
	sorted := func(compare func(a, b []byte) int) bool {
		return slices.IsSortedFunc(lows, compare) && slices.IsSortedFunc(highs, compare)
	}
	up, down := sorted(compare), sorted(func(a, b []byte) int { return compare(b, a) })
	if len(lows) == 0 {
		return nil
	}
	if (order == ascending) != up || order == descending && !down || order == unordered && down {
		return fmt.Errorf("order %d of %q, %q", order, lows, highs)
	}
	return nil
}

// signed decodes an integer of 4 or 8 bytes.
func signed(b []byte) int64 {
	if len(b) == 4 {
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// boundsOf returns the least and the greatest value of the rows from..to-1, and how many of them are empty lists.
func boundsOf(v *Values, from, to int) (low, high []byte, nulls int) {
	var all [][]byte
	compare := bytes.Compare
	for row := from; row < to; row++ {
		switch {
		case v.Numbers != nil:
			all = append(all, []byte(v.Texts[v.Numbers[row]]))
		case v.Type == format.Int32:
			all = append(all, binary.LittleEndian.AppendUint32(nil, uint32(v.I32[row])))
		case v.Type == format.String:
			all = append(all, v.Str.Bytes(row))
		case v.Type == format.StringList:
			texts := v.List(row)
			for _, text := range texts {
				all = append(all, []byte(text))
			}
			if len(texts) == 0 {
				nulls++
			}
		default:
			all = append(all, binary.LittleEndian.AppendUint64(nil, uint64(v.I64[row])))
		}
	}
	if len(all) == 0 {
		return nil, nil, nulls
	}
	if v.Numbers == nil && v.Type != format.String && v.Type != format.StringList {
		compare = func(a, b []byte) int { return cmp.Compare(signed(a), signed(b)) }
	}
	return slices.MinFunc(all, compare), slices.MaxFunc(all, compare), nulls
}

// Exactly the row groups that are sorted by the column of OrderBy are marked.
func TestSortingColumns(t *testing.T) {
	columns := []format.Column{{Name: "name", Type: format.String}, {Name: "ts", Type: format.Timestamp}}
	texts := func() Values {
		v := Values{Vector: &format.Vector{Type: format.String}}
		v.Str.Append("a")
		v.Str.Append("b")
		return v
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, columns, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"name", "nothing"} {
		if w.OrderBy(name) == nil {
			t.Errorf("order by %s was taken", name)
		}
	}
	if err := w.OrderBy("ts"); err != nil {
		t.Fatal(err)
	}
	for _, times := range [][]int64{{-1, 7}, {7, -1}, {3, 3}} {
		times := Values{Vector: &format.Vector{Type: format.Timestamp, I64: times}}
		if err := w.WriteGroup(2, []Values{texts(), times}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	groups := footerOf(out.Bytes())
	want := []any{map[int]any{1: int64(1), 2: false, 3: false}}
	for g, want := range []string{fmt.Sprint(want), "<nil>", fmt.Sprint(want)} {
		if got := fmt.Sprint(dig(groups, 4, g, 4)); got != want {
			t.Errorf("group %d: %s, want %s", g, got, want)
		}
	}
}
