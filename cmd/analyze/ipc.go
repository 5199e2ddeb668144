// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/view"
)

var ipc = &viewCommand{
	Command: cli.Command{
		Name:    "analyze ipc",
		Summary: "who asked for which right to System V objects",
		Description: `Counts who asked for which right to whose System V object (queue, semaphores, shared memory), and
how often.`,
		Examples: []cli.Example{
			{Line: "analyze ipc incident"},
			{Line: "analyze ipc incident --by comm,right --json", Text: "for a program"},
			{Line: "analyze ipc incident -Y 'uid != owner'", Text: "to the objects of others"},
		},
	},
	emptyText: "no such checks were recorded",
	view: &view.View{
		Table: "ipc", By: []string{"uid", "comm", "right", "key", "id", "owner", "mode"}, Sort: "checks",
		Keys: []*view.Key{
			view.Decimals("uid"), view.Comm, view.PID, rightKey, view.Ints("key", capture.Key), view.Decimals("id"),
			view.Decimals("owner"), view.Decimals("creator"), view.Ints("mode", octal),
		},
		Measures: []*view.Measure{
			{Name: "checks", Value: view.Count(nil)},
			{Name: "processes", Value: view.Processes},
		},
	},
}

func octal(mode int64) string { return string(syscalls.AppendOctal(nil, uint64(uint32(mode)))) }

// rightKey groups by the right that was asked for, no matter for which of user, group and others.
var rightKey = &view.Key{Name: "right", Columns: []string{"flag"}, Bind: func(*view.Source) (view.Coder, error) {
	return view.Coder{Codes: func(dst []uint64, b *format.Batch) {
		for i, flag := range b.Column("flag").I32 {
			dst[i] = uint64(flag>>6|flag>>3|flag) & 7
		}
	}, Text: func(code uint64) string { return capture.Right(int32(code)) }}, nil
}}
