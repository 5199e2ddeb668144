// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
// costs as little as a call. crowds make processes and connections, which are what the others must not displace.
var (
	hostilities = []string{"names", "paths", "files", "threads", "signals", "users"}
	crowds      = []string{"processes", "sockets", "refused"}
)

// neighbourhoods are the kinds that are tried beside a victim at the same time: all of them, few enough that the victim
// gets some of the CPUs.
var neighbourhoods = [][]string{
	{"names", "users", "gids", "threads", "groups"},
	{"paths", "files", "mounts", "group-names"},
	{"signals", "denials", "objects", "unreachable"},
	{"processes", "execs", "sockets", "refused"},
}

// needsRoot are the kinds that any user of a host could only try in a user namespace. The others run as nobody.
var needsRoot = []string{"users", "gids", "groups", "group-names", "mounts"}

// A neighbour is a running `workload neighbour`.
type neighbour struct {
	*exec.Cmd
	kind   string
	out    bytes.Buffer
	rounds int64 // when it has ended: how often it did it
}

// surround starts hostile neighbours, which do what they do until the test or the returned function ends them.
func surround(t *testing.T, kinds ...string) (running []*neighbour, end func()) {
	t.Helper()
	for _, kind := range kinds {
		dir := t.TempDir()
		if strings.HasPrefix(kind, "group") {
			dirs := newCgroups(t, "fletch-"+kind)
			if len(dirs) == 0 {
				continue // no cgroups
			}
			t.Cleanup(func() { removeGroups(dirs) })
			dir = strings.Join(dirs, ":")
		}
		n := &neighbour{Cmd: exec.Command(program("workload"), "neighbour", kind, dir, "1h"), kind: kind}
		n.Stdout, n.Stderr = &n.out, os.Stderr
		if !slices.Contains(needsRoot, kind) {
			const nobody = 65534
			if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chown(dir, nobody, nobody)); err != nil {
				t.Fatal(err)
			}
			n.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, n)
	}
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		for _, n := range running {
			n.Process.Signal(syscall.SIGTERM)
		}
		for _, n := range running {
			var said struct{ Rounds int64 }
			if err := n.Wait(); err != nil {
				t.Errorf("neighbour %s: %v", n.kind, err)
			} else if err := json.Unmarshal(n.out.Bytes(), &said); err != nil || said.Rounds == 0 {
				t.Errorf("neighbour %s did nothing: %v", n.kind, err)
			}
			n.rounds = said.Rounds
		}
	}
	t.Cleanup(end)
	return running, end
}

// removeGroups removes the cgroups in others, which have no processes any more.
func removeGroups(dirs []string) {
	for _, dir := range dirs {
		groups, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
		for _, file := range groups {
			os.Remove(filepath.Dir(file))
		}
	}
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

// want wants the rows of everything that the victim did, each once, and that nobody's were lost. In a crowd, it wants
// what is missing to be counted. Connects that fail before the first packet may be lost.
func (v *victimReport) want(t *testing.T, c *format.Capture, path string, beside []string) {
	t.Helper()
	lost := map[string]int64{"process": 0, "tcp": 0}
	for table := range lost {
		switch n := c.Lost()[table]; {
		case slices.Contains(beside, crowds[0]):
			lost[table] = n
		case n != 0 && (table != "tcp" || !slices.Contains(beside, "unreachable")):
			t.Errorf("%d rows of %s are lost", n, table)
		}
	}
	execs, ends, connects := int64(0), make(map[int64]bool), make(map[int64]int)
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
	if n := int64(len(v.PIDs)); execs > n || execs+lost["process"] < n {
		t.Errorf("%d execs of the victim and %d lost rows, want %d", execs, lost["process"], n)
	}
	missing := int64(0)
	for _, pid := range v.PIDs {
		if !ends[pid] {
			missing++
		}
	}
	if missing > lost["process"] {
		t.Errorf("%d of %d exits of the victim are missing, and %d rows are lost", missing, len(v.PIDs),
			lost["process"])
	}
	for _, port := range v.Ports { // one may be used several times
		connects[port]--
	}
	absent := int64(0)
	for port, n := range connects {
		if n > 0 {
			t.Errorf("%d connects from port %d of the victim too many", n, port)
		}
		absent -= int64(min(n, 0))
	}
	if absent > lost["tcp"] {
		t.Errorf("%d of %d connects of the victim are missing, and %d rows are lost", absent, len(v.Ports), lost["tcp"])
	}
}

// wantCounted wants the rows of a crowd to be as many as it made, except for lost ones.
func (n *neighbour) wantCounted(t *testing.T, c *format.Capture) {
	t.Helper()
	op, table := map[string]string{"processes": "fork", "execs": "exec"}[n.kind], "process"
	if op == "" {
		return
	}
	rows, parent := int64(0), int64(n.Process.Pid)
	scan(t, c, table, []string{"op", "ppid"}, func(b *format.Batch) {
		ops, ppid := &b.Column("op").Str, b.Column("ppid").I32
		for i := range b.Rows {
			if int64(ppid[i]) == parent && string(ops.Bytes(i)) == op {
				rows++
			}
		}
	})
	if lost := c.Lost()[table]; rows > n.rounds || rows+lost < n.rounds {
		t.Errorf("%s: %d rows and %d lost, want %d", n.kind, rows, lost, n.rounds)
	}
}

// allNeighbours makes the long form try each mode beside each neighbourhood, not only beside one.
var allNeighbours = os.Getenv("FLETCH_NEIGHBOURS") == "all"

// Hostile neighbours neither displace the processes and connections of others, nor make the recorder take more memory
// than it may. Crowds of processes and connections may displace others; what is lost is counted.
func TestTortureHostileNeighbour(t *testing.T) {
	needKernel(t)
	needTime(t)
	const unlimited = 320 << 20 // what the recorder takes on a few CPUs without --max-memory
	for i, mode := range []struct {
		name    string
		args    []string
		ceiling int64
		short   int // beside which neighbourhood it is in the short form, from 1; 0: only in the long form
	}{
		{"plain", nil, unlimited, 0},
		{"rotating by time", []string{"-G", "1h", "-W", "24"}, unlimited, 1},
		{"rotating often", []string{"-G", "1s", "-W", "100000"}, unlimited, 0},
		{"rotating by size", []string{"-C", "4MiB", "-W", "100000"}, unlimited, 0},
		{"flight recorder", []string{"--last", "1h"}, unlimited, 0},
		{"flight recorder in memory", []string{"--last", "1h", "--in-memory", "--max-memory", "1GiB"}, 1 << 30, 0},
		{"stream", []string{"-w", "-"}, unlimited, 0},
		{"plain under a ceiling", []string{"--max-memory", "64MiB"}, 64 << 20, 0},
		{"rotating under a ceiling", []string{"-G", "1h", "-W", "24", "--max-memory", "64MiB"}, 64 << 20, 2},
		{"flight recorder under a ceiling", []string{"--last", "1h", "--max-memory", "64MiB"}, 64 << 20, 0},
		{"stream under a ceiling", []string{"-w", "-", "--max-memory", "128MiB"}, 128 << 20, 0},
	} {
		for j, kinds := range neighbourhoods {
			beside := j+1 == mode.short
			if large {
				beside = allNeighbours || j == i%len(neighbourhoods)
			}
			if !large { // it would rename the cgroups of tests that run at the same time
				kinds = slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == "group-names" })
			}
			if beside {
				t.Run(mode.name+" beside "+strings.Join(kinds, " "), func(t *testing.T) {
					besideNeighbours(t, mode.args, mode.ceiling, kinds)
				})
			}
		}
	}
}

// besideNeighbours records a victim beside hostile neighbours.
func besideNeighbours(t *testing.T, args []string, ceiling int64, kinds []string) {
	path := filepath.Join(t.TempDir(), "capture")
	if !slices.Contains(args, "-w") {
		args = append([]string{"-w", path}, args...)
	}
	var stdout *os.File
	s := expose(t, func(c *exec.Cmd) {
		if slices.Contains(args, "-") {
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			c.Stdout, stdout = f, f
		}
	}, append([]string{"-e", allFamilies}, args...)...)
	defer stdout.Close()
	waitFor(t, "the recorder to begin", func() bool {
		status := fmt.Sprintf("/proc/%d/status", s.Process.Pid)
		return s.ended() || strings.Contains(read(t, status), "\nNoNewPrivs:\t1\n")
	})
	running, calm := surround(t, kinds...)
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
	v.want(t, c, itself, kinds)
	for _, n := range running {
		n.wantCounted(t, c)
	}
	if slices.Contains(args, "-W") || slices.Contains(args, "--last") {
		wantNamedOrCounted(t, c) // in a generation; in other captures a segment of a table ends where it is full
	}
	figures(t, "at most %.1f MiB; lost: %v", mib(took), c.Lost())
}
