// SPDX-License-Identifier: Apache-2.0

package export

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// TestJoinedTexts joins texts to columns of ids, known and unknown ones.
func TestJoinedTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capture")
	if err := fixture.Families().Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	set, err := capture.Open(t.Context(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	d := &dictionary{}
	for _, c := range []struct {
		table  *format.Schema
		column string
		ids    []int32
		want   []string
	}{
		{fixture.File, "path", []int32{2, 0, 3, 77, 2, -1},
			[]string{"/var/log/syslog", "", "pipe:[4711]", "", "/var/log/syslog", ""}},
		{fixture.File, "task", []int32{1, 99, 1}, []string{"tar", "", "tar"}},
		{fixture.Syscall, "nr", []int32{0, 1 << 30, 0, -1, -1}, []string{"read", "x32:read", "read", "nr_-1", "nr_-1"}},
	} {
		columns := set[0].Columns(c.table)
		joins := func(joined capture.Column) bool { return joined.Source == c.column && !joined.Own() }
		at := slices.IndexFunc(columns, joins)
		j, err := newJoiner(set[0], columns[at:at+1], d)
		if err != nil {
			t.Fatal(err)
		}
		b := format.NewBatch(&format.Schema{Table: c.table.Table,
			Columns: []format.Column{{Name: c.column, Type: format.Int32}}})
		b.Columns[0].I32, b.Rows = c.ids, len(c.ids)
		j.bind(b)
		var got []string
		for _, n := range j.appendNumbers(nil, 0, 0, b.Rows) {
			got = append(got, d.texts[n])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.ids, got, c.want)
		}
	}
}
