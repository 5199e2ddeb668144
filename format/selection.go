// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/json"
	"maps"
	"slices"
)

// Selection is what a recorder was asked for, where that was less than everything. A
// recorder that has other ways to ask adds fields of its own.
type Selection struct {
	Families []string `json:"families,omitempty"` // only these event families
	Comm     string   `json:"comm,omitempty"`     // only tasks whose name this was
	PIDs     []int64  `json:"pids,omitempty"`     // only these processes, and what they started
	Args     *bool    `json:"args,omitempty"`     // false: no command lines; nil: with them
	Strings  *int64   `json:"strings,omitempty"`  // only so many bytes of each text of a call; nil: 4096

	Calls     []string `json:"calls,omitempty"`     // only these system calls: names, %classes; ! leaves out
	Failed    bool     `json:"failed,omitempty"`    // only calls that returned an error, and their rows of file
	SlowerNS  int64    `json:"slower_ns,omitempty"` // only calls that took at least so long, and their rows of file
	UID       []uint32 `json:"uid,omitempty"`       // only tasks of these real user ids
	Cgroup    string   `json:"cgroup,omitempty"`    // only tasks in this cgroup and below
	Container string   `json:"container,omitempty"` // only tasks in the container whose id begins so

	// Other has the fields that this version does not know, as JSON.
	Other map[string]json.RawMessage `json:"-"`
}

// knownFields are the fields of a Selection, and those that select no rows.
var (
	knownFields = []string{
		"families", "comm", "pids", "args", "calls", "failed", "slower_ns", "uid", "cgroup", "container", "strings",
	}
	partialFields = []string{"data"} // how much of each row
)

// WithoutArgs reports whether command lines were left out. s may be nil.
func (s *Selection) WithoutArgs() bool { return s != nil && s.Args != nil && !*s.Args }

// WithoutStrings reports whether the texts of system calls were left out. s may be nil.
func (s *Selection) WithoutStrings() bool { return s != nil && s.Strings != nil && *s.Strings == 0 }

// Unknown returns the names of the fields by which rows were selected in a way that
// this version does not know, sorted. s may be nil.
func (s *Selection) Unknown() (names []string) {
	if s == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Other)) {
		switch string(s.Other[name]) {
		case "null", "false", "0", `""`, "[]":
		default:
			if !slices.Contains(partialFields, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Selection) UnmarshalJSON(data []byte) error {
	type plain Selection // without this method
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.Other); err != nil {
		return err
	}
	maps.DeleteFunc(s.Other, func(name string, _ json.RawMessage) bool { return slices.Contains(knownFields, name) })
	if len(s.Other) == 0 {
		s.Other = nil
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (s Selection) MarshalJSON() ([]byte, error) {
	type plain Selection
	data, err := json.Marshal(plain(s))
	if err != nil || len(s.Other) == 0 {
		return data, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	for name, value := range s.Other {
		if _, known := fields[name]; !known {
			fields[name] = value
		}
	}
	return json.Marshal(fields)
}
