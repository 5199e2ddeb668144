// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// newerCapture is a capture of a newer recorder: tasks have more columns, and there are a dimension and a table of
// events that this version does not have.
func newerCapture(t *testing.T) (*Env, []*format.Schema) {
	task := schemaOf("task", "task:i", "comm:s", "made_up:l", "groups:S", "cgroup:l", "box:i")
	box := schemaOf("box", "box:i", "name:s", "host:i", "depth:l")
	host := schemaOf("host", "host:i", "name:s", "zone:s")
	w := &testCapture{asked: map[string]int{}, batches: map[string]*format.Batch{}}
	w.add(t, task, row{"task": int32(1), "comm": "sh", "made_up": int64(0), "groups": []string{"wheel", "disk"},
		"box": int32(4)})
	w.add(t, task, row{"task": int32(2), "comm": "ls", "made_up": int64(33), "box": int32(9)})
	w.add(t, box, row{"box": int32(3), "name": "outer", "host": int32(1), "depth": int64(1)})
	w.add(t, box, row{"box": int32(4), "name": "inner", "host": int32(2), "depth": int64(2)})
	w.add(t, host, row{"host": int32(1), "name": "north", "zone": "a"})
	return w.env(), []*format.Schema{task, box, host}
}

// TestJoins compares columns of dimensions that only the capture describes.
func TestJoins(t *testing.T) {
	env, tables := newerCapture(t)
	moved := schemaOf("moved", "ts:t", "cpu:i", "task:i", "box:i", "size:l")
	tables = append(tables, moved)
	batch := format.NewBatch(moved)
	for _, r := range []row{
		{"task": int32(1), "box": int32(3)}, // a: by sh, of outer, of host north
		{"task": int32(2), "box": int32(4)}, // b: by ls, of inner, of a host that is not known
		{"task": int32(1), "box": int32(5)}, // c: by sh, of a box that is not known
		{"task": int32(7), "box": int32(3)}, // d: by nobody known, of outer
	} {
		if err := batch.AppendRow(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ src, want string }{
		{`made_up == 0`, "acd"},
		{`made_up != 0`, "b"},
		{`!(made_up == 0)`, "b"},
		{`"wheel" in groups`, "ac"},
		{`"wheel" not in groups`, "bd"},
		{`groups contains "el di"`, "ac"},
		{`box == 3`, "ad"},
		{`box == "outer"`, "ad"},
		{`box != "outer"`, "bc"},
		{`name == "inner"`, "b"}, // of the event's box and not of the task's
		{`depth > 1`, "b"},
		{`zone == "a"`, "ad"},
		{`host == "north"`, "ad"},
		{`host == 2`, "b"},
		{`name == "north"`, ""}, // a host's, which is two steps away
		{`zone == "a" && comm == "sh"`, "a"},
	} {
		p, err := Compile(c.src, tables...)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		b, err := p.Bind(moved, env)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		sel := b.Match(project(batch, b.Columns()), nil)
		for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
			got += string('a' + rune(i))
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.src, got, c.want)
		}
	}
	for _, src := range []string{`made_up == 0`, `depth == 1`} {
		if _, err := Compile(src); err == nil {
			t.Errorf("%s compiles without the table", src)
		}
	}
}

// TestJoinsOfKnownTables compares new columns of known dimensions.
func TestJoinsOfKnownTables(t *testing.T) {
	env, tables := newerCapture(t)
	for src, want := range map[string]int{`made_up == 33`: 1, `box == "inner"`: 2, `depth == 2`: 2,
		`name == "inner"`: 0,
		`zone == "a"`:     0} {
		p, err := Compile(src, tables...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Bind(syscallSchema, env)
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Match(batchOf(t, syscallSchema), nil).Count(); n != want {
			t.Errorf("%s: %d rows, want %d", src, n, want)
		}
	}
}

// TestJoinsInACircle joins dimensions that lead to each other.
func TestJoinsInACircle(t *testing.T) {
	w := &testCapture{asked: map[string]int{}, batches: map[string]*format.Batch{}}
	var tables []*format.Schema
	for _, s := range []*format.Schema{
		schemaOf("task", "task:i", "one:i", "two:i"), schemaOf("one", "one:i", "two:i", "task:i"),
		schemaOf("two", "two:i", "one:i", "deep:s"),
	} {
		w.add(t, s, row{})
		tables = append(tables, s)
	}
	for src, want := range map[string]int{`deep == ""`: 5, `deep == "x"`: 0} {
		p, err := Compile(src, tables...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Bind(syscallSchema, w.env())
		if err != nil {
			t.Fatal(err)
		}
		batch := format.NewBatch(syscallSchema)
		for range 5 {
			if err := batch.AppendRow(row{}); err != nil {
				t.Fatal(err)
			}
		}
		if n := b.Match(batch, nil).Count(); n != want {
			t.Errorf("%s: %d rows, want %d", src, n, want)
		}
	}
}

// TestDimensionThatFails checks that a dimension that cannot be read is only an error for filters that need it.
func TestDimensionThatFails(t *testing.T) {
	_, env := newTestCapture(t)
	broken := errors.New("broken")
	env.Dimensions = failing{env.Dimensions, broken}
	for src, want := range map[string]error{`comm == "x"`: nil, `container == "x"`: broken,
		`ret < 0 || !(cgroup == "x")`: broken, `cgroup == 7`: nil} {
		p, err := Compile(src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Bind(syscallSchema, env); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", src, err, want)
		}
	}
}

// failing is a capture whose dimension cgroup cannot be read.
type failing struct {
	Dimensions
	err error
}

func (f failing) Lookup(dimension string, columns []format.Column) (Lookup, error) {
	if dimension == "cgroup" {
		return nil, f.err
	}
	return f.Dimensions.Lookup(dimension, columns)
}

// TestQualifiedNames compares columns that two dimensions of a row have: the plain name is that of the first, the
// task's, and each has a name of its own.
func TestQualifiedNames(t *testing.T) {
	w := &testCapture{asked: map[string]int{}, batches: map[string]*format.Batch{}}
	task := schemaOf("task", "task:i", "cgroup:l", "mntns:l")
	w.add(t, task, row{"task": int32(1), "cgroup": int64(7), "mntns": int64(40)})
	w.add(t, schemaOf("path", "path:i", "name:s", "mntns:l"), row{"path": int32(5), "name": "/a", "mntns": int64(50)})
	w.add(t, cgroupSchema, row{"cgroup": int64(7), "name": "/x.slice", "container": "c0ffee"})
	batch := format.NewBatch(fileSchema)
	if err := batch.AppendRow(row{"task": int32(1), "path": int32(5)}); err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]bool{
		`mntns == 40`: true, `mntns == 50`: false, `task_mntns == 40`: true, `task_mntns == 50`: false,
		`path_mntns == 50`: true, `path_mntns == 40`: false, `path_mntns == 50 && path == "/a"`: true,
		`path_mntns != mntns`: true, `path_mntns == task_mntns`: false, `path_name == "/a"`: true,
		`cgroup_name == "/x.slice"`: true, `cgroup_container == "c0ffee"`: true, `task_cgroup == 7`: true,
	} {
		p, err := Compile(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		b, err := p.Bind(fileSchema, w.env())
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Match(project(batch, b.Columns()), nil).Has(0); got != want {
			t.Errorf("%s: %t", src, got)
		}
		if err := p.CheckNames(w, fileSchema); err != nil {
			t.Errorf("%s: %v", src, err)
		}
		if p.CheckNames(w, cgroupSchema) == nil {
			t.Errorf("%s: allowed for cgroups", src)
		}
	}
	if _, err := Compile(`path_path == 5`); err == nil {
		t.Error("path_path compiles")
	}
}
