// SPDX-License-Identifier: Apache-2.0

//go:build linux

package filter_test

import (
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Every column that is recorded is known without its table, by its type.
func TestRecordedColumnsAreKnown(t *testing.T) {
	layouts, err := bpf.Layouts()
	if err != nil {
		t.Fatal(err)
	}
	schemas := []*format.Schema{format.LossSchema}
	for _, l := range layouts {
		if l != nil {
			schemas = append(schemas, l.Schema)
		}
	}
	if len(schemas) < 3 {
		t.Fatalf("only %d tables", len(schemas))
	}
	for _, s := range schemas {
		for _, c := range s.Columns {
			src := c.Name + " == 1"
			switch c.Type {
			case format.Timestamp:
				src = c.Name + ` > "2026-01-02"`
			case format.String:
				src = c.Name + ` == "x"`
			case format.StringList:
				src = `"x" in ` + c.Name
			}
			if _, err := filter.Compile(src); err != nil {
				t.Errorf("table %s: %s: %v", s.Table, src, err)
			}
		}
	}
}
