// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// scan calls fn for each batch of a table.
func scan(t *testing.T, c *capture.Capture, table string, fn func(b *format.Batch)) {
	t.Helper()
	err := c.Table(table).Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
		fn(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// values are the values of a row as text.
func values(columns []*capture.Accessor, row int) string {
	var all []string
	for _, a := range columns {
		v, at := a.At(row)
		switch v.Type {
		case format.String:
			all = append(all, a.Name+"="+string(a.Text(row)))
		case format.StringList:
			all = append(all, fmt.Sprintf("%s=%q", a.Name, v.List(at)))
		default:
			all = append(all, fmt.Sprintf("%s=%d", a.Name, a.Int(row)))
		}
	}
	return strings.Join(all, " ")
}

func TestAccess(t *testing.T) {
	c := write(t, fixture.Small())
	for table, want := range map[string]string{
		"syscall": "task=1 comm=bash pid=100 tid=100 nr=56 name=clone",
		"process": `task=5 comm=nginx tid=200 op=snapshot pid=200 ppid=1 filename=/usr/sbin/nginx ` +
			`args=["nginx" "-g" "daemon off;"]`,
		"task": "ts=1772366400000000000 tid=201 pid=200 ppid=1 uid=0 gid=0 cgroup=78 comm=nginx exe=/usr/sbin/nginx",
	} {
		columns, err := c.Access(c.Columns(c.Table(table).Schema))
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		scan(t, c, table, func(b *format.Batch) {
			for _, a := range columns {
				a.Bind(b)
			}
			for row := range b.Rows {
				rows = append(rows, values(columns, row))
			}
		})
		if !strings.Contains(strings.Join(rows, "\n"), want) {
			t.Errorf("%s: got\n%s\nwant a row with\n%s", table, strings.Join(rows, "\n"), want)
		}
	}
}

// TestCodes checks for all columns that rows with the same code have the same value.
func TestCodes(t *testing.T) {
	f := fixture.Families()
	f.AddSyscall(0, 0, 1, 1<<20, 0, 0) // which has no name
	f.AddSyscall(0, 0, 99, 1<<20|1, 0, 0)
	f.AddSyscall(0, 0, 99, 0, 0, 0)
	c := write(t, f)
	for _, table := range []string{"file", "syscall", "seccomp"} {
		columns, err := c.Access(c.Columns(c.Table(table).Schema))
		if err != nil {
			t.Fatal(err)
		}
		scan(t, c, table, func(b *format.Batch) {
			for _, a := range columns {
				a.Bind(b)
				codes := a.AppendCodes(nil, 0, b.Rows)
				if len(codes) != b.Rows {
					t.Fatalf("%s.%s: %d codes, not %d", table, a.Name, len(codes), b.Rows)
				}
				seen, known := map[int32]string{}, 0
				for row, code := range codes {
					value := values([]*capture.Accessor{a}, row)
					if before, ok := seen[code]; ok && code >= 0 && before != value {
						t.Errorf("%s, code %d: %s and %s", table, code, before, value)
					}
					seen[code] = value
					if code >= 0 {
						known++
					}
				}
				if a.Own() != (known == 0) {
					t.Errorf("%s.%s: %d rows have codes", table, a.Name, known)
				}
			}
		})
	}
}

// newer is a capture with a dimension, and columns of known tables, that this version does not know.
func newer(t *testing.T) *capture.Capture {
	f := fixture.New()
	task := &format.Schema{Table: "task",
		Columns: append(fixture.Task.Columns[:len(fixture.Task.Columns):len(fixture.Task.Columns)],
			format.Column{Name: "made_up", Type: format.Int64},
			format.Column{Name: "made_up_list", Type: format.StringList})}
	socket := &format.Schema{Table: "socket", Columns: []format.Column{{Name: "socket", Type: format.Int64},
		{Name: "name", Type: format.String}, {Name: "backlog", Type: format.Int32}}}
	listen := &format.Schema{Table: "listen", Columns: []format.Column{{Name: "ts", Type: format.Timestamp},
		{Name: "cpu", Type: format.Int32},
		{Name: "task", Type: format.Int32}, {Name: "socket", Type: format.Int64}}}
	f.Add(task, fixture.Row{"task": int32(1), "comm": "sh", "pid": int32(10), "tid": int32(11), "made_up": int64(33),
		"made_up_list": []string{"a", "b"}})
	f.Add(socket, fixture.Row{"socket": int64(1) << 40, "name": "TCP:[::1]:80", "backlog": int32(128)})
	f.AddEvent(listen, 0, 0, 1, fixture.Row{"socket": int64(1) << 40})
	f.AddEvent(listen, 0, 0, 2, fixture.Row{"socket": int64(7)})
	f.AddSyscall(time.Second, 0, 1, 50, 0, 0)
	return write(t, f)
}

func TestNewerDimension(t *testing.T) {
	c := newer(t)
	columns, err := c.Access(c.Columns(c.Table("listen").Schema))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	scan(t, c, "listen", func(b *format.Batch) {
		for _, a := range columns {
			a.Bind(b)
		}
		for row := range b.Rows {
			rows = append(rows, values(columns[2:], row))
		}
	})
	want := "task=1 comm=sh pid=10 tid=11 socket_id=1099511627776 socket=TCP:[::1]:80\n" +
		"task=2 comm= pid=0 tid=0 socket_id=7 socket="
	if got := strings.Join(rows, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for expression, want := range map[string]int{
		`made_up == 33`: 2, `made_up != 33`: 1, `"b" in made_up_list`: 2, `backlog > 100`: 1,
		`socket == "TCP:[::1]:80"`: 1, `socket == 7`: 1,
		`name startsWith "TCP"`: 1, `name == "listen"`: 1, `family == "listen" && made_up == 33`: 1,
	} {
		p, err := capture.Set{c}.Filter(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		n := 0
		for _, table := range []string{"listen", "syscall"} {
			bound, err := c.Bind(p, c.Table(table))
			if err != nil {
				t.Fatal(err)
			}
			scan(t, c, table, func(b *format.Batch) { n += bound.Match(b, nil).Count() })
		}
		if n != want {
			t.Errorf("%s: %d rows, want %d", expression, n, want)
		}
	}
}

// TestDimensionOfAnotherShape loads a column that a dimension lacks, and one that it has with another type.
func TestDimensionOfAnotherShape(t *testing.T) {
	f := fixture.New()
	f.Add(&format.Schema{Table: "task", Columns: []format.Column{{Name: "task", Type: format.Int32},
		{Name: "comm", Type: format.Int32}}},
		fixture.Row{"task": int32(3), "comm": int32(4)})
	d := write(t, f).Dimension("task")
	rows, err := d.Load(format.Column{Name: "pid", Type: format.Int32}, format.Column{Name: "exe", Type: format.String},
		format.Column{Name: "made_up_list", Type: format.StringList})
	if err != nil || rows.Index(3) != 1 || rows.Rows != 2 {
		t.Fatalf("got %+v, %v", rows, err)
	}
	if c := rows.Columns; c[0].I32[1] != 0 || c[1].Str.At(1) != "" || len(c[2].List(1)) != 0 {
		t.Errorf("got %+v", c)
	}
	if _, err := d.Load(format.Column{Name: "comm", Type: format.String}); !errors.Is(err, format.ErrCorrupt) {
		t.Errorf("comm as text: got %v", err)
	}
	if rows, err = d.Load(format.Column{Name: "comm", Type: format.Int32}); err != nil ||
		rows.Columns[0].I32[rows.Index(3)] != 4 {
		t.Errorf("comm as it is: got %+v, %v", rows, err)
	}
}
