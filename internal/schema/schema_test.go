// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// The committed Go files are what gen writes from the committed objects.
func TestGeneratedTablesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./gen", "-out", dir).CombinedOutput(); err != nil {
		t.Fatalf("generating: %v\n%s", err, out)
	}
	for _, name := range []string{"internal/schema/tables.go", "bpf/records.go"} {
		made, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil || !bytes.Equal(made, committed) {
			t.Errorf("%s does not follow the BPF objects (%v); run make generate", name, err)
		}
	}
}

// typeNames are the names that FORMAT.md has for types.
var typeNames = map[string]format.Type{
	"int32": format.Int32, "int64": format.Int64, "timestamp": format.Timestamp,
	"utf8": format.String, "list": format.StringList,
}

// FORMAT.md has a section for each table: each column in order, with its type and, for an enum, its values. It
// describes ts, cpu and task once for all events, so the sections may leave them out.
func TestFormatPageHasEveryColumn(t *testing.T) {
	page, err := os.ReadFile("../../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(page), "\n## Tables\n")
	tables, _, _ = strings.Cut(tables, "\n## ")
	parts := strings.Split(tables, "\n### ")
	common := columnsOf(parts[0])
	sections := map[string]string{}
	for _, part := range parts[1:] {
		name, text, _ := strings.Cut(part, "\n")
		name, _, _ = strings.Cut(name, " ")
		sections[name] = text
	}
	for _, table := range slices.Concat(schema.Tables, []*schema.Table{schema.Loss}) {
		text := sections[table.Table]
		delete(sections, table.Table)
		want, got := table.Schema.Columns, columnsOf(text)
		if table.Event() {
			want = want[3:]
			got = slices.DeleteFunc(got, func(c format.Column) bool { return slices.Contains(common[:3], c) })
		}
		if !slices.Equal(got, want) {
			t.Errorf("table %s: the page has the columns\n%v, and a recorder writes\n%v", table.Table, got, want)
		}
		for _, c := range table.Columns {
			for _, value := range c.Values {
				if value != "" && !strings.Contains(text, "`"+value+"`") {
					t.Errorf("table %s, column %s: the page does not name the value %q", table.Table, c.Name, value)
				}
			}
		}
	}
	for name := range sections {
		t.Errorf("the page has a table %s, which no recorder writes", name)
	}
}

// columnNames matches one column, or the first and last of several that differ in their number.
var columnNames = regexp.MustCompile("`([a-z_0-9]*?)([0-9]*)`(?: … `[a-z_]*([0-9]+)`)?")

// columnsOf reads the lines "| column | type | …" of a section; "`a0` … `a5`" are six columns.
func columnsOf(text string) (columns []format.Column) {
	for _, line := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| (\\w+) \\|").FindAllStringSubmatch(text, -1) {
		typ, ok := typeNames[line[2]]
		if !ok {
			continue // this Markdown table is not one of columns
		}
		for _, name := range columnNames.FindAllStringSubmatch(line[1], -1) {
			from, _ := strconv.Atoi(name[2])
			to, err := strconv.Atoi(name[3])
			if err != nil {
				columns = append(columns, format.Column{Name: name[1] + name[2], Type: typ})
				continue
			}
			for i := from; i <= to; i++ {
				columns = append(columns, format.Column{Name: name[1] + strconv.Itoa(i), Type: typ})
			}
		}
	}
	return columns
}

// README.md has a line for every family.
func TestReadmeHasEveryFamily(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## What it records\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var names []string
	lines := regexp.MustCompile(`(?m)^\| (\w+) \|`).FindAllStringSubmatch(section, -1)
	for _, line := range lines[1:] { // after the header
		names = append(names, line[1])
	}
	if want := schema.Families(); !slices.Equal(names, want) {
		t.Errorf("README.md has lines for %v, the families are %v", names, want)
	}
}

func TestTables(t *testing.T) {
	if got := fmt.Sprint(schema.Families()[:3]); got != "[process syscall file]" {
		t.Errorf("the first families are %s", got)
	}
	for family, want := range map[string]string{
		"syscall": "[syscall pending path string]", "file": "[file path]", "tcp": "[tcp]", "unknown": "[]",
	} {
		if got := fmt.Sprint(schema.TablesOf(family)); got != want {
			t.Errorf("tables of %s: got %s, want %s", family, got, want)
		}
	}
	for _, table := range schema.Tables {
		if table.Event() == table.Dimension() {
			t.Errorf("table %s is both a table of events and a dimension, or neither", table.Table)
		}
		if table.Event() && len(table.Families) != 1 {
			t.Errorf("events of table %s belong to the families %v", table.Table, table.Families)
		}
		if table.Bulk != (table.GroupBy != nil) {
			t.Errorf("table %s: bulk %v, grouped by %v", table.Table, table.Bulk, table.GroupBy)
		}
	}
	if schema.Of("nothing") != nil || schema.Of("nothing").Column("x") != nil || schema.Of("loss") != schema.Loss {
		t.Error("Of returns a table that does not exist, or not the loss table")
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		table string
		column
		want schema.Meaning
	}{
		{"syscall", column{Name: "ret", Type: format.Int64}, schema.Result},
		{"syscall", column{Name: "ret", Type: format.String}, schema.Plain}, // not the type of the known column
		{"newer", column{Name: "task", Type: format.Int32}, schema.ID},
		{"newer", column{Name: "until", Type: format.Timestamp}, schema.Time},
		{"newer", column{Name: "op", Type: format.String}, schema.Plain}, // its values are unknown
		{"newer", column{Name: "srtt_ns", Type: format.Int64}, schema.Duration},
		{"newer", column{Name: "wait_ns", Type: format.Int64}, schema.Duration},
		{"newer", column{Name: "wait_ns", Type: format.Int32}, schema.Plain},
	} {
		if got := schema.Describe(c.table, c.column); got.Meaning != c.want || got.Column != c.column {
			t.Errorf("%s.%s: got %+v, want meaning %d", c.table, c.column.Name, got, c.want)
		}
	}
}

type column = format.Column

func TestDimensionOf(t *testing.T) {
	newer := map[string]*format.Schema{
		"socket": {Table: "socket", Columns: []column{
			{Name: "socket", Type: format.Int32}, {Name: "peer", Type: format.String},
		}},
		"disk":  {Table: "disk", Columns: []column{{Name: "name", Type: format.String}}},
		"empty": {Table: "empty"},
	}
	schemaOf := func(name string) *format.Schema {
		if s, ok := newer[name]; ok {
			return s
		}
		if known := schema.Of(name); known != nil {
			return known.Schema
		}
		return nil
	}
	for _, c := range []struct {
		table string
		column
		want string
	}{
		{"syscall", column{Name: "task", Type: format.Int32}, "task"},
		{"newer", column{Name: "task", Type: format.Int32}, "task"},
		{"newer", column{Name: "task", Type: format.String}, ""},
		{"file", column{Name: "path", Type: format.Int32}, "path"},
		{"path", column{Name: "path", Type: format.Int32}, ""}, // the dimension itself
		{"task", column{Name: "cgroup", Type: format.Int64}, "cgroup"},
		{"file", column{Name: "socket", Type: format.Int32}, "socket"},
		{"file", column{Name: "socket", Type: format.Int64}, ""},
		{"file", column{Name: "disk", Type: format.Int32}, ""}, // disk is no dimension: its first column is not an id
		{"file", column{Name: "empty", Type: format.Int32}, ""},
		{"file", column{Name: "syscall", Type: format.Int32}, ""},
		{"file", column{Name: "nowhere", Type: format.Int32}, ""},
		{"tcp", column{Name: "ret", Type: format.Int32}, ""},
	} {
		got := ""
		if s := schema.DimensionOf(c.table, c.column, schemaOf); s != nil {
			got = s.Table
		}
		if got != c.want {
			t.Errorf("%s.%s %v: got %q, want %q", c.table, c.column.Name, c.column.Type, got, c.want)
		}
	}
}

// The templates of replay name only columns that their table has.
func TestTemplatesNameColumns(t *testing.T) {
	for _, table := range schema.Tables {
		for _, name := range regexp.MustCompile(`\{(\w*)\}`).FindAllStringSubmatch(table.Text, -1) {
			if table.Column(name[1]) == nil {
				t.Errorf("table %s: the template names an unknown column %q", table.Table, name[1])
			}
		}
	}
}
