// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

const (
	flagCut        = 4
	flagUnreadable = 8
	flagEscaped    = 16
)

// A textCall is a call that `workload texts` made, and what its row has.
type textCall struct {
	Case, Call, Str, Str2, Dir, Dir2 string
	None                             bool
	Flags                            int64
}

// textsOf are the values of dimension `table` by their ids, none of which may be there twice.
func textsOf(t *testing.T, c *format.Capture, table, column string) map[int64]string {
	t.Helper()
	texts := map[int64]string{}
	for _, r := range rows(t, c, table) {
		if _, twice := texts[r.n(table)]; twice {
			t.Errorf("%s %d is announced twice", table, r.n(table))
		}
		texts[r.n(table)] = r.s(column)
	}
	return texts
}

// markedCalls are the calls of a thread behind each call of getpgid with callBase + i.
func markedCalls(t *testing.T, c *format.Capture, tid int64) map[int64][]row {
	t.Helper()
	table, err := syscalls.ForArch(c.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	var mine []row
	who := tasks(t, c)
	for _, r := range rows(t, c, "syscall") {
		if who[r.n("task")].n("tid") == tid {
			mine = append(mine, r)
		}
	}
	slices.SortStableFunc(mine, func(a, b row) int { return int(a.n("ts") - b.n("ts")) })
	calls, at := map[int64][]row{}, int64(-1)
	for _, r := range mine {
		_, name, _ := strings.Cut(":"+table.Name(int32(r.n("nr"))), ":")
		if _, own, prefixed := strings.Cut(name, ":"); prefixed {
			name = own
		}
		if name == "getpgid" && r.n("arg0") >= callBase {
			at = r.n("arg0") - callBase
		}
		r["name"] = name
		calls[at] = append(calls[at], r)
	}
	return calls
}

// Each call has the texts that it was given, and the directories that they start from: in both ABIs.
func TestTexts(t *testing.T) {
	eachABI(t, "syscall", func(t *testing.T, _ string) {
		dir := t.TempDir()
		path, _ := workload(t)
		got, stdout := capture(t, 1, "-e", "syscall", "--", path, "texts", dir)
		wantNoLoss(t, got)
		var report struct {
			TID   int64
			Calls []textCall
		}
		if err := json.Unmarshal([]byte(stdout), &report); err != nil {
			t.Fatalf("the workload printed %q: %v", stdout, err)
		}
		if len(report.Calls) < 100 {
			t.Fatalf("only %d calls", len(report.Calls))
		}
		calls := markedCalls(t, got, report.TID)
		strs, paths := textsOf(t, got, "string", "value"), textsOf(t, got, "path", "name")
		for i, want := range report.Calls {
			at := slices.IndexFunc(calls[int64(i)], func(r row) bool { return r.s("name") == want.Call })
			if at < 0 {
				t.Errorf("%s: no row of %s", want.Case, want.Call)
				continue
			}
			r := calls[int64(i)][at]
			have := textCall{want.Case, want.Call, strs[r.n("str")], strs[r.n("str2")], paths[r.n("dir")],
				paths[r.n("dir2")], r.n("str") == 0, r.n("flags") & (flagCut | flagUnreadable | flagEscaped)}
			if have != want {
				t.Errorf("%s:\nhave %.300s\nwant %.300s", want.Case, fmt.Sprint(have), fmt.Sprint(want))
			}
		}
	})
}

// An execve that succeeds has its text too: that of a command, and one whose text is on a page that is not there at the
// entry.
func TestTextOfExecve(t *testing.T) {
	got, _ := capture(t, 1, "-e", "syscall", "--", program("workload"), "texts", t.TempDir())
	strs := textsOf(t, got, "string", "value")
	execve := number(t, got, "execve")
	var texts []string
	for _, r := range rows(t, got, "syscall") {
		if r.n("nr") == execve && r.n("ret") == 0 {
			texts = append(texts, strs[r.n("str")])
			if r.n("flags") != 0 {
				t.Errorf("execve of %q has flags %d", strs[r.n("str")], r.n("flags"))
			}
		}
	}
	if want := []string{program("workload"), "/proc/self/exe"}; !slices.Equal(texts, want) {
		t.Errorf("execve of %q, want %q", texts, want)
	}
}

// With --strings less is kept of each text, with --no-strings nothing, and the manifest says so.
func TestStringsOptions(t *testing.T) {
	got, _ := capture(t, 1, "-e", "syscall", "--strings", "9", "--", program("workload"), "texts", t.TempDir())
	if s := got.Manifest.Selection; s == nil || s.Strings == nil || *s.Strings != 9 {
		t.Errorf("the selection is %+v", s)
	}
	strs := textsOf(t, got, "string", "value")
	if !slices.Contains(slices.Collect(maps.Values(strs)), "/nosuch/a…") {
		t.Errorf("no cut text among %v", strs)
	}
	for _, r := range rows(t, got, "syscall") {
		text := strs[r.n("str")]
		if cut := strings.HasSuffix(text, "…"); cut && r.n("flags")&flagCut == 0 {
			t.Errorf("%q has flags %d", text, r.n("flags"))
		}
	}
	got, _ = capture(t, 1, "-e", "syscall", "--no-strings", "--", program("workload"), "texts", t.TempDir())
	if !got.Manifest.Selection.WithoutStrings() || got.Table("string") != nil {
		t.Errorf(
			"the selection is %+v, and the table string is there: %t",
			got.Manifest.Selection,
			got.Table("string") != nil,
		)
	}
	for _, r := range rows(t, got, "syscall") {
		if r.n("str") != 0 || r.n("dir") != 0 || r.n("flags")&flagUnreadable != 0 {
			t.Fatalf("a row has texts: %v", r)
		}
	}
}
