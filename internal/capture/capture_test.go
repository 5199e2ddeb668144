// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// write writes a capture to a temporary file and opens it.
func write(t *testing.T, c *fixture.Capture) *capture.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := c.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	set, err := capture.Open(context.Background(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set[0]
}

func TestTasks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, id := range map[string]func(i int32) int32{
		"one after the other": func(i int32) int32 { return i + 1 },
		"by processor":        func(i int32) int32 { return i%4<<24 | i + 1 },
		"anywhere":            func(int32) int32 { return r.Int32() - r.Int32() },
		"the ends":            func(i int32) int32 { return []int32{math.MinInt32, math.MaxInt32, -1, 1}[i%4] },
	} {
		t.Run(name, func(t *testing.T) {
			f, want := fixture.New(), map[int32]int32{}
			for i := range int32(3000) {
				task := id(i)
				f.AddTask(task, i, i, 1, 0, "comm", "exe")
				if _, again := want[task]; !again && task != 0 {
					want[task] = i
				}
			}
			tasks, err := write(t, f).Tasks()
			if err != nil {
				t.Fatal(err)
			}
			for task, tid := range want {
				if got := tasks.Task(task); got.TID != tid || got.ID != task || got.Comm != "comm" {
					t.Fatalf("task %d: got %+v, want tid %d", task, got, tid)
				}
			}
			for _, task := range []int32{0, 4000, -5, math.MaxInt32 - 1, math.MinInt32 + 1} {
				if _, known := want[task]; !known && tasks.Index(task) != 0 {
					t.Errorf("task %d, which is not there, is %+v", task, tasks.Task(task))
				}
			}
		})
	}
}

func TestTablesThatAreMissingAreEmpty(t *testing.T) {
	c := write(t, fixture.New())
	tasks, err := c.Tasks()
	if err != nil || len(tasks.List) != 1 || tasks.Index(1) != 0 {
		t.Errorf("got %v, %v", tasks, err)
	}
	texts, err := c.Texts("cgroup", "name")
	if err != nil || texts.Index(77) != 0 || texts.At(0) != "" {
		t.Errorf("got %v, %v", texts, err)
	}
}

func TestTexts(t *testing.T) {
	f := fixture.New()
	for id, name := range map[int32]string{1: "/a", 2: "/b", math.MaxInt32: "/far"} {
		f.AddPath(id, name)
	}
	f.AddPath(2, "/again")
	f.AddPath(0, "/unknown")
	c := write(t, f)
	paths, err := c.Texts("path", "name")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int32]string{1: "/a", 2: "/b", math.MaxInt32: "/far", 0: "", 3: "", -1: ""} {
		if got := paths.At(paths.Index(int64(id))); got != want {
			t.Errorf("path %d: got %q, want %q", id, got, want)
		}
	}
}

func TestFilterByTheNameOfAFile(t *testing.T) {
	c := write(t, fixture.Families())
	for expression, want := range map[string]int{
		`name contains "log"`: 2, `name endsWith "(deleted)"`: 1, `name == "/etc/hostname" && ret > 0`: 1,
		`name == ""`: 1, `name != "x"`: 9, // the file of one is not known
		`comm == ""`: 1, `comm != "tar"`: 4, `pid == 0`: 1, `tid == pid`: 9, `comm == name`: 0,
	} {
		p, err := capture.Set{c}.Filter(expression)
		if err != nil {
			t.Fatal(err)
		}
		bound, err := c.Bind(p, c.Table("file"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		err = c.Table("file").Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
			n += bound.Match(b, nil).Count()
			return nil
		})
		if err != nil || n != want {
			t.Errorf("%s: %d rows, %v, want %d", expression, n, err, want)
		}
	}
}

func TestTasksOfAnotherShape(t *testing.T) {
	f := fixture.New()
	f.Add(&format.Schema{Table: "task", Columns: []format.Column{{Name: "task", Type: format.String}}},
		fixture.Row{"task": "1"})
	if _, err := write(t, f).Tasks(); !errors.Is(err, format.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestColumns(t *testing.T) {
	c := write(t, fixture.New())
	for _, test := range []struct {
		schema *format.Schema
		want   string // joined columns, each behind what it is made from
	}{
		{fixture.Syscall, "task>comm task>pid task>tid nr>name " +
			"path>path path2>path2 str>str str2>str2 dir>dir dir2>dir2"},
		{fixture.Process, "task>comm task>tid"},
		{fixture.File, "task>comm task>pid task>tid path>path path>name"},
		{fixture.Seccomp, "task>comm task>pid task>tid nr>name"},
		{fixture.Path, ""},
		{fixture.Task, ""},
		{format.LossSchema, ""},
		{&format.Schema{Table: "syscall", Columns: []format.Column{{Name: "nr", Type: format.Int64},
			{Name: "task", Type: format.String}}}, ""},
	} {
		var own []format.Column
		var joined []string
		for _, column := range c.Columns(test.schema) {
			if column.Own() {
				own = append(own, format.Column{Name: column.Source, Type: column.Type})
				continue
			}
			joined = append(joined, column.Source+">"+column.Name)
			if column.Source != own[len(own)-1].Name {
				t.Errorf("%s: %s is not behind %s", test.schema.Table, column.Name, column.Source)
			}
		}
		if got := strings.Join(joined, " "); got != test.want || !slices.Equal(own, test.schema.Columns) {
			t.Errorf("%s: joined are %s, want %s; its own are %v", test.schema.Table, got, test.want, own)
		}
	}
	var want []string // each of its own once
	for _, column := range fixture.Pending.Columns {
		want = append(want, column.Name)
	}
	accessors, err := c.Access(c.Columns(fixture.Pending))
	if got := capture.Sources(accessors); err != nil || !slices.Equal(got, want) {
		t.Errorf("sources: got %v, %v", got, err)
	}
}

func TestFilter(t *testing.T) {
	c := write(t, fixture.Small())
	set := capture.Set{c}
	if p, err := set.Filter(""); p != nil || err != nil {
		t.Errorf("no filter: got %v, %v", p, err)
	}
	if _, err := set.Filter("bogus == 1"); !cli.IsUsage(err) {
		t.Errorf("a wrong one: got %v", err)
	}
	for expression, want := range map[string]int{
		`comm == "nginx"`: 5, `container == "0123456789ab"`: 5, `cgroup contains "docker"`: 5,
		`name == "read" && pid == 200`: 2,
		`family == "loss"`:             0, `uid == 1000`: 6,
	} {
		p, err := set.Filter(expression)
		if err != nil {
			t.Fatal(err)
		}
		table := c.Table("syscall")
		bound, err := c.Bind(p, table)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		err = table.Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
			n += bound.Match(b, nil).Count()
			return nil
		})
		if err != nil || n != want {
			t.Errorf("%s: %d calls, %v, want %d", expression, n, err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good")
	if err := fixture.Small().Write(good, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		paths []string
		want  error
	}{{[]string{good, filepath.Join(good, "nowhere")}, fs.ErrNotExist}, {[]string{good, t.TempDir()},
		format.ErrNotCapture}} {
		set, err := capture.Open(context.Background(), c.paths, nil)
		if set != nil || !errors.Is(err, c.want) || cli.Hint(err) == "" {
			t.Errorf("%v: got %v, %v", c.paths, set, err)
		}
	}
	if _, err := capture.Open(context.Background(), []string{"-", good, "-"}, os.Stdin); !cli.IsUsage(err) {
		t.Errorf("standard input twice: got %v", err)
	}
}

func TestSignal(t *testing.T) {
	for n, want := range map[int32]string{1: "SIGHUP", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM", 31: "SIGSYS",
		32: "SIGRT0", 34: "SIGRT2", 64: "SIGRT32", 0: "signal 0", 65: "signal 65", -1: "signal -1"} {
		if got := capture.Signal(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
