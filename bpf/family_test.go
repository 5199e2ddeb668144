// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/internal/schema"
)

// families has the same families as events.h.
func TestEveryFamilyHasAMechanism(t *testing.T) {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	if want := schema.Families(); !slices.Equal(names, want) {
		t.Errorf("there are mechanisms for %v, events.h has the families %v", names, want)
	}
}

// records has the same tables and columns as the schema.
func TestRecordsFollowTheSchema(t *testing.T) {
	if len(records) != len(schema.Tables) {
		t.Fatalf("%d records for %d tables", len(records), len(schema.Tables))
	}
	for i, r := range records {
		if s := schema.Tables[i]; r.table != s.Table || len(r.members) != len(s.Columns) {
			t.Errorf("record %d is %s with %d members, the table is %s with %d columns",
				i, r.table, len(r.members), s.Table, len(s.Columns))
		}
	}
}
