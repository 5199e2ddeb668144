// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// hostilities are the kinds of work of `workload neighbour` that make a recorder learn something new, or an event that
// costs as little as a call. More real processes and connections than can be recorded, as of crowds, displace others.
var (
	hostilities = []string{"names", "paths", "threads", "signals", "users"}
	crowds      = []string{"processes", "sockets"}
)

// surround starts hostile neighbours, which do what they do until the test or the returned function ends them.
func surround(t *testing.T, kinds ...string) (end func()) {
	t.Helper()
	var running []*exec.Cmd
	for _, kind := range kinds {
		dir := t.TempDir()
		cmd := exec.Command(program("workload"), "neighbour", kind, dir, "1h")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		for _, cmd := range running {
			cmd.Process.Kill()
		}
		for _, cmd := range running {
			cmd.Wait()
		}
	}
	t.Cleanup(end)
	return end
}

// peak returns the greatest resident size that a process has had, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	_, after, _ := strings.Cut(read(t, fmt.Sprintf("/proc/%d/status", pid)), "VmHWM:")
	n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// victimReport is what `workload victim` prints.
type victimReport struct {
	PID   int64
	PIDs  []int64
	Port  int64
	Ports []int64
}

// scan calls fn with some columns of each batch of a table: there are too many rows for those of func rows.
func scan(t *testing.T, c *format.Capture, table string, columns []string, fn func(*format.Batch)) {
	t.Helper()
	tab := c.Table(table)
	if tab == nil {
		t.Fatalf("no table %s", table)
	}
	err := tab.Scan(context.Background(), columns, 1, func(_ int, b *format.Batch) error {
		fn(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// want wants the rows of everything that the victim did, each once, and that none was lost.
func (v *victimReport) want(t *testing.T, c *format.Capture, path string) {
	t.Helper()
	for _, table := range []string{"process", "tcp"} {
		if n := c.Lost()[table]; n != 0 {
			t.Errorf("%d rows of %s are lost", n, table)
		}
	}
	execs, ends, connects := 0, make(map[int64]bool), make(map[int64]int)
	scan(t, c, "process", []string{"op", "pid", "filename"}, func(b *format.Batch) {
		op, pid, filename := &b.Column("op").Str, b.Column("pid").I32, &b.Column("filename").Str
		for i := range b.Rows {
			switch string(op.Bytes(i)) {
			case "exec":
				if string(filename.Bytes(i)) == path {
					execs++
				}
			case "exit":
				ends[int64(pid[i])] = true
			}
		}
	})
	scan(t, c, "tcp", []string{"op", "sport", "dport"}, func(b *format.Batch) {
		op, from, to := &b.Column("op").Str, b.Column("sport").I32, b.Column("dport").I32
		for i := range b.Rows {
			if int64(to[i]) == v.Port && string(op.Bytes(i)) == "connect" {
				connects[int64(from[i])]++
			}
		}
	})
	if execs != len(v.PIDs) {
		t.Errorf("%d execs of the victim, want %d", execs, len(v.PIDs))
	}
	missing := 0
	for _, pid := range v.PIDs {
		if !ends[pid] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d exits of the victim are missing", missing, len(v.PIDs))
	}
	for _, port := range v.Ports { // one may be used several times
		connects[port]--
	}
	for port, n := range connects {
		if n != 0 {
			t.Errorf("%d connects from port %d of the victim too many", n, port)
		}
	}
}

// Hostile neighbours that do nothing but become something new, as fast as they can, neither displace the processes and
// connections of others, nor make the recorder take more memory than it may.
func TestTortureHostileNeighbour(t *testing.T) {
	needKernel(t)
	needTime(t)
	const unlimited = 320 << 20 // what the recorder takes on a few CPUs without --max-memory
	for _, mode := range []struct {
		name    string
		args    []string
		ceiling int64
		long    bool // only in the long form
	}{
		{"plain", nil, unlimited, true},
		{"rotating by time", []string{"-G", "1h", "-W", "24"}, unlimited, false},
		{"rotating often", []string{"-G", "1s", "-W", "100000"}, unlimited, true},
		{"rotating by size", []string{"-C", "4MiB", "-W", "100000"}, unlimited, true},
		{"flight recorder", []string{"--last", "1h"}, unlimited, true},
		{"flight recorder in memory", []string{"--last", "1h", "--in-memory", "--max-memory", "1GiB"}, 1 << 30, true},
		{"plain under a ceiling", []string{"--max-memory", "64MiB"}, 64 << 20, true},
		{"rotating under a ceiling", []string{"-G", "1h", "-W", "24", "--max-memory", "64MiB"}, 64 << 20, false},
		{"flight recorder under a ceiling", []string{"--last", "1h", "--max-memory", "64MiB"}, 64 << 20, true},
	} {
		t.Run(mode.name, func(t *testing.T) {
			if mode.long && !large {
				t.Skip("only in the long form")
			}
			besideNeighbours(t, mode.args, mode.ceiling)
		})
	}
}

// besideNeighbours records a victim beside hostile neighbours.
func besideNeighbours(t *testing.T, args []string, ceiling int64) {
	path := filepath.Join(t.TempDir(), "capture")
	s := expose(t, nil, append([]string{"-w", path, "-e", allFamilies}, args...)...)
	waitFor(t, "the recorder to begin", func() bool {
		status := fmt.Sprintf("/proc/%d/status", s.Process.Pid)
		return s.ended() || strings.Contains(read(t, status), "\nNoNewPrivs:\t1\n")
	})
	calm := surround(t, hostilities...)
	itself := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(itself, []byte(read(t, needProgram(t, "true"))), 0o755); err != nil {
		t.Fatal(err)
	}
	execs, connections := scale("150", "3000"), scale("50", "1000")
	out, err := exec.Command(program("workload"), "victim", itself, execs, connections).Output()
	if err != nil {
		t.Fatal(err)
	}
	took := peak(t, s.Process.Pid)
	calm()
	s.Process.Signal(syscall.SIGINT)
	if status := s.status(); status != 0 {
		t.Fatalf("status %d", status)
	}
	if dumps, _ := filepath.Glob(filepath.Join(path, "*Z-end")); len(dumps) > 0 {
		path = dumps[0]
	}
	if took > ceiling {
		t.Errorf("it took %.1f MiB, want at most %.1f", mib(took), mib(ceiling))
	}
	var v victimReport
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	v.want(t, c, itself)
	if slices.Contains(args, "-W") || slices.Contains(args, "--last") {
		wantNamedOrCounted(t, c) // in a generation; in other captures a segment of a table ends where it is full
	}
	figures(t, "at most %.1f MiB; lost: %v", mib(took), c.Lost())
}
