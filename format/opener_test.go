// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"path/filepath"
	"testing"
)

// A batch of which more is read than an Opener allows is an error, and no damage, also where the last batch is decoded
// to see whether it is whole. Columns of which less is read can be.
func TestOpenerMaxBatchBytes(t *testing.T) {
	s := &Schema{Table: "numbers", Columns: []Column{{"number", Int64}, {"small", Int32}}}
	path := filepath.Join(t.TempDir(), "capture")
	w, err := Create(path, Manifest{}, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(s)
	b.Rows, b.Columns[0].I64, b.Columns[1].I32 = 1000, make([]int64, 1000), make([]int32, 1000)
	if err := w.Append(b, Zstd); err != nil { // and it stays unfinished
		t.Fatal(err)
	}
	for _, c := range []struct {
		most    int64
		columns []string
		want    error
	}{
		{0, nil, nil},
		{12_000, nil, nil},
		{11_999, nil, ErrTooLarge},
		{8000, []string{"number"}, nil},
		{7999, []string{"number"}, ErrTooLarge},
		{4000, []string{"small"}, nil},
	} {
		capture, err := Opener{MaxBatchBytes: c.most}.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		table := capture.Table("numbers")
		if len(capture.Damage()) > 0 || table.Rows != 1000 {
			t.Errorf("%d bytes: %d rows, %v", c.most, table.Rows, capture.Damage())
		}
		err = table.Read(&Batch{}, table.Blocks()[0], c.columns)
		if !errors.Is(err, c.want) || errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes of %v: %v, want %v", c.most, c.columns, err, c.want)
		}
		capture.Close()
	}
}
