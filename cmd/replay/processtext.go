// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// processText is the text of the life of a process:
//
//	running 100, child of 1: /usr/bin/bash ["bash"]
//	fork 101
//	exec /usr/bin/ls ["ls", "-l"]
//	exit 0 after 0.020000s
type processText struct {
	op, pid, ppid, filename, args, exitCode, signal, duration *capture.Accessor
}

func newProcessText(c *columns) eventText {
	return &processText{op: c.named("op"), pid: c.named("pid"), ppid: c.named("ppid"), filename: c.named("filename"),
		args: c.named("args"), exitCode: c.named("exit_code"), signal: c.named("signal"),
		duration: c.named("duration_ns")}
}

func (t *processText) Append(dst []byte, row int) []byte {
	switch op := t.op.Text(row); string(op) {
	case "snapshot":
		dst = strconv.AppendInt(append(dst, "running "...), t.pid.Int(row), 10)
		dst = strconv.AppendInt(append(dst, ", child of "...), t.ppid.Int(row), 10)
		return t.appendProgram(append(dst, ": "...), row)
	case "fork":
		return strconv.AppendInt(append(dst, "fork "...), t.pid.Int(row), 10)
	case "exec":
		return t.appendProgram(append(dst, "exec "...), row)
	case "exit":
		return t.appendExit(dst, row)
	default:
		return term.AppendEscaped(dst, op)
	}
}

// appendProgram appends a program and its arguments: /usr/bin/ls ["ls", "-l"].
func (t *processText) appendProgram(dst []byte, row int) []byte {
	dst = append(term.AppendEscaped(dst, t.filename.Text(row)), ' ')
	args, at := t.args.At(row)
	return appendList(dst, args, at)
}

func (t *processText) appendExit(dst []byte, row int) []byte {
	if signal := t.signal.Int(row); signal != 0 {
		dst = append(append(dst, "exit killed by "...), capture.Signal(int32(signal))...)
	} else {
		dst = strconv.AppendInt(append(dst, "exit "...), t.exitCode.Int(row), 10)
	}
	return append(stamp.Seconds(append(dst, " after "...), t.duration.Int(row), 6), 's')
}
