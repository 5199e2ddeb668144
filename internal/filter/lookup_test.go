// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// TestLookUpOnce checks that a known id is looked up once, and that an id that is unknown may become known later.
func TestLookUpOnce(t *testing.T) {
	p, err := Compile(`(comm == "nginx" || comm == "php-fpm") && name == "read"`)
	if err != nil {
		t.Fatal(err)
	}
	w, env := newTestCapture(t)
	b, err := p.Bind(syscallSchema, env)
	if err != nil {
		t.Fatal(err)
	}
	batch := format.NewBatch(syscallSchema)
	for i := range 1000 {
		if err := batch.AppendRow(row{"task": []int32{1, 2, math.MaxInt32}[i%3],
			"nr": int32(i % 2 * 257)}); err != nil {
			t.Fatal(err)
		}
	}
	var sel Selection
	for range 3 {
		if sel = b.Match(batch, sel); sel.Count() != 333 {
			t.Fatalf("%d rows", sel.Count())
		}
	}
	want := map[string]int{"task1": 1, "task2": 2, fmt.Sprint("task", math.MaxInt32): 2, "nr0": 1, "nr257": 1}
	if !reflect.DeepEqual(w.asked, want) {
		t.Errorf("asked %v, want %v", w.asked, want)
	}

	l := &lateDimension{}
	p, err = Compile(`comm == "late"`)
	if err != nil {
		t.Fatal(err)
	}
	b, err = p.Bind(syscallSchema, &Env{Dimensions: l})
	if err != nil {
		t.Fatal(err)
	}
	if sel = b.Match(batch, sel); sel.Count() != 0 {
		t.Error("an unknown task matches")
	}
	l.known = true
	if sel = b.Match(batch, sel); sel.Count() != 1000 {
		t.Error("a task that became known does not match")
	}
}

// lateDimension is a dimension task in which all ids become known at once, with comm "late".
type lateDimension struct{ known bool }

func (*lateDimension) Schema(dimension string) *format.Schema {
	if dimension == "task" {
		return taskTable
	}
	return nil
}

func (l *lateDimension) Lookup(string, []format.Column) (Lookup, error) {
	b := format.NewBatch(taskTable)
	err := b.AppendRow(row{"comm": "late"})
	return func(int64) (*format.Batch, int, bool) { return b, 0, l.known }, err
}

// TestManyIDs checks that the memory of the cache is bounded, whatever the ids are.
func TestManyIDs(t *testing.T) {
	p, err := Compile(`comm == "late"`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Bind(syscallSchema, &Env{Dimensions: &lateDimension{known: true}})
	if err != nil {
		t.Fatal(err)
	}
	batch := format.NewBatch(syscallSchema)
	for i := range 300_000 {
		batch.Columns[2].I32 = append(batch.Columns[2].I32, int32(i)*-7919)
	}
	batch.Rows = 300_000
	if n := b.Match(project(batch, []string{"task"}), nil).Count(); n != batch.Rows {
		t.Errorf("%d rows", n)
	}
	if n := len(b.root.cache.dense) + len(b.root.cache.sparse); n > maxDense+maxSparse {
		t.Errorf("%d ids cached", n)
	}
}
