// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

func TestDimensionOf(t *testing.T) {
	newer := map[string]*format.Schema{
		"socket": {Table: "socket", Columns: []column{{Name: "socket", Type: format.Int32}, {Name: "peer", Type: format.String}}},
		"disk":   {Table: "disk", Columns: []column{{Name: "name", Type: format.String}}},
		"empty":  {Table: "empty"},
	}
	of := func(name string) *format.Schema {
		if s, ok := newer[name]; ok {
			return s
		}
		if known := schema.Of(name); known != nil {
			return known.Schema
		}
		return nil
	}
	for _, c := range []struct {
		table string
		column
		want string
	}{
		{"syscall", column{Name: "task", Type: format.Int32}, "task"},
		{"newer", column{Name: "task", Type: format.Int32}, "task"},
		{"newer", column{Name: "task", Type: format.String}, ""},
		{"file", column{Name: "path", Type: format.Int32}, "path"},
		{"path", column{Name: "path", Type: format.Int32}, ""}, // the dimension itself
		{"task", column{Name: "cgroup", Type: format.Int64}, "cgroup"},
		{"file", column{Name: "socket", Type: format.Int32}, "socket"},
		{"file", column{Name: "socket", Type: format.Int64}, ""},
		{"file", column{Name: "disk", Type: format.Int32}, ""}, // which is no dimension
		{"file", column{Name: "empty", Type: format.Int32}, ""},
		{"file", column{Name: "syscall", Type: format.Int32}, ""},
		{"file", column{Name: "nowhere", Type: format.Int32}, ""},
		{"tcp", column{Name: "ret", Type: format.Int32}, ""},
	} {
		got := ""
		if s := schema.DimensionOf(c.table, c.column, of); s != nil {
			got = s.Table
		}
		if got != c.want {
			t.Errorf("%s.%s %v: got %q, want %q", c.table, c.column.Name, c.column.Type, got, c.want)
		}
	}
}
