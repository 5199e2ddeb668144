// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// A rawRecord is a record under construction: frame, struct, and the data that its refs point to.
type rawRecord struct {
	t    *testing.T
	l    *Layout
	data []byte
}

func newRawRecord(t *testing.T, table string) *rawRecord {
	t.Helper()
	l := layoutOf(Layouts(), table)
	r := &rawRecord{t, l, make([]byte, frameSize+l.Size)}
	binary.NativeEndian.PutUint32(r.data[frameSize:], l.Kind)
	return r
}

func (r *rawRecord) field(name string) []byte {
	i := r.l.Schema.Index(name)
	if i < 0 {
		r.t.Fatalf("no column %s", name)
	}
	return r.data[frameSize+r.l.columns[i].offset:]
}

func (r *rawRecord) u64(name string, v uint64) *rawRecord {
	binary.NativeEndian.PutUint64(r.field(name), v)
	return r
}
func (r *rawRecord) u32(name string, v uint32) *rawRecord {
	binary.NativeEndian.PutUint32(r.field(name), v)
	return r
}

func (r *rawRecord) ref(name, tail string, flags uint16) *rawRecord {
	f := r.field(name)
	binary.NativeEndian.PutUint16(f, uint16(len(r.data)-frameSize))
	binary.NativeEndian.PutUint16(f[2:], uint16(len(tail)))
	binary.NativeEndian.PutUint16(f[4:], flags)
	r.data = append(r.data, tail...)
	return r
}

// bytes returns the record as it is in a ring: with its length, padded to a multiple of 8 bytes.
func (r *rawRecord) bytes() []byte {
	binary.NativeEndian.PutUint32(r.data, uint32(len(r.data)-frameSize))
	for len(r.data)%8 != 0 {
		r.data = append(r.data, 0xee)
	}
	return r.data
}

// gatherAll gathers all records in data, which are of table l, for CPU 3.
func gatherAll(t *testing.T, l *Layout, data []byte, wall int64) *format.Batch {
	t.Helper()
	b := format.NewBatch(l.Schema)
	layouts := make([]*Layout, l.Kind+1)
	layouts[l.Kind] = l
	if err := walk(data, layouts, func(l *Layout, r Records, cpu int32) error {
		l.Gather(b, r, 3, wall)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGatherSyscall(t *testing.T) {
	a := newRawRecord(t, "syscall").u64("ts", 1000).u32("task", 7).u32("nr", 257).u64("ret", 1<<64-2)
	a = a.u64("duration_ns", 55).u64("arg0", 1<<64-100).u64("arg5", 6)
	b := newRawRecord(t, "syscall").u64("ts", 2000).u32("task", 8).u32("nr", 1<<32-1).u64("ret", 9)
	got := gatherAll(t, a.l, append(a.bytes(), b.bytes()...), 1_000_000)
	if got.Rows != 2 {
		t.Fatalf("%d rows", got.Rows)
	}
	for name, want := range map[string][]int64{
		"ts": {1_001_000, 1_002_000}, "ret": {-2, 9}, "duration_ns": {55, 0}, "arg0": {-100, 0}, "arg5": {6, 0},
	} {
		if !reflect.DeepEqual(got.Column(name).I64, want) {
			t.Errorf("%s: got %v, want %v", name, got.Column(name).I64, want)
		}
	}
	for name, want := range map[string][]int32{"task": {7, 8}, "nr": {257, -1}, "cpu": {3, 3}} {
		if !reflect.DeepEqual(got.Column(name).I32, want) {
			t.Errorf("%s: got %v, want %v", name, got.Column(name).I32, want)
		}
	}
}

func TestGatherTask(t *testing.T) {
	r := newRawRecord(t, "task").u32("uid", 1<<32-1).u64("cgroup", 42).ref("exe", "python3\x00bin\x00usr\x00", 0)
	copy(r.field("comm")[:16], "sixteen-bytes-xy")
	b := gatherAll(t, r.l, r.bytes(), 0)
	if got := b.Column("uid").I64[0]; got != 1<<32-1 {
		t.Errorf("uid %d, want %d", got, int64(1<<32-1))
	}
	if got := b.Column("comm").Str.At(0); got != "sixteen-bytes-xy" {
		t.Errorf("comm %q", got)
	}
	if got := b.Column("exe").Str.At(0); got != "/usr/bin/python3" {
		t.Errorf("exe %q", got)
	}
}

func TestGatherPaths(t *testing.T) {
	for _, c := range []struct {
		tail  string
		flags uint16
		want  string
	}{
		{"", 0, "/"},
		{"a\x00", 0, "/a"},
		{"b\x00a\x00", 0, "/a/b"},
		{"b\x00a\x00", refCut, "…/a/b"},
		{"gone\x00tmp\x00", refDeleted, "/tmp/gone (deleted)"},
		{"memfd:x\x00", refRelative | refDeleted, "memfd:x (deleted)"},
		{"a\nb\x00", 0, `/a\x0ab`},
		{"\xff\xfe\x00é\x00", 0, `/é/\xff\xfe`},
		{"esc\x1b[2J\x00", 0, `/esc\x1b[2J`},
		{"c1\xc2\x9b\x00", 0, `/c1\xc2\x9b`},
	} {
		r := newRawRecord(t, "task").ref("exe", c.tail, c.flags)
		if got := gatherAll(t, r.l, r.bytes(), 0).Column("exe").Str.At(0); got != c.want {
			t.Errorf("%q: got %q, want %q", c.tail, got, c.want)
		}
	}
	r := newRawRecord(t, "task")
	if got := gatherAll(t, r.l, r.bytes(), 0).Column("exe").Str.At(0); got != "" {
		t.Errorf("no executable: got %q", got)
	}
}

func TestGatherArguments(t *testing.T) {
	for _, c := range []struct {
		tail  string
		flags uint16
		want  []string
	}{
		{"", 0, []string{}},
		{"ls\x00-l\x00", 0, []string{"ls", "-l"}},
		{"a\x00\x00b\x00", 0, []string{"a", "", "b"}},
		{"\x00", 0, []string{""}},
		{"no end", 0, []string{"no end"}},
		{"a\x00bb", refCut, []string{"a", "bb…"}},
		{"a\x00bb\x00", refCut, []string{"a", "bb", "…"}},
		{"x\ty\x00", 0, []string{`x\x09y`}},
	} {
		r := newRawRecord(t, "process").u32("op", 2).ref("args", c.tail, c.flags)
		b := gatherAll(t, r.l, r.bytes(), 0)
		if got := b.Column("args").List(0); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.tail, got, c.want)
		}
		if got := b.Column("op").Str.At(0); got != "exec" {
			t.Errorf("op %q", got)
		}
	}
}

func TestGatherContainers(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct{ components, want string }{
		{"", ""},
		{"session-1.scope\x00user.slice\x00", ""},
		{"docker-" + id + ".scope\x00system.slice\x00", id},
		{id + "\x00docker\x00", id},
		{"init\x00cri-containerd-" + id + ".scope\x00kubepods.slice\x00", id},
		{id[:63] + "\x00", ""},
		{"lxc.payload.web\x00", "web"},
	} {
		r := newRawRecord(t, "cgroup").ref("name", c.components, 0)
		copy(r.field("container")[:8], r.field("name")[:8])
		if got := gatherAll(t, r.l, r.bytes(), 0).Column("container").Str.At(0); got != c.want {
			t.Errorf("%q: got %q, want %q", c.components, got, c.want)
		}
	}
}

// A ref that points outside its record is empty. A record with an unknown kind or a wrong size is an error.
func TestInvalidRecords(t *testing.T) {
	r := newRawRecord(t, "process").ref("args", "abc\x00", 0)
	binary.NativeEndian.PutUint16(r.field("args")[2:], 60000)
	if got := gatherAll(t, r.l, r.bytes(), 0).Column("args").List(0); len(got) != 0 {
		t.Errorf("arguments from outside the record: %q", got)
	}
	whole := newRawRecord(t, "syscall")
	layouts := make([]*Layout, whole.l.Kind+1)
	layouts[whole.l.Kind] = whole.l
	for name, change := range map[string]func([]byte){
		"unknown kind": func(b []byte) { b[frameSize] = 99 },
		"too short":    func(b []byte) { binary.NativeEndian.PutUint32(b, whole.l.Size-1) },
		"too long":     func(b []byte) { binary.NativeEndian.PutUint32(b, whole.l.Size+1) },
	} {
		data := append([]byte(nil), whole.bytes()...)
		change(data)
		if err := walk(data, layouts, func(*Layout, Records, int32) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
