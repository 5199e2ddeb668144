// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// FORMAT.md lists, table by table, the columns that follow from the object.
func TestFormatPageListsTheColumns(t *testing.T) {
	page, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[format.Type]string{
		format.Int32: "int32", format.Int64: "int64", format.Timestamp: "timestamp", format.String: "utf8", format.StringList: "list",
	}
	all := Layouts()
	for _, l := range all {
		if l == nil {
			continue
		}
		columns := l.Schema.Columns
		if l.Schema.Event() {
			columns = columns[3:] // the page says those of all events once
		}
		var want []string
		for _, c := range columns {
			want = append(want, c.Name+" "+types[c.Type])
		}
		if got := columnsOnPage(string(page), l.Schema.Table); !slices.Equal(got, want) {
			t.Errorf("%s: the page has\n%q, want\n%q", l.Schema.Table, got, want)
		}
	}
}

var (
	columnName  = regexp.MustCompile("`(\\w+)`")
	columnRange = regexp.MustCompile("`arg0` … `arg5`")
)

// columnsOnPage are the columns of one table's section: the rows of its table whose first head is "column".
func columnsOnPage(page, table string) (columns []string) {
	_, section, found := strings.Cut(page, "\n### "+table)
	if !found {
		return nil
	}
	section, _, _ = strings.Cut(section, "\n## ")
	section, _, _ = strings.Cut(section, "\n### ")
	if strings.Contains(section, "of `syscall` without `ret` and `duration_ns`") {
		return slices.DeleteFunc(columnsOnPage(page, "syscall"), func(c string) bool {
			return strings.HasPrefix(c, "ret ") || strings.HasPrefix(c, "duration_ns ")
		})
	}
	_, rows, _ := strings.Cut(section, "| column | type |")
	for line := range strings.Lines(rows) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || strings.HasPrefix(cells[1], "---") {
			continue
		}
		names := columnRange.ReplaceAllString(cells[1], "`arg0` `arg1` `arg2` `arg3` `arg4` `arg5`")
		for _, name := range columnName.FindAllStringSubmatch(names, -1) {
			columns = append(columns, name[1]+" "+strings.TrimSpace(cells[2]))
		}
	}
	return columns
}
