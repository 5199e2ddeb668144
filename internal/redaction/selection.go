// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// selectionContents say what the values of fields of a selection can tell, which format.Selection does not know. Of
// other fields only their names stay: that rows were selected by them.
var selectionContents = map[string]schema.Content{
	"data": schema.Numbers,
}

// calls matches names of system calls and of groups of them, and that they are excluded.
var calls = regexp.MustCompile(`^!?%?([a-z0-9]{1,8}:)?[a-z][a-z0-9_]{0,63}$`)

// selection returns what was asked for, so that one can still tell of what part numbers are.
func (r *replacer) selection(s *format.Selection) *format.Selection {
	if s == nil {
		return nil
	}
	out := &format.Selection{
		Comm: r.text(
			schema.Names,
			[]byte(s.Comm),
		), PIDs: slices.Clone(s.PIDs), Args: s.Args, Strings: s.Strings, Failed: s.Failed,
		SlowerNS: s.SlowerNS, UID: slices.Clone(s.UID), Cgroup: r.text(schema.Paths, []byte(s.Cgroup)),
		Container: r.text(schema.Names, []byte(s.Container)),
	}
	for _, name := range s.Families {
		out.Families = append(out.Families, r.fixed(words, name))
	}
	for _, name := range s.Calls {
		out.Calls = append(out.Calls, r.fixed(calls, name))
	}
	add := func(name string, value any) {
		if out.Other == nil {
			out.Other = map[string]json.RawMessage{}
		}
		if data, err := json.Marshal(value); err == nil {
			out.Other[r.fixed(words, name)] = data
		}
	}
	for name, content := range selectionContents {
		if value, ok := s.Other[name]; ok {
			d := json.NewDecoder(bytes.NewReader(value))
			d.UseNumber() // floats do not hold all integers
			var v any
			if err := d.Decode(&v); err == nil {
				add(name, r.selected(content, v))
			}
		}
	}
	for _, name := range s.Unknown() {
		if _, known := selectionContents[name]; !known {
			add(name, true)
		}
	}
	return out
}

// selected returns a value of a field of a selection: of a number, what it is, of a list its elements, and of what no
// recorder writes only that it is there.
func (r *replacer) selected(content schema.Content, value any) any {
	switch v := value.(type) {
	case nil, bool, json.Number:
		return v
	case []any:
		for i := range v {
			v[i] = r.selected(content, v[i])
		}
		return v
	case string:
		switch content {
		case schema.Words:
			return r.fixed(calls, v)
		case schema.Numbers:
			return r.fixed(nil, v)
		}
		return r.text(content, []byte(v))
	}
	return true
}
