// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestAppendRow(t *testing.T) {
	s := &Schema{Table: "t", Columns: []Column{{"ts", Timestamp}, {"a", Int32}, {"b", Int64}, {"s", String}, {"l", StringList}}}
	b := NewBatch(s)
	for _, row := range []map[string]any{
		{"ts": int64(5), "a": int32(-1), "b": int64(1 << 40), "s": "x", "l": []string{"p", "", "q"}},
		{},
		{"s": "yz", "l": []string{"r"}},
	} {
		if err := b.AppendRow(row); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]any{
		{int64(5), int32(-1), int64(1 << 40), "x", []string{"p", "", "q"}},
		{int64(0), int32(0), int64(0), "", []string{}},
		{int64(0), int32(0), int64(0), "yz", []string{"r"}},
	}
	if got := rows(b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []struct {
		row  map[string]any
		says string
	}{
		{map[string]any{"c": int32(1)}, "no column c"},
		{map[string]any{"a": int64(1)}, "column a is int32, not int64"},
		{map[string]any{"b": 1}, "column b is int64, not int"},
		{map[string]any{"ts": int32(1)}, "column ts is timestamp[ns, UTC], not int32"},
		{map[string]any{"s": []string{}}, "column s is utf8, not []string"},
		{map[string]any{"l": "x", "a": int32(1)}, "column l is list<utf8>, not string"},
		{map[string]any{"s": nil}, "column s is utf8, not <nil>"},
	} {
		if err := b.AppendRow(bad.row); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v: error %v, not %q", bad.row, err, bad.says)
		}
		if got := rows(b); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: changed the batch to %v", bad.row, got)
		}
	}
	b.Reset()
	if got := rows(b); len(got) != 0 || b.Column("l").Len() != 0 {
		t.Errorf("rows after Reset: %v", got)
	}
	if b.Column("none") != nil {
		t.Error("a column that is not there")
	}
}

func TestStringsZero(t *testing.T) {
	var s Strings
	if s.Len() != 0 {
		t.Errorf("length %d", s.Len())
	}
	s.Append("")
	s.Append("a")
	if s.Len() != 2 || s.At(0) != "" || s.At(1) != "a" || string(s.Bytes(1)) != "a" {
		t.Errorf("got %+v", s)
	}
}

func TestSchemaCheck(t *testing.T) {
	if err := syscallSchema.Check(Column{"ts", Timestamp}, Column{"nr", Int32}); err != nil {
		t.Error(err)
	}
	for _, c := range []Column{{"nr", Int64}, {"number", Int32}, {"ts", Int64}} {
		if err := syscallSchema.Check(c); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, c := range []struct {
		schema *Schema
		event  bool
	}{{syscallSchema, true}, {processSchema, true}, {pathSchema, false}, {LossSchema, false}} {
		if c.schema.Event() != c.event {
			t.Errorf("table %s: event %v", c.schema.Table, !c.event)
		}
	}
}
