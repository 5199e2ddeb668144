// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

const ipcUsage = `example:
    analyze ipc incident
    analyze ipc incident --by comm,right --json
    analyze ipc incident -Y 'uid != owner'

Counts who asked for which right to whose System V object (queue, semaphores,
shared memory), and how often.

usage:
    analyze ipc CAPTURE... [flags]

flags:
        --by LIST        group by uid, comm, pid, right, key, id, owner, creator,
                         mode or several of them
                         (default uid,comm,right,key,id,owner,mode)
        --sort COLUMN    checks or processes, the most first, or group (default
                         checks)
    -n, --rows N         at most N groups (default 0: all)
    -Y, --filter EXPR    only checks for which EXPR holds
        --json           an array of one object for each group
`

// ipcUse is what is counted of a right that was asked for.
type ipcUse struct {
	checks    int64
	processes distinct
}

var ipcView = &view[ipcUse]{
	name: "ipc", usage: ipcUsage, table: "ipc", none: "no such checks were recorded",
	by: "uid,comm,right,key,id,owner,mode", sort: "checks",
	columns: []format.Column{{Name: "task", Type: format.Int32}, {Name: "key", Type: format.Int64}, {Name: "id", Type: format.Int32},
		{Name: "uid", Type: format.Int64}, {Name: "owner", Type: format.Int64}, {Name: "creator", Type: format.Int64},
		{Name: "mode", Type: format.Int32}, {Name: "flag", Type: format.Int32}},
	keys: []dimension{
		int64Dimension("uid", decimal), commDimension, pidDimension, rightDimension,
		textual(int64Dimension("key", capture.Key)), int32Dimension("id", func(n int32) string { return decimal(int64(n)) }),
		int64Dimension("owner", decimal), int64Dimension("creator", decimal), textual(int32Dimension("mode", octal)),
	},
	measures: []measure[ipcUse]{
		counted("checks", func(u *ipcUse) int64 { return u.checks }),
		counted("processes", func(u *ipcUse) int64 { return u.processes.count() }),
	},
	newAdd: func(c *capture.Capture, n int) (func(b *format.Batch) func(u *ipcUse, i int), error) {
		process, err := processOf(c, n)
		return func(b *format.Batch) func(u *ipcUse, i int) {
			task := b.Column("task").I32
			return func(u *ipcUse, i int) {
				u.checks++
				u.processes.add(process(task[i]))
			}
		}, err
	},
	merge: func(u, o *ipcUse) {
		u.checks += o.checks
		u.processes.merge(&o.processes)
	},
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func octal(mode int32) string { return string(syscalls.AppendOctal(nil, uint64(uint32(mode)))) }

// textual is a key of a number that is written otherwise, so text in JSON.
func textual(d dimension) dimension {
	d.number = false
	return d
}

// rightDimension groups by the right, whichever bits ask for it.
var rightDimension = dimension{"right", false, false, func(*capture.Capture, any) (rowKey, error) {
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i, flag := range b.Column("flag").I32 {
			dst[i] = uint64(flag>>6|flag>>3|flag) & 7
		}
	}, func(code uint64) string { return capture.Right(int32(code)) }}, nil
}}

func ipc(e *env, args []string) error { return ipcView.run(e, args) }
