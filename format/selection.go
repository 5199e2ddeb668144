// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"maps"
	"slices"
)

// Selection is what a recorder was asked for, where that was less than everything. A
// recorder that has other ways to ask adds fields of its own: Other has the names of
// those that this version does not know.
type Selection struct {
	Families []string `json:"families,omitempty"` // only these event families
	Comm     string   `json:"comm,omitempty"`     // only tasks whose name this was
	PIDs     []int64  `json:"pids,omitempty"`     // only these processes, and what they started
	Args     *bool    `json:"args,omitempty"`     // false: no command lines; nil: with them
	Strings  *int64   `json:"strings,omitempty"`  // only so many bytes of each text of a call; nil: 4096

	Other []string `json:"-"` // sorted
}

// selectionFields are the fields of a Selection, and those that select no rows.
var selectionFields = []string{"families", "comm", "pids", "args", "strings", "data"}

// WithoutArgs reports whether command lines were left out. s may be nil.
func (s *Selection) WithoutArgs() bool { return s != nil && s.Args != nil && !*s.Args }

// WithoutStrings reports whether the texts of system calls were left out. s may be nil.
func (s *Selection) WithoutStrings() bool { return s != nil && s.Strings != nil && *s.Strings == 0 }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Selection) UnmarshalJSON(data []byte) error {
	type plain Selection // without this method
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch value := string(fields[name]); {
		case slices.Contains(selectionFields, name):
		case value == "null" || value == "false" || value == "0" || value == `""` || value == "[]":
		default:
			s.Other = append(s.Other, name)
		}
	}
	return nil
}
