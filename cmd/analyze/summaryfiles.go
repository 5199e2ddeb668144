// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// fileSummary is the part of a summary about reads and writes.
type fileSummary struct {
	Reads   int64       `json:"reads"`
	Writes  int64       `json:"writes"`
	Read    int64       `json:"read_bytes"`
	Written int64       `json:"written_bytes"`
	Errors  int64       `json:"errors"`
	Expect  int64       `json:"expected"` // would have blocked, or were interrupted
	Busiest []fileTotal `json:"busiest"`  // by bytes
	Slowest []fileTotal `json:"slowest"`  // by the slowest read or write

	// Calls of all programs that move other bytes, in this time; null: not known, because no calls were recorded.
	Uncounted []uncountedCall `json:"uncounted"`

	notes []string // on what is not counted
}

// fileTotal is how much of one file was read and written, and its slowest read or write.
type fileTotal struct {
	Path    string    `json:"path"`
	Mntns   namespace `json:"path_mntns"`
	Read    int64     `json:"read_bytes"`
	Written int64     `json:"written_bytes"`
	Max     int64     `json:"max_ns"` // -1: unknown
	Op      string    `json:"max_op"`
	Comm    string    `json:"max_comm"`
	Before  bool      `json:"max_began_before"` // the recording, so Max is a lower bound
}

// namespace is the mount namespace of a path that in other ones is that of another file; else it is empty, in JSON
// null.
type namespace string

func (n namespace) MarshalJSON() ([]byte, error) { return []byte(cmp.Or(string(n), "null")), nil }

// accessDetails is what is shown of a slow read or write, besides its duration. op is "read", "write" or "?".
type accessDetails struct {
	comm, op string
	before   bool // it began before the recording
}

// slowestAccess is the read or write with the longest duration; of equal ones, the first by comm and op.
var slowestAccess = &view.Greatest[accessDetails]{
	Column: "duration_ns", Columns: []string{"task", "op", "flags"},
	NewRow: func(s *view.Source) (func(b *format.Batch, row int) accessDetails, error) {
		tasks, err := s.Tasks()
		return func(b *format.Batch, row int) accessDetails {
			op := b.Column("op").Str.At(row)
			if op != "read" && op != "write" {
				op = "?"
			}
			return accessDetails{commOf(tasks.Task(b.Column("task").I32[row])), op, view.Before(b, row)}
		}, err
	},
	Less: func(a, b accessDetails) bool { return cmp.Or(cmp.Compare(a.comm, b.comm), cmp.Compare(a.op, b.op)) < 0 },
}

// read fills f, with lists of at most n files.
func (f *fileSummary) read(e *env, in *view.Input, n int) error {
	results, err := view.GroupRows(e.ctx, in, "file",
		view.Grouping{Count: []view.Value{fileReads, fileWrites, bytesRead, bytesWritten, fileErrors,
			fileExpected}},
		view.Grouping{By: []*view.Key{view.Path, view.Path.With},
			Count: []view.Value{bytesRead, bytesWritten, slowestAccess}},
	)
	if err != nil {
		return err
	}
	all, paths := results[0].Total(), results[1]
	f.Reads, f.Writes, f.Errors = fileReads.Of(all), fileWrites.Of(all), fileErrors.Of(all)
	f.Expect = fileExpected.Of(all)
	f.Read, f.Written = bytesRead.Of(all), bytesWritten.Of(all)
	f.Busiest = fileTotals(paths.Top(n, view.Plus(bytesRead, bytesWritten)))
	f.Slowest = fileTotals(paths.Top(n, slowestAccess.Value()))
	u, err := readUncounted(e, in.Captures, in.Filter)
	if err != nil {
		return err
	}
	f.Uncounted, f.notes = u.calls, u.notes(false)
	return nil
}

func fileTotals(groups []*view.Group) []fileTotal {
	list := []fileTotal{}
	for _, g := range groups {
		slowest, duration := slowestAccess.Of(g)
		list = append(list, fileTotal{g.Texts[0], namespace(g.Texts[1]), bytesRead.Of(g), bytesWritten.Of(g), duration,
			slowest.op, slowest.comm, slowest.before})
	}
	return list
}

func (f *fileSummary) title() string {
	return fmt.Sprintf("files: %s reads of %s, %s writes of %s, %s failed", term.Count(f.Reads), term.Bytes(f.Read),
		term.Count(f.Writes), term.Bytes(f.Written), term.Count(f.Errors))
}

// table shows the busiest files, then the slowest of the others.
func (f *fileSummary) table() *term.Table {
	all := append(slices.Clone(f.Busiest), f.Slowest...)
	heads := []string{">read", ">written", ">slowest", "which was", "file"}
	several := slices.ContainsFunc(all, func(l fileTotal) bool { return l.Mntns != "" })
	if several {
		heads = append(heads, ">path_mntns")
	}
	t := term.NewTable(heads...)
	for _, l := range all {
		if slices.Contains(f.Busiest, l) && t.Len() >= len(f.Busiest) {
			continue
		}
		which := ""
		if l.Max >= 0 {
			which = l.Op + " by " + l.Comm
		}
		cells := []string{view.Bytes.Cell(l.Read), view.Bytes.Cell(l.Written), boundText(l.Max, l.Before), which,
			l.Path}
		if several {
			cells = append(cells, string(l.Mntns))
		}
		t.Row(cells...)
	}
	return t
}
