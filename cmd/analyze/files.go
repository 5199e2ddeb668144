// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

const filesUsage = `example:
    analyze files incident -n 20
    analyze files incident --by comm --sort written
    analyze files incident -Y 'name startsWith "/var/lib" && ret < 0'

Counts reads and writes of each file: how many, how many bytes, how many failed,
how long they took in all, on average and at most, and by how many processes.

usage:
    analyze files CAPTURE... [flags]

flags:
        --by LIST        group by path, comm, pid, op or several of them
                         (default path)
        --sort COLUMN    reads, writes, read, written, errors, total, mean, max or
                         processes, the most first, or group (default total)
    -n, --rows N         at most N groups (default 0: all)
    -Y, --filter EXPR    only reads and writes for which EXPR holds
        --json           an array of one object for each group
`

// fileUse is what is counted of a file. Times are ns.
type fileUse struct {
	reads, writes int64
	read, written int64 // bytes
	errors        int64
	total, max    int64
	processes     distinct
}

func (f *fileUse) mean() int64 { return f.total / max(f.reads+f.writes, 1) }

// distinct is a set of processes, mostly of one.
type distinct struct {
	first uint64
	some  bool
	more  map[uint64]struct{}
}

func (d *distinct) add(p uint64) {
	switch {
	case !d.some:
		d.first, d.some = p, true
	case p == d.first:
	default:
		if d.more == nil {
			d.more = map[uint64]struct{}{}
		}
		d.more[p] = struct{}{}
	}
}

func (d *distinct) count() int64 {
	n := int64(len(d.more))
	if d.some {
		n++
	}
	return n
}

func (d *distinct) merge(o *distinct) {
	if o.some {
		d.add(o.first)
	}
	for p := range o.more {
		d.add(p)
	}
}

// processOf gives the process of a task of the n-th capture, as distinct counts it.
func processOf(c *capture.Capture, n int) (func(task int32) uint64, error) {
	tasks, err := c.Tasks()
	return func(task int32) uint64 { return uint64(n)<<32 | uint64(uint32(tasks.Task(task).PID)) }, err
}

var filesView = &view[fileUse]{
	name: "files", usage: filesUsage, table: "file", none: "no such reads and writes were recorded",
	by: "path", sort: "total", namesLast: true,
	columns: []format.Column{{Name: "task", Type: format.Int32}, {Name: "op", Type: format.String}, {Name: "path", Type: format.Int32},
		{Name: "ret", Type: format.Int64}, {Name: "duration_ns", Type: format.Int64}},
	keys: []dimension{pathDimension, commDimension, pidDimension, fileOpDimension},
	measures: []measure[fileUse]{
		counted("reads", func(f *fileUse) int64 { return f.reads }),
		sized("read", func(f *fileUse) int64 { return f.read }),
		counted("writes", func(f *fileUse) int64 { return f.writes }),
		sized("written", func(f *fileUse) int64 { return f.written }),
		counted("errors", func(f *fileUse) int64 { return f.errors }),
		timed("total", "total", "total_ns", func(f *fileUse) int64 { return f.total }),
		timed("mean", "mean", "mean_ns", (*fileUse).mean),
		timed("max", "max", "max_ns", func(f *fileUse) int64 { return f.max }),
		counted("processes", func(f *fileUse) int64 { return f.processes.count() }),
	},
	newAdd: func(c *capture.Capture, n int) (func(b *format.Batch) func(f *fileUse, i int), error) {
		process, err := processOf(c, n)
		return func(b *format.Batch) func(f *fileUse, i int) {
			ops, task := &b.Column("op").Str, b.Column("task").I32
			ret, duration := b.Column("ret").I64, b.Column("duration_ns").I64
			return func(f *fileUse, i int) {
				f.add(ops.Bytes(i), ret[i], max(duration[i], 0))
				f.processes.add(process(task[i]))
			}
		}, err
	},
	merge: (*fileUse).merge,
}

func (f *fileUse) add(op []byte, ret, took int64) {
	done := max(ret, 0)
	switch string(op) {
	case "read":
		f.reads++
		f.read += done
	case "write":
		f.writes++
		f.written += done
	}
	if failed(ret) {
		f.errors++
	}
	f.total += took
	f.max = max(f.max, took)
}

func (f *fileUse) merge(o *fileUse) {
	f.reads += o.reads
	f.writes += o.writes
	f.read += o.read
	f.written += o.written
	f.errors += o.errors
	f.total += o.total
	f.max = max(f.max, o.max)
	f.processes.merge(&o.processes)
}

// pathDimension groups by the name of a file; those whose names are not known are one group.
var pathDimension = dimension{"path", false, false, func(c *capture.Capture, _ any) (rowKey, error) {
	paths, err := c.Paths()
	if err != nil {
		return rowKey{}, err
	}
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i, path := range b.Column("path").I32 {
			dst[i] = uint64(paths.Index(path))
		}
	}, func(code uint64) string {
		if code == 0 {
			return "?"
		}
		return paths.List[code]
	}}, nil
}}

// fileOpDimension groups by read and write.
var fileOpDimension = dimension{"op", false, false, func(*capture.Capture, any) (rowKey, error) {
	ops := []string{"read", "write", "?"}
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i := range dst {
			switch string(b.Column("op").Str.Bytes(i)) {
			case "read":
				dst[i] = 0
			case "write":
				dst[i] = 1
			default:
				dst[i] = 2
			}
		}
	}, func(code uint64) string { return ops[code] }}, nil
}}

func files(e *env, args []string) error { return filesView.run(e, args) }
