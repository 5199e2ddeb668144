// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/fletch-trace/fletch/format"
)

// A meaning says how the bytes of a member become the values of a column.
type meaning uint8

const (
	meansInt64     meaning = iota + 1 // s64, u64
	meansInt32                        // s32
	meansUint32                       // u32, widened
	meansUint16                       // u16, widened
	meansTime                         // ktime_ns
	meansCPU                          // not in the record: the ring's
	meansEnum                         // enum: an enumerator's name
	meansComm                         // comm_t
	meansString                       // str_t
	meansList                         // strlist_t
	meansPath                         // dpath_t
	meansContainer                    // container_t
	meansAddress                      // addr_t
)

// meanings maps the semantic typedefs of events.h; a typedef not listed means what it is made of.
var meanings = map[string]meaning{
	"ktime_ns": meansTime, "comm_t": meansComm, "str_t": meansString, "strlist_t": meansList,
	"dpath_t": meansPath, "container_t": meansContainer, "addr_t": meansAddress,
}

var columnTypes = map[meaning]format.Type{
	meansInt64: format.Int64, meansInt32: format.Int32, meansUint32: format.Int64, meansUint16: format.Int32,
	meansTime: format.Timestamp, meansCPU: format.Int32, meansEnum: format.String, meansComm: format.String,
	meansString: format.String, meansList: format.StringList, meansPath: format.String, meansContainer: format.String,
	meansAddress: format.String,
}

type column struct {
	meaning meaning
	offset  uintptr  // bytes from the start of the record
	size    uintptr  // bytes; comm_t only
	names   []string // meansEnum: by value
}

// A Layout is one table as the programs write it: where in a record each column is.
type Layout struct {
	Schema *format.Schema
	Kind   uint32 // enum record_kind, the first word of each record
	Size   uint32 // bytes a record has at least; in a ring of the calls' own, at most
	Bulk   bool   // it comes by the million
	fixed  uint32 // bytes a record in a ring of the calls' own has at least: without the last member if that is an array
	// columns are in the order of Schema.Columns.
	columns []column
}

// Layouts derives every table of events.h from the BTF of the compiled object, indexed by kind (nil where
// there is none).
func Layouts() ([]*Layout, error) {
	spec, err := loadFletch()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
	}
	return layouts(spec.Types)
}

func layouts(types *btf.Spec) ([]*Layout, error) {
	var kinds *btf.Enum
	if err := types.TypeByName("record_kind", &kinds); err != nil {
		return nil, fmt.Errorf("reading the schema: enum record_kind: %w", err)
	}
	out := make([]*Layout, valueOf(kinds, "MAX"))
	for _, v := range kinds.Values {
		table := afterPrefix(v.Name)
		if table == "MAX" {
			continue
		}
		var s *btf.Struct
		if err := types.TypeByName(table+"_event", &s); err != nil {
			return nil, fmt.Errorf("reading the schema: struct %s_event: %w", table, err)
		}
		l, err := layout(table, s)
		if err != nil {
			return nil, fmt.Errorf("reading the schema: struct %s_event: %w", table, err)
		}
		l.Kind = uint32(v.Value)
		bulk := bulkOf(table)
		l.Bulk = bulk.table != ""
		l.Schema.Alike = bulk.alike
		out[v.Value] = l
	}
	return out, nil
}

func layout(table string, s *btf.Struct) (*Layout, error) {
	l := &Layout{Schema: &format.Schema{Table: table}, Size: s.Size}
	add := func(name string, c column) {
		l.Schema.Columns = append(l.Schema.Columns, format.Column{Name: name, Type: columnTypes[c.meaning]})
		l.columns = append(l.columns, c)
	}
	l.fixed = s.Size
	last := s.Members[len(s.Members)-1]
	if _, ok := btf.UnderlyingType(last.Type).(*btf.Array); ok {
		l.fixed = uint32(last.Offset.Bytes())
	}
	event := typeName(s.Members[0].Type) == "event_kind"
	members := s.Members[1:]
	if event {
		// Columns of an event begin with ts and cpu, whatever order packs the struct best.
		members = slices.Clone(members)
		slices.SortStableFunc(members, func(a, b btf.Member) int {
			return cmp.Compare(rank(a), rank(b))
		})
	}
	for _, m := range members {
		if strings.HasPrefix(m.Name, "pad_") {
			continue
		}
		offset := uintptr(m.Offset.Bytes())
		if a, ok := btf.UnderlyingType(m.Type).(*btf.Array); ok && meanings[typeName(m.Type)] == 0 {
			c, err := columnOf(a.Type, offset)
			if err != nil {
				return nil, fmt.Errorf("member %s: %w", m.Name, err)
			}
			size, err := btf.Sizeof(a.Type)
			if err != nil {
				return nil, fmt.Errorf("member %s: %w", m.Name, err)
			}
			for i := range int(a.Nelems) {
				add(m.Name+strconv.Itoa(i), c)
				c.offset += uintptr(size)
			}
			continue
		}
		c, err := columnOf(m.Type, offset)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Name, err)
		}
		add(m.Name, c)
		if event && c.meaning == meansTime && m.Name == "ts" {
			add("cpu", column{meaning: meansCPU})
		}
	}
	return l, nil
}

func rank(m btf.Member) int {
	if m.Name == "ts" {
		return 0
	}
	return 1
}

func columnOf(t btf.Type, offset uintptr) (column, error) {
	if m := meanings[typeName(t)]; m != 0 {
		size, err := btf.Sizeof(t)
		return column{meaning: m, offset: offset, size: uintptr(size)}, err
	}
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Enum:
		c := column{meaning: meansEnum, offset: offset}
		for _, v := range t.Values {
			if v.Value != uint64(len(c.names)) {
				return c, fmt.Errorf("enum %s: values are not 0, 1, 2, …", t.Name)
			}
			c.names = append(c.names, strings.ToLower(afterPrefix(v.Name)))
		}
		return c, nil
	case *btf.Int:
		signed := t.Encoding == btf.Signed
		switch {
		case t.Size == 8:
			return column{meaning: meansInt64, offset: offset}, nil
		case t.Size == 4 && signed:
			return column{meaning: meansInt32, offset: offset}, nil
		case t.Size == 4:
			return column{meaning: meansUint32, offset: offset}, nil
		case t.Size == 2 && !signed:
			return column{meaning: meansUint16, offset: offset}, nil
		}
	}
	return column{}, fmt.Errorf("no column is made of %v", t)
}

// typeName is the outermost name that has a meaning, else the type's own.
func typeName(t btf.Type) string {
	for {
		td, ok := t.(*btf.Typedef)
		if !ok || meanings[td.Name] != 0 || td.Name == "event_kind" || td.Name == "dimension_kind" {
			return t.TypeName()
		}
		t = td.Type
	}
}

func afterPrefix(name string) string {
	_, after, _ := strings.Cut(name, "_")
	return after
}

func valueOf(e *btf.Enum, suffix string) uint64 {
	for _, v := range e.Values {
		if afterPrefix(v.Name) == suffix {
			return v.Value
		}
	}
	return 0
}
