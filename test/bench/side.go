//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os/exec"
	"path/filepath"

	"github.com/fletch-trace/fletch/format"
)

// side is one of the things compared: a recorder with its options, or none.
type side struct {
	name    string
	program string   // which must be installed; "" without a recorder
	args    []string // of program; OUT stands for where it writes. The load is appended unless host
	host    bool     // records the whole host while the load runs beside it
	empty   bool     // no recorder: the empty pair of programs
	share   int64    // it gets one in so many of the load's calls, because it is slow; 0: all
	read    func(path string, t *recorded) error
}

// recorded is what a side recorded.
type recorded struct {
	Rows     int64            `json:"rows"`             // of events, without dimension tables and losses
	Syscalls int64            `json:"syscalls"`         // of them system calls, entry and exit being one
	Lost     int64            `json:"lost"`             // events, by the recorder's own count
	Bytes    int64            `json:"bytes"`            // of files
	Tables   map[string]int64 `json:"tables,omitempty"` // bytes by table
	Codecs   map[string]int64 `json:"codecs,omitempty"` // rows by how they are compressed
}

const (
	nothing     = "nothing"
	emptyPair   = "empty BPF pair"
	ours        = "record"
	oursCommand = "record -- CMD"
	oursCalls   = "record -e syscall"
	oursFiles   = "record -e file"
	perf        = "perf record"
	perfZstd    = "perf record -z"
	perfHost    = "perf record -a -z"
	perfTrace   = "perf trace record"
	perfFiles   = "perf trace -e read,write record"
	straceAll   = "strace -f"
)

// sides returns all sides; record is the path of the recorder.
func sides(record string) []*side {
	event := []string{"-e", "raw_syscalls:sys_enter,raw_syscalls:sys_exit", "-o", "OUT"}
	perfRecord := func(args ...string) []string {
		return append(append(append([]string{"record"}, event...), args...), "--")
	}
	return []*side{
		{name: nothing},
		{name: emptyPair, empty: true},
		{name: ours, program: record, args: []string{"-q", "-w", "OUT"}, host: true, read: readCapture},
		{name: oursCommand, program: record, args: []string{"-q", "-w", "OUT", "--"}, read: readCapture},
		{name: oursCalls, program: record, args: []string{"-q", "-w", "OUT", "-e", "syscall"}, host: true,
			read: readCapture},
		{name: oursFiles, program: record, args: []string{"-q", "-w", "OUT", "-e", "file"}, host: true,
			read: readCapture},
		{name: perf, program: "perf", args: perfRecord(), share: 4, read: readPerf},
		{name: perfZstd, program: "perf", args: perfRecord("-z"), read: readPerf},
		{name: perfHost, program: "perf", args: perfRecord("-z", "-a"), read: readPerf},
		{name: perfTrace, program: "perf", args: []string{"trace", "record", "-o", "OUT", "--"}, share: 4,
			read: readPerf},
		{name: perfFiles, program: "perf", args: []string{"trace", "-e", "read,write", "record", "-o", "OUT", "--"},
			share: 4, read: readPerf},
		{name: straceAll, program: "strace", args: []string{"-f", "-o", "OUT"}, share: 200},
	}
}

// missing returns why a side cannot be run here, "" if it can.
func (s *side) missing() string {
	if s.program == "" {
		return ""
	}
	if _, err := exec.LookPath(s.program); err != nil {
		return "not installed"
	}
	return ""
}

func readPerf(path string, t *recorded) (err error) {
	t.Rows, t.Lost, err = perfData(path)
	t.Rows /= 2 // one sample at entry, one at exit
	t.Lost /= 2
	t.Syscalls = t.Rows
	return err
}

func readCapture(path string, t *recorded) error {
	c, err := format.Open(path)
	if err != nil {
		return err
	}
	defer c.Close()
	t.Tables, t.Codecs = make(map[string]int64), make(map[string]int64)
	for _, table := range c.Tables() {
		t.Tables[table.Schema.Table] = table.Bytes
		switch table.Schema.Table {
		case "task", "path", "cgroup", "loss":
			continue
		case "syscall":
			t.Syscalls = table.Rows
		}
		t.Rows += table.Rows
		for _, b := range table.Blocks() {
			t.Codecs[b.Codec.String()] += int64(b.Rows)
		}
	}
	for _, n := range c.Lost() {
		t.Lost += n
	}
	return nil
}

// fileBytes returns the size of a file, or of all files below a directory.
func fileBytes(path string) (n int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
