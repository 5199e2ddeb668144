// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/view"
)

// Values of a file.
var (
	isRead       = view.Equals("op", "read")
	isWrite      = view.Equals("op", "write")
	fileReads    = view.Count(isRead)
	fileWrites   = view.Count(isWrite)
	bytesRead    = view.Sum("ret", isRead)
	bytesWritten = view.Sum("ret", isWrite)
	fileErrors   = view.Count(view.TransferEnds(syscalls.Erred))
	fileExpected = view.Count(view.TransferEnds(syscalls.Expected))
	filesBefore  = view.Count(view.BeganBefore())
)

var files = &viewCommand{
	Command: cli.Command{
		Name:    "analyze files",
		Summary: "reads and writes of each file",
		Description: `Counts reads and writes of each file: how many, how many bytes were moved, how many failed, how
long they took in all, on average and at most, and by how many processes. What would have blocked or was interrupted is
not an error, but expected. Bytes that other calls move are not counted; which ones is said below the table. Different
files that have one name in several mount namespaces are counted apart, each with its namespace: path_mntns, also in
filters, where mntns is that of the task.`,
		Examples: []cli.Example{
			{Line: "analyze files incident -n 20"},
			{Line: "analyze files incident --by comm --sort written", Text: "who wrote most"},
			{Line: `analyze files incident -Y 'name startsWith "/var/lib" && ret < 0'`, Text: "what failed where"},
		},
	},
	emptyText: "no such reads and writes were recorded",
	notes:     func(r *view.Result) []string { return beforeNote(r, filesBefore, "means") },
	omissions: func(e *env, in *view.Input) ([]string, error) {
		u, err := readUncounted(e, in.Captures, in.Filter)
		if err != nil {
			return nil, err
		}
		return u.notes(len(in.Captures) > 1), nil
	},
	view: &view.View{
		Table: "file", By: []string{"path"}, Sort: "total", KeysLast: true,
		Keys: []*view.Key{view.Path, view.Comm, view.PID, view.OneOf("op", "read", "write")},
		Measures: []*view.Measure{
			{Name: "reads", Value: fileReads},
			{Name: "read", Value: bytesRead, Unit: view.Bytes},
			{Name: "writes", Value: fileWrites},
			{Name: "written", Value: bytesWritten, Unit: view.Bytes},
			{Name: "errors", Value: fileErrors},
			{Name: "expected", Value: fileExpected},
			{Name: "total", Value: view.Sum("duration_ns", nil), Unit: view.Nanoseconds},
			{Name: "mean", Value: view.MeanOf("duration_ns", nil), Unit: view.Nanoseconds},
			{Name: "max", Value: view.Max("duration_ns", nil), Unit: view.Nanoseconds},
			{Name: "processes", Value: view.Processes},
			{Name: "began_before", Value: filesBefore, JSONOnly: true},
		},
	},
}
