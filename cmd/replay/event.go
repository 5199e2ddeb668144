// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

func (t *text) appendCall(dst []byte, row int) []byte {
	var args [6]int64
	for i := range args {
		args[i] = t.args[i][row]
	}
	return t.calls.AppendCall(dst, t.nr[row], args)
}

func (t *text) appendSyscall(dst []byte, row int) []byte {
	dst = append(t.appendCall(dst, row), ' ')
	dst = t.calls.AppendRet(dst, t.nr[row], t.ret[row])
	return t.appendTook(dst, row)
}

func (t *text) appendPending(dst []byte, row int) []byte {
	return append(t.appendCall(dst, row), " <unfinished ...>"...)
}

func (t *text) appendProcess(dst []byte, row int) []byte {
	switch op := t.op.Bytes(row); string(op) {
	case "snapshot":
		dst = append(dst, "running "...)
		dst = strconv.AppendInt(dst, int64(t.pid[row]), 10)
		dst = append(dst, ", child of "...)
		dst = strconv.AppendInt(dst, int64(t.ppid[row]), 10)
		return t.appendProgram(append(dst, ": "...), row)
	case "fork":
		return strconv.AppendInt(append(dst, "fork "...), int64(t.pid[row]), 10)
	case "exec":
		return t.appendProgram(append(dst, "exec "...), row)
	case "exit":
		return t.appendExit(dst, row)
	default:
		return term.AppendEscaped(dst, op)
	}
}

// appendProgram appends a program and its arguments: /usr/bin/ls ["ls", "-l"].
func (t *text) appendProgram(dst []byte, row int) []byte {
	dst = append(term.AppendEscaped(dst, t.file.Bytes(row)), " ["...)
	first := t.argv.Rows[row]
	for j := first; j < t.argv.Rows[row+1]; j++ {
		if j > first {
			dst = append(dst, ", "...)
		}
		dst = appendQuoted(dst, t.argv.Str.Bytes(int(j)))
	}
	return append(dst, ']')
}

// appendQuoted appends s in quotes. A backslash stays as it is: it is how a recorder writes what is no text.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c == '"' {
			dst = append(term.AppendEscaped(dst, s[from:i]), '\\', '"')
			from = i + 1
		}
	}
	return append(term.AppendEscaped(dst, s[from:]), '"')
}

func (t *text) appendExit(dst []byte, row int) []byte {
	if signal := t.sign[row]; signal != 0 {
		dst = append(append(dst, "exit killed by "...), capture.Signal(signal)...)
	} else {
		dst = strconv.AppendInt(append(dst, "exit "...), int64(t.code[row]), 10)
	}
	return append(stamp.Seconds(append(dst, " after "...), t.took[row], 6), 's')
}

func (t *text) appendLoss(dst []byte, row int) []byte {
	dst = append(dst, "*** lost "...)
	dst = append(dst, term.Count(t.n[row])...)
	dst = term.AppendEscaped(append(dst, ' '), t.family.Bytes(row))
	dst = append(dst, " events within "...)
	dst = append(dst, term.Duration(time.Duration(t.until[row]-t.ts[row]))...)
	return append(dst, " ***"...)
}

// appendOther appends an event of a family that has no words of its own: its name, and its columns with their values.
func (t *text) appendOther(dst []byte, row int) []byte {
	dst = append(dst, t.schema.Table...)
	for i, c := range t.batch.Schema.Columns {
		if c.Name == "ts" || c.Name == "cpu" || c.Name == "task" {
			continue
		}
		dst = append(append(append(dst, ' '), c.Name...), '=')
		dst = t.appendValue(dst, &t.batch.Columns[i], row)
	}
	return dst
}

func (t *text) appendValue(dst []byte, v *format.Vector, row int) []byte {
	switch v.Type {
	case format.Int32:
		return strconv.AppendInt(dst, int64(v.I32[row]), 10)
	case format.Int64:
		return strconv.AppendInt(dst, v.I64[row], 10)
	case format.Timestamp:
		return t.times(dst, v.I64[row])
	case format.String:
		return appendQuoted(dst, v.Str.Bytes(row))
	case format.StringList:
		dst = append(dst, '[')
		for j := v.Rows[row]; j < v.Rows[row+1]; j++ {
			if j > v.Rows[row] {
				dst = append(dst, ", "...)
			}
			dst = appendQuoted(dst, v.Str.Bytes(int(j)))
		}
		return append(dst, ']')
	}
	return dst
}
