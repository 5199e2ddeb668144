// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A table is one struct of events.h.
type table struct {
	name      string
	kind      uint64
	event     bool
	families  []string
	bulk      bool
	groupBy   []string
	beginOp   string
	noTrigger bool // record --trigger does not test it
	text      string
	size      uint32 // bytes of a record
	minSize   uint32 // the smallest record: an array, and what is behind it, may be cut off
	columns   []column
}

// A column is a member of the struct, or cpu, which is not in a record: each ring belongs to one CPU.
type column struct {
	name      string
	form      form
	meaning   string // a constant of package schema
	content   string // likewise; "": nobody has classified it
	dimension string
	values    []string
	offset    uint32 // bytes, from the start of the record
	size      uint32 // bytes
}

// A form is how the bytes of a member are converted to the values of a column.
type form struct {
	name   string // a constant of package bpf
	column string // the column's type, a constant of package format
}

var (
	int64Form  = form{"formInt64", "Int64"}
	int32Form  = form{"formInt32", "Int32"}
	uint32Form = form{"formUint32", "Int64"}
	uint16Form = form{"formUint16", "Int32"}
	cpuForm    = form{"formCPU", "Int32"}
	enumForm   = form{"formEnum", "String"}
)

// typedefs are the typedefs of events.h that decide the form. The others only decide the meaning.
var typedefs = map[string]form{
	"ktime_ns":    {"formTime", "Timestamp"},
	"begin_ns":    {"formTime", "Timestamp"},
	"comm_t":      {"formComm", "String"},
	"str_t":       {"formString", "String"},
	"strlist_t":   {"formList", "StringList"},
	"dpath_t":     {"formPath", "String"},
	"container_t": {"formContainer", "String"},
	"text_t":      {"formText", "String"},
	"addr_t":      {"formAddress", "String"},
	"sockaddr_t":  {"formSocketAddress", "String"},
}

// meanings are the meanings of the typedefs; those without one are Plain.
var meanings = map[string]string{
	"ktime_ns": "Time", "begin_ns": "Time", "duration_ns": "Duration", "bytes_t": "Bytes",
	"result_t": "Result", "status_t": "Result", "call_nr": "Syscall", "signal_nr": "Signal", "port_t": "Port",
	"mode_bits": "Mode", "pointer_t": "Pointer", "addr_t": "Address", "sockaddr_t": "Address",
	"flags_t": "Flags",
}

// contents are what the values of typedefs tell. Other members have CONTENT.
var contents = map[string]string{
	"ktime_ns": "Numbers", "begin_ns": "Numbers", "duration_ns": "Numbers", "bytes_t": "Numbers",
	"result_t": "Numbers", "status_t": "Numbers", "call_nr": "Numbers", "signal_nr": "Numbers", "port_t": "Numbers",
	"mode_bits": "Numbers", "pointer_t": "Numbers", "flags_t": "Numbers", "comm_t": "Names", "container_t": "Names",
	"dpath_t": "Paths", "strlist_t": "Args", "addr_t": "Addresses", "sockaddr_t": "Addresses",
}

// taggedContents are the constants of package schema by the argument of CONTENT.
var taggedContents = map[string]string{
	"numbers": "Numbers", "names": "Names", "paths": "Paths", "args": "Args", "addresses": "Addresses",
}

// tablesOf reads all tables from the types of an object, in the order of enum record_kind.
func tablesOf(types *btf.Spec) (tables []*table, err error) {
	var kinds *btf.Enum
	if err := types.TypeByName("record_kind", &kinds); err != nil {
		return nil, fmt.Errorf("enum record_kind: %w", err)
	}
	for _, v := range kinds.Values {
		name := afterPrefix(v.Name)
		if name == "MAX" {
			continue
		}
		var s *btf.Struct
		err := types.TypeByName(name+"_event", &s)
		if err == nil {
			t := &table{name: name, kind: v.Value, size: s.Size}
			tables = append(tables, t)
			err = t.read(s)
		}
		if err != nil {
			return nil, fmt.Errorf("struct %s_event: %w", name, err)
		}
	}
	for _, t := range tables {
		for _, c := range t.columns {
			if c.dimension != "" && !slices.ContainsFunc(tables, func(t *table) bool { return t.name == c.dimension }) {
				return nil, fmt.Errorf("struct %s_event: member %s: no table %s", t.name, c.name, c.dimension)
			}
		}
	}
	return tables, nil
}

// read fills the table from its struct.
func (t *table) read(s *btf.Struct) error {
	if err := t.readTags(s.Tags); err != nil {
		return err
	}
	t.minSize = s.Size
	last := s.Members[len(s.Members)-1]
	if _, ok := btf.UnderlyingType(last.Type).(*btf.Array); ok {
		t.minSize = last.Offset.Bytes()
	}
	for _, m := range s.Members {
		if slices.Contains(m.Tags, "may_end:") {
			t.minSize = m.Offset.Bytes()
		}
	}
	switch first := s.Members[0].Type.TypeName(); first {
	case "event_kind":
		t.event = true
	case "dimension_kind":
	default:
		return fmt.Errorf("the first member is a %s, not an event_kind or a dimension_kind", first)
	}
	members := s.Members[1:]
	if t.event {
		// Columns of an event begin with ts and cpu, wherever the struct has ts to avoid padding.
		members = slices.Clone(members)
		slices.SortStableFunc(members, func(a, b btf.Member) int {
			return cmp.Compare(order(a, t.minSize), order(b, t.minSize))
		})
	}
	for _, m := range members {
		if strings.HasPrefix(m.Name, "pad_") {
			continue
		}
		if err := t.addMember(m); err != nil {
			return fmt.Errorf("member %s: %w", m.Name, err)
		}
	}
	return nil
}

// readTags reads the macros behind a struct.
func (t *table) readTags(tags []string) error {
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, ":")
		switch key {
		case "family":
			t.families = append(t.families, value)
		case "bulk":
			t.bulk, t.groupBy = true, strings.Split(value, ",")
		case "text":
			t.text = value
		case "no_trigger":
			t.noTrigger = true
		default:
			return fmt.Errorf("unknown tag %q", tag)
		}
	}
	return nil
}

// order sorts ts before the other members; and behind them the flags, wherever they fill a gap of the struct, after the
// members that are BEHIND the array, and what a record may lack.
func order(m btf.Member, lacked uint32) int {
	switch {
	case m.Name == "ts":
		return 0
	case m.Type.TypeName() == "flags_t":
		return 4
	case slices.Contains(m.Tags, "behind:"):
		return 2
	case m.Offset.Bytes() > lacked:
		return 3
	}
	return 1
}

// addMember adds the columns of a member: one, or for an array as many as it has elements. Behind ts it adds cpu.
func (t *table) addMember(m btf.Member) error {
	offset := m.Offset.Bytes()
	content, begins, err := memberTags(m.Tags)
	if err != nil {
		return err
	}
	_, oneColumn := typedefs[m.Type.TypeName()]
	if a, ok := btf.UnderlyingType(m.Type).(*btf.Array); ok && !oneColumn {
		for i := range a.Nelems {
			c, err := columnOf(a.Type)
			if err != nil {
				return err
			}
			c.name, c.offset = m.Name+strconv.Itoa(int(i)), offset+i*c.size
			c.content = cmp.Or(content, c.content)
			t.columns = append(t.columns, c)
		}
		return nil
	}
	c, err := columnOf(m.Type)
	if err != nil {
		return err
	}
	c.name, c.offset, c.content = m.Name, offset, cmp.Or(content, c.content)
	t.columns = append(t.columns, c)
	if !t.event || m.Name != "ts" {
		return nil
	}
	if m.Type.TypeName() == "begin_ns" {
		t.beginOp = "*"
	}
	t.beginOp = cmp.Or(begins, t.beginOp)
	t.columns = append(t.columns, column{name: "cpu", form: cpuForm, meaning: "Plain", content: "Numbers"})
	return nil
}

// memberTags reads the macros behind a member.
func memberTags(tags []string) (content, beginOp string, err error) {
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, ":")
		switch {
		case key == "behind" || key == "may_end": // of the table
		case key == "begins":
			beginOp = value
		case key == "content" && taggedContents[value] != "":
			content = taggedContents[value]
		default:
			return "", "", fmt.Errorf("unknown tag %q", tag)
		}
	}
	return content, beginOp, nil
}

// columnOf returns the column of a member of type t, without name and offset.
func columnOf(t btf.Type) (column, error) {
	size, err := btf.Sizeof(t)
	if err != nil {
		return column{}, err
	}
	c := column{size: uint32(size), meaning: cmp.Or(meanings[t.TypeName()], "Plain"), content: contents[t.TypeName()]}
	if dimension, ok := strings.CutSuffix(t.TypeName(), "_id"); ok {
		c.meaning, c.dimension, c.content = "ID", dimension, "Numbers"
	}
	if f, ok := typedefs[t.TypeName()]; ok {
		c.form = f
		return c, nil
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Enum:
		c.form, c.meaning, c.content = enumForm, "Enum", "Words"
		for _, v := range t.Values {
			if v.Value != uint64(len(c.values)) {
				return c, fmt.Errorf("enum %s: values are not 0, 1, 2, …", t.Name)
			}
			c.values = append(c.values, strings.ToLower(afterPrefix(v.Name)))
		}
		return c, nil
	case *btf.Int:
		forms := map[int]form{8: int64Form, 4: uint32Form, 2: uint16Form}
		if t.Encoding == btf.Signed {
			forms = map[int]form{8: int64Form, 4: int32Form}
		}
		if f, ok := forms[int(t.Size)]; ok {
			c.form = f
			return c, nil
		}
	}
	return c, fmt.Errorf("a member of type %v cannot be a column", t)
}

// afterPrefix returns the part of an enumerator's name after the first '_'.
func afterPrefix(name string) string {
	_, after, _ := strings.Cut(name, "_")
	return after
}
