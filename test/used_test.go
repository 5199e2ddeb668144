// SPDX-License-Identifier: Apache-2.0

package test

import (
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

	"golang.org/x/sys/unix"
)

// usedProcess is Used of internal/workload.
type usedProcess struct {
	Kind                         string
	PID                          int64
	User, System, Memory, Faults int64
}

// What processes have used is what wait4 says, also of those that lived a millisecond: less than a tick, in one piece.
func TestUsedIsWhatWaitSays(t *testing.T) {
	needKernel(t)
	for _, families := range []string{"process", allFamilies} {
		t.Run(families, func(t *testing.T) {
			got, stdout := capture(t, 0, "-e", families, "--", program("workload"), "used", "1000")
			wantNoLoss(t, got)
			var report struct{ Short, Long []usedProcess }
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatalf("the workload printed %q: %v", stdout, err)
			}
			exits := map[int64]row{}
			for _, r := range processes(t, got, "exit") {
				exits[r.n("pid")] = r
			}
			if same := wantUsed(t, exits, report.Short); same < len(report.Short)*9/10 {
				t.Errorf("only %d of %d processes used what wait4 said", same, len(report.Short))
			}
			for _, p := range report.Long {
				wantUsed(t, exits, []usedProcess{p})
			}
		})
	}
}

// endOfThreads is how much of a process wait4 may lack: the last microseconds of each thread that ends before the
// process, on an emulated CPU a millisecond.
const endOfThreads = 10_000_000 // ns

// wantUsed wants the exits of processes to have what wait4 said, of the CPU time the sum. It returns how many of them
// have the same CPU time.
func wantUsed(t *testing.T, exits map[int64]row, list []usedProcess) (same int) {
	t.Helper()
	var sum, want int64
	for _, p := range list {
		r := exits[p.PID]
		if r == nil {
			t.Errorf("%s: no exit of process %d", p.Kind, p.PID)
			continue
		}
		sum += r.n("cpu_ns")
		want += p.User + p.System
		diff := r.n("cpu_ns") - p.User - p.System
		if 0 <= diff && diff < 2000 { // wait4 says µs, rounded down
			same++
		}
		if r.n("utime_ns")+r.n("stime_ns") != r.n("cpu_ns") {
			t.Errorf("%s: %d ns are not %d in user mode and %d in the kernel", p.Kind, r.n("cpu_ns"), r.n("utime_ns"),
				r.n("stime_ns"))
		}
		if r.n("rss_max") != p.Memory || r.n("major_faults") != p.Faults {
			t.Errorf("%s: %d bytes and %d major faults, wait4 said %d and %d", p.Kind, r.n("rss_max"),
				r.n("major_faults"), p.Memory, p.Faults)
		}
	}
	most := want / 20
	if len(list) == 1 {
		most += endOfThreads
	}
	if diff := sum - want; diff < -want/20 || diff > most {
		t.Errorf("%d processes used %d ns, wait4 said %d", len(list), sum, want)
	}
	return same
}

// What a process has used by the beginning of a recording and by its end is what its CPU clock says then, of all
// threads, also those that have ended. The process is stopped at both times.
func TestUsedByThoseThatStay(t *testing.T) {
	needKernel(t)
	cmd := exec.Command(program("workload"), "burn", "stays", "8", "50ms", "32")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	pid := cmd.Process.Pid
	stopAt := func(least int64) int64 {
		cmd.Process.Signal(syscall.SIGCONT)
		waitFor(t, "the process to compute", func() bool { return cpuClock(t, pid) > least })
		cmd.Process.Signal(syscall.SIGSTOP)
		waitFor(t, "all threads to stop", func() bool {
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
			return !slices.ContainsFunc(threads, func(path string) bool {
				stat, _ := os.ReadFile(path)
				return !strings.Contains(string(stat), ") T ")
			})
		})
		return cpuClock(t, pid)
	}
	before := stopAt(200e6)
	rec, path := start(t, "-e", "process", "-p", strconv.Itoa(pid))
	after := stopAt(before + 100e6)
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	c := open(t, path)
	wantNoLoss(t, c)
	for op, want := range map[string]int64{"snapshot": before, "end": after} {
		list := processes(t, c, op)
		if len(list) != 1 || list[0].n("pid") != int64(pid) {
			t.Fatalf("%s: %v, want process %d", op, list, pid)
		}
		r := list[0]
		if r.n("cpu_ns") != want || r.n("utime_ns")+r.n("stime_ns") != want {
			t.Errorf(
				"%s: %d ns, %d and %d; the clock said %d",
				op,
				r.n("cpu_ns"),
				r.n("utime_ns"),
				r.n("stime_ns"),
				want,
			)
		}
		if r.n("rss_max") < 30<<20 || r.n("rss_max") > max(80<<20, ownPeak(t)) || r.n("major_faults") < 0 {
			t.Errorf("%s: %d bytes, %d major faults", op, r.n("rss_max"), r.n("major_faults"))
		}
	}
}

// ownPeak is the most memory that this process has had, in bytes. The kernel counts it as that of a child too, which
// had the same memory until its exec.
func ownPeak(t *testing.T) int64 {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return used.Maxrss << 10
}

// cpuClock reads the CPU clock of a process, in ns. (CPUCLOCK_SCHED, include/linux/posix-timers_types.h)
func cpuClock(t *testing.T, pid int) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano()
}
