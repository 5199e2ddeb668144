// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

func schemaOf(table string, columns ...string) *format.Schema {
	types := map[string]format.Type{"i": format.Int32, "l": format.Int64, "t": format.Timestamp, "s": format.String,
		"S": format.StringList}
	s := &format.Schema{Table: table}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, ":")
		s.Columns = append(s.Columns, format.Column{Name: name, Type: types[typ]})
	}
	return s
}

var (
	syscallSchema = schemaOf("syscall", "ts:t", "cpu:i", "task:i", "nr:i", "ret:l", "duration_ns:l", "arg0:l", "arg1:l")
	processSchema = schemaOf("process", "ts:t", "cpu:i", "task:i", "op:s", "pid:i", "ppid:i", "filename:s", "args:S",
		"duration_ns:l")
	tcpSchema    = schemaOf("tcp", "ts:t", "cpu:i", "task:i", "op:s", "family:i", "daddr:s", "dport:i", "ret:i")
	fileSchema   = schemaOf("file", "ts:t", "cpu:i", "task:i", "op:s", "path:i", "size:l", "ret:l")
	cgroupSchema = schemaOf("cgroup", "cgroup:l", "name:s", "container:s")
	schemas      = []*format.Schema{syscallSchema, processSchema, tcpSchema, fileSchema, cgroupSchema}
)

var (
	taskTable = schemaOf("task", "task:i", "ts:t", "tid:i", "pid:i", "ppid:i", "uid:l", "gid:l", "cgroup:l", "comm:s",
		"exe:s")
	pathTable = schemaOf("path", "path:i", "name:s")
)

// testCapture implements Dimensions and counts lookups.
type testCapture struct {
	asked   map[string]int
	batches map[string]*format.Batch
}

func newTestCapture(t testing.TB) (*testCapture, *Env) {
	w := &testCapture{asked: map[string]int{}, batches: map[string]*format.Batch{}}
	w.add(t, taskTable, row{"task": int32(1), "tid": int32(101), "pid": int32(100), "ppid": int32(1),
		"cgroup": int64(7), "comm": "nginx", "exe": "/usr/sbin/nginx"})
	w.add(t, taskTable, row{"task": int32(2), "tid": int32(200), "pid": int32(200), "ppid": int32(100),
		"uid": int64(1000), "gid": int64(1000), "cgroup": int64(8), "comm": "php-fpm", "exe": "/usr/bin/php"})
	w.add(t, taskTable, row{"task": int32(math.MaxInt32), "comm": "far"})
	w.add(t, pathTable, row{"path": int32(5), "name": "/etc/passwd"})
	w.add(t, cgroupSchema, row{"cgroup": int64(7), "name": "/system.slice/nginx.service", "container": "c0ffee"})
	return w, w.env()
}

func (w *testCapture) env() *Env { return &Env{Dimensions: w, CallName: w.callName} }

func (w *testCapture) add(t testing.TB, s *format.Schema, r row) {
	t.Helper()
	if w.batches[s.Table] == nil {
		w.batches[s.Table] = format.NewBatch(s)
	}
	if err := w.batches[s.Table].AppendRow(r); err != nil {
		t.Fatal(err)
	}
}

func (w *testCapture) Schema(dimension string) *format.Schema {
	if b := w.batches[dimension]; b != nil {
		return b.Schema
	}
	return nil
}

func (w *testCapture) Lookup(dimension string, columns []format.Column) (Lookup, error) {
	b := w.batches[dimension]
	if err := b.Schema.Check(columns...); err != nil {
		return nil, err
	}
	return func(id int64) (*format.Batch, int, bool) {
		w.asked[fmt.Sprint(dimension, id)]++
		ids := &b.Columns[0]
		for i := range b.Rows {
			if ids.Type == format.Int32 && int64(ids.I32[i]) == id || ids.Type == format.Int64 && ids.I64[i] == id {
				return b, i, true
			}
		}
		return nil, 0, false
	}, nil
}

func (w *testCapture) callName(nr int32) string {
	w.asked[fmt.Sprint("nr", nr)]++
	if name, ok := map[int32]string{0: "read", 257: "openat"}[nr]; ok {
		return name
	}
	return fmt.Sprint("nr_", nr)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).UnixNano()

type row = map[string]any

// rows are the rows of the test tables. Each is named by a letter.
var rows = map[string][]row{
	"syscall": {
		{"ts": noon, "task": int32(1), "nr": int32(257), "ret": int64(-2), "duration_ns": int64(5_000),
			"arg0": int64(-100)}, // a
		{"ts": noon + 1e9, "task": int32(1), "nr": int32(0), "ret": int64(100), "duration_ns": int64(2e9),
			"arg1": int64(1) << 62}, // b
		{"ts": noon + 2e9, "cpu": int32(3), "task": int32(2), "nr": int32(0), "ret": int64(0),
			"duration_ns": int64(10_000_000)}, // c
		{"ts": noon + 3e9, "task": int32(0), "nr": int32(999), "ret": int64(math.MinInt64), "duration_ns": int64(0),
			"arg0": int64(1)}, // d
		{"ts": noon + 4e9, "task": int32(math.MaxInt32), "nr": int32(-1), "ret": int64(math.MaxInt64),
			"duration_ns": int64(math.MaxInt64)}, // e
	},
	"process": {
		{"ts": noon, "task": int32(2), "op": "exec", "pid": int32(300), "ppid": int32(1), "filename": "/bin/cat",
			"args": []string{"cat", "--foo", "a b"}}, // f
		{"ts": noon + 1e9, "task": int32(1), "op": "exit", "pid": int32(301), "args": []string{},
			"duration_ns": int64(1e6)}, // g
		{"ts": noon + 2e9, "task": int32(0), "op": "fork", "pid": int32(302), "ppid": int32(300),
			"args": []string{""}}, // h
	},
	"tcp": {
		{"ts": noon, "task": int32(1), "op": "connect", "family": int32(4), "daddr": "10.0.0.1", "dport": int32(443),
			"ret": int32(-111)}, // i
		{"ts": noon + 5e9, "task": int32(2), "op": "accept", "family": int32(6), "daddr": "::1",
			"dport": int32(8080)}, // j
	},
	"file": {
		{"ts": noon, "task": int32(2), "op": "read", "path": int32(5), "size": int64(4096), "ret": int64(100)}, // k
		{"ts": noon, "task": int32(2), "op": "write", "path": int32(6), "size": int64(10), "ret": int64(10)},   // l
	},
	"cgroup": {
		{"cgroup": int64(7), "name": "/system.slice/nginx.service", "container": "c0ffee"}, // m
	},
}

func batchOf(t testing.TB, s *format.Schema) *format.Batch {
	t.Helper()
	b := format.NewBatch(s)
	for _, r := range rows[s.Table] {
		if err := b.AppendRow(r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// project returns a batch with only the named columns, as if only they had been read.
func project(b *format.Batch, columns []string) *format.Batch {
	s := &format.Schema{Table: b.Schema.Table}
	out := &format.Batch{Schema: s, Rows: b.Rows}
	for i, c := range b.Schema.Columns {
		if slices.Contains(columns, c.Name) {
			s.Columns = append(s.Columns, c)
			out.Columns = append(out.Columns, b.Columns[i])
		}
	}
	return out
}

// matching returns the letters of the rows that match.
func matching(t testing.TB, p *Program, env *Env) string {
	t.Helper()
	letters, letter := "", 'a'
	for _, s := range schemas {
		bound, err := p.Bind(s, env)
		if err != nil {
			t.Fatal(err)
		}
		full := batchOf(t, s)
		sel := bound.Match(project(full, bound.Columns()), nil)
		if again := bound.Match(full, slices.Clone(sel)); !slices.Equal(sel, again) {
			t.Errorf("table %s: the second match differs", s.Table)
		}
		found := 0
		for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
			letters += string(letter + rune(i))
			found++
			if !sel.Has(i) {
				t.Errorf("Next returns row %d, Has says no", i)
			}
		}
		if found != sel.Count() {
			t.Errorf("Next returns %d rows, Count says %d", found, sel.Count())
		}
		if found > 0 && (bound.Never() || p.PruneTable(s.Table)) {
			t.Errorf("table %s has matches but is pruned", s.Table)
		}
		letter += rune(full.Rows)
	}
	return letters
}
