// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

func TestReusedPIDs(t *testing.T) {
	f := fixture.New()
	second := time.Second
	f.AddTask(1, 10, 10, 1, 0, "sh", "/bin/sh")
	f.AddTask(2, 11, 11, 10, second, "one", "/bin/one")
	f.AddTask(3, 11, 11, 10, 3*second, "two", "/bin/two")
	f.AddTask(4, 12, 11, 10, 3*second, "thread", "/bin/two")
	// Out of order, as events of two CPUs may be.
	f.AddProcess(3*second, 1, 3, "exec", 11, 10, fixture.Row{"filename": "/bin/two", "args": []string{"two"}})
	f.AddProcess(4*second, 1, 3, "exit", 11, 10, fixture.Row{"exit_code": int32(3), "duration_ns": int64(2 * second)})
	f.AddProcess(0, 0, 1, "snapshot", 10, 1, fixture.Row{"args": []string{"sh"}})
	f.AddProcess(second/2, 0, 1, "fork", 11, 10, nil)
	f.AddProcess(second, 0, 2, "exec", 11, 10, fixture.Row{"filename": "/bin/one", "args": []string{"one", "a b"}})
	f.AddProcess(2*second, 0, 2, "exit", 11, 10, nil)
	f.AddProcess(2*second+1, 0, 1, "fork", 11, 10, nil)
	// Its beginning was lost.
	f.AddProcess(5*second, 0, 9, "exit", 77, 10, fixture.Row{"duration_ns": int64(10 * second), "signal": int32(15)})
	f.AddProcess(6*second, 0, 9, "exec", 77, 10, fixture.Row{"args": []string{"again"}})
	for range 3 {
		f.AddSyscall(second+1, 0, 2, 0, 0, 0)
	}
	f.AddSyscall(3*second+1, 0, 3, 0, 0, 0)
	f.AddSyscall(3*second+1, 0, 4, 0, 0, 0)
	code, stdout, stderr := analyze("processes", write(t, f))
	const want = "" +
		"pid    start  lifetime  status   calls  cpu  memory  command\n" +
		" 10   before         -  running      0    -       -  sh\n" +
		" 11  +0.500s         -  exit 0       3    -       -  ├─ one 'a b'\n" +
		" 11  +2.000s    2.00 s  exit 3       2    -       -  ├─ two\n" +
		" 77   before    10.0 s  SIGTERM      0    -       -  ├─ ?\n" +
		" 77   before         -  running      0    -       -  └─ again\n"
	if code != 0 || stdout != want {
		t.Errorf("got %d %s\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

// TestForgedProcesses draws processes that only a forged capture has: parents of each other, a parent of itself, and a
// very deep tree.
func TestForgedProcesses(t *testing.T) {
	f := fixture.New()
	f.AddProcess(0, 0, 0, "snapshot", 5, 6, nil)
	f.AddProcess(0, 0, 0, "snapshot", 6, 5, nil)
	f.AddProcess(0, 0, 0, "snapshot", 7, 7, nil)
	f.AddProcess(1, 0, 0, "fork", 8, 8, nil)
	const deep = 100_000
	for i := range int32(deep) {
		f.AddProcess(time.Duration(i), 0, 0, "fork", 1000+i, 999+i, nil)
	}
	code, stdout, stderr := analyze("processes", write(t, f))
	if n := strings.Count(stdout, "\n"); code != 0 || n != 1+4+deep {
		t.Errorf("got %d, %d lines, %s", code, n, stderr)
	}
	if len(stdout) > 500*deep {
		t.Errorf("%d bytes", len(stdout))
	}
}
