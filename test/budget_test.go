// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// readerCommands are all ways to read a capture, by a name: the command, and the keys of a view, the format of convert,
// what redact writes, or json.
var readerCommands = []string{"info", "verify", "info json", "summary", "summary json", "syscalls",
	"syscalls name,comm,pid,tid,errno", "files", "files path,comm,pid,op", "tcp", "tcp comm,pid,direction,peer,port",
	"processes", "processes json", "ipc", "losses", "losses json", "convert parquet", "convert csv", "convert jsonl",
	"convert arrow", "redact", "redact directory", "redact tar", "redact -", "replay", "replay json", "replay arrow"}

// readerCommand returns the command line of a name, whose output is `out`, or a tar of that name.
func readerCommand(name string, captures []string, out string) []string {
	command, how, _ := strings.Cut(name, " ")
	args := append([]string{program("analyze"), command}, captures...)
	if command == "replay" {
		args = append([]string{program("replay")}, captures...)
	}
	switch {
	case command == "convert":
		return append(args, "-o", out, "--format", how)
	case command == "redact" && how == "":
		return append(args, "--dry-run")
	case command == "redact":
		return append(args, "-w", map[string]string{"directory": out, "tar": out + ".tar", "-": "-"}[how])
	case how == "json", how == "arrow":
		return append(args, "--"+how)
	case how != "":
		return append(args, "--by", how)
	}
	return args
}

// TestReadersStayInMemory runs readers as programs on captures that are small and would take much memory, with little
// of it, and looks how much they took: each must print a result or one line that says why not, and leave nothing behind
// but what it was to write. The long form runs every reader on every capture, with little memory and with the default.
func TestReadersStayInMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measures memory as Linux counts it")
	}
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			if !large {
				readWithin(t, h.captures(t, 1), 64, []string{h.view}, 0)
				return
			}
			t.Parallel()
			for memory, scale := range map[int]int{64: 1, 1024: 16} {
				t.Run(fmt.Sprint(memory, "MiB"), func(t *testing.T) {
					t.Parallel()
					readWithin(t, h.captures(t, scale), memory, readerCommands, readerTime)
				})
			}
		})
	}
}

// captures writes the captures of a kind, and returns their paths.
func (h *hostile) captures(t *testing.T, scale int) []string {
	t.Helper()
	dir := t.TempDir()
	if h.write != nil {
		return h.write(t, dir, scale)
	}
	path := filepath.Join(dir, "capture.tar")
	writeHostile(t, path, h.manifest, func(c *hostileCapture) { h.make(c, scale) })
	return []string{path}
}

// A recording of a host with 300,000 names of threads is no attack: everything reads it with the default.
func TestManyThreadNamesAreRead(t *testing.T) {
	if !large {
		t.Skip("takes minutes; FLETCH_TORTURE=large runs it")
	}
	path := filepath.Join(t.TempDir(), "capture.tar")
	writeHostile(t, path, nil, func(c *hostileCapture) {
		const threads = 300_000
		c.add(fixture.Task, threads, cells{"task": count, "tid": count, "pid": func(i int) any { return i/100 + 1 },
			"comm": text("thread-%d"), "exe": text("/usr/bin/%d")})
		c.add(fixture.Syscall, 20*threads, cells{"task": func(i int) any { return i%threads + 1 },
			"nr":          func(i int) any { return i * 7 % 300 },
			"duration_ns": func(i int) any { return i * 7919 % 1_000_003 },
			"arg0":        func(i int) any { return i * 104729 % 4093 },
			"arg1":        func(i int) any { return i * 1299709 % 65537 }})
	})
	for _, name := range readerCommands {
		if status := readWithin(t, []string{path}, 1024, []string{name}, 0); status != 0 {
			t.Errorf("%s: exit status %d", name, status)
		}
	}
}

// readerTime is how much CPU time a reader may take in the long form before it is interrupted: some captures become
// gigabytes of text, in memory that no longer grows.
const readerTime = 8 * time.Second

// readWithin runs commands on captures with that many MiB of memory, and returns the last exit status. A limit is of
// the CPU time of each, after which it is interrupted.
func readWithin(t *testing.T, captures []string, memory int, commands []string, limit time.Duration) (status int) {
	t.Helper()
	for _, name := range commands {
		dir := t.TempDir()
		out := filepath.Join(dir, "out")
		args := append(readerCommand(name, captures, out), "--max-memory", fmt.Sprintf("%dMiB", memory))
		began := time.Now()
		var peak int64
		var stderr string
		status, peak, stderr = measure(t, args, dir, limit)
		t.Logf("%s, %d MiB: exit status %d, %d MiB, %v, %.200s", name, memory, status, peak>>20,
			time.Since(began).Round(100*time.Millisecond), stderr)
		wantOnlyOutput(t, name, dir, status)
		os.RemoveAll(dir)
		program := filepath.Base(args[0])
		interrupted := limit > 0 && status == 128+int(syscall.SIGTERM)
		if !interrupted && !fixture.Ended(program, args[1:], status, stderr) ||
			strings.Count("\n"+stderr, "\n"+program+": error: ") > 1 {
			t.Errorf("%s: exit status %d, not one line that says why: %.500s", name, status, stderr)
		}
		if peak > int64(memory)<<20 {
			t.Errorf("%s: %d MiB, more than --max-memory %d MiB", name, peak>>20, memory)
		}
	}
	return status
}

// wantOnlyOutput looks for what a reader left in a directory, which was its directory for temporary files too: nothing
// but its output, called out, and without success no output either.
func wantOnlyOutput(t *testing.T, name, dir string, status int) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, e := range left {
		if status != 0 || strings.TrimSuffix(e.Name(), ".tar") != "out" {
			t.Errorf("%s: exit status %d leaves %s behind", name, status, e.Name())
		}
	}
}

// measureVariable makes this program run the command line in its arguments and print the greatest memory that it took.
const measureVariable = "FLETCH_TEST_MEASURE"

// measure runs a program, with its temporary files in dir, and returns the most memory that it had. The kernel also
// counts that of the process that started it, so another one, which is small, does. See readWithin for limit.
func measure(
	t *testing.T, args []string, dir string, limit time.Duration,
) (status int, peak int64, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), fmt.Sprint(measureVariable, "=", limit), "TMPDIR="+dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("measuring %q: %v\n%s", args, err, &errs)
	}
	if _, err := fmt.Sscan(out.String(), &status, &peak); err != nil {
		t.Fatalf("measuring %q: %v: %q", args, err, &out)
	}
	return status, peak, errs.String()
}
