// SPDX-License-Identifier: Apache-2.0

package filter_test

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// TestRecordedColumnsAreKnown compiles a comparison with each recorded column, without the tables.
func TestRecordedColumnsAreKnown(t *testing.T) {
	schemas := []*format.Schema{format.LossSchema}
	for _, t := range schema.Tables {
		schemas = append(schemas, t.Schema)
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
