// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

const (
	callBase = 1 << 30 // of workload calls
	callName = "known"
	esrch    = -3
)

// fewer returns n, or a tenth of a large n with -short.
func fewer(n int64) int64 {
	if testing.Short() && n > 5000 {
		return n / 10
	}
	return n
}

type report struct {
	PID   int64
	TIDs  []int64
	Calls int64
}

func parseReport(t *testing.T, stdout string) (r report) {
	t.Helper()
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("the workload printed %q: %v", stdout, err)
	}
	return r
}

func number(t *testing.T, c *format.Capture, name string) int64 {
	t.Helper()
	table, err := syscalls.ForArch(c.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	nr, ok := table.Number(name)
	if !ok {
		t.Fatalf("no system call %s", name)
	}
	return int64(nr)
}

// knownCalls returns the calls of `workload calls` in a capture, by thread id, in order of time.
func knownCalls(t *testing.T, c *format.Capture, pid int64) map[int64][]row {
	t.Helper()
	nr := number(t, c, "getpgid")
	who := tasks(t, c)
	byThread := make(map[int64][]row)
	for _, r := range rows(t, c, "syscall") {
		task, known := who[r.n("task")]
		if !known {
			t.Fatalf("a call by task %d, which is not announced", r.n("task"))
		}
		if r.n("nr") == nr && r.n("arg0") >= callBase && task.n("pid") == pid {
			byThread[task.n("tid")] = append(byThread[task.n("tid")], r)
		}
	}
	return byThread
}

func TestEveryCallIsOneRow(t *testing.T) {
	for _, c := range []struct{ calls, threads int64 }{{1, 1}, {1000, 1}, {50_000, 2}, {1000, 64}, {200_000, 4}} {
		c.calls = fewer(c.calls)
		t.Run(fmt.Sprintf("%d calls of %d threads", c.calls, c.threads), func(t *testing.T) {
			got, stdout := capture(t, 0, "--strict", "--", program("workload"), "calls",
				strconv.FormatInt(c.calls, 10), strconv.FormatInt(c.threads, 10))
			wantNoLoss(t, got)
			rep := parseReport(t, stdout)
			byThread := knownCalls(t, got, rep.PID)
			if len(byThread) != int(c.threads) {
				t.Errorf("calls of %d threads, want %d", len(byThread), c.threads)
			}
			for _, tid := range rep.TIDs {
				calls := byThread[tid]
				if int64(len(calls)) != c.calls {
					t.Errorf("thread %d: %d rows, want %d", tid, len(calls), c.calls)
				}
				var end int64
				for i, r := range calls {
					if r.n("arg0") != callBase+int64(i) || r.n("ret") != esrch || r.n("arg1") != 0 || r.n("arg5") != 0 {
						t.Fatalf("thread %d: call %d is %v", tid, i, r)
					}
					if r.n("ts") < end || r.n("duration_ns") < 0 {
						t.Fatalf("thread %d: call %d began before the one before it ended: %v", tid, i, r)
					}
					end = r.n("ts") + r.n("duration_ns")
				}
			}
		})
	}
}

// While the recorder is stopped, events that do not fit into its rings are lost, and each lost event is counted. The
// name filter leaves exactly the known calls: N of each thread, and the two of prctl with which it takes its name and
// gives it up.
func TestLossIsExact(t *testing.T) {
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // no signals, so no rt_sigreturn, in the workload's threads
	for _, c := range []struct{ calls, threads int64 }{{20_000, 1}, {100_000, 2}, {50_000, 8}} {
		c.calls = fewer(c.calls)
		t.Run(fmt.Sprintf("%d calls of %d threads", c.calls, c.threads), func(t *testing.T) {
			got, stdout := capture(t, 0, "-b", "64KiB", "--comm", callName, "--", "sh", "-c",
				`kill -STOP $PPID; "$@"; kill -CONT $PPID`, "sh", program("workload"), "calls",
				strconv.FormatInt(c.calls, 10), strconv.FormatInt(c.threads, 10))
			rep := parseReport(t, stdout)
			recorded, lost := int64(len(rows(t, got, "syscall"))), got.Lost()["syscall"]
			if lost == 0 {
				t.Error("nothing was lost: the ring was not small enough to show anything")
			}
			if want := (c.calls + 2) * c.threads; recorded+lost != want {
				t.Errorf("%d recorded + %d lost = %d, want %d", recorded, lost, recorded+lost, want)
			}
			for tid, calls := range knownCalls(t, got, rep.PID) {
				if !slices.IsSortedFunc(calls, func(a, b row) int { return int(a.n("arg0") - b.n("arg0")) }) {
					t.Errorf("thread %d: calls out of order", tid)
				}
			}
			checkLossTable(t, got, lost)
		})
	}
}

// checkLossTable wants plausible rows in the loss table, with the sum that is in the manifest.
func checkLossTable(t *testing.T, c *format.Capture, want int64) {
	t.Helper()
	var sum int64
	for _, r := range rows(t, c, "loss") {
		if r.s("family") != "syscall" {
			continue
		}
		sum += r.n("count")
		if r.n("count") <= 0 || r.n("until") < r.n("ts") || r.n("cpu") < 0 || r.n("cpu") >= int64(c.Manifest.CPUs) {
			t.Errorf("loss row %v", r)
		}
		if r.n("ts") < c.Manifest.Start.UnixNano() || r.n("until") > c.Manifest.End.UnixNano() {
			t.Errorf("loss row %v is outside the recording", r)
		}
	}
	if sum != want || c.Manifest.Tables["syscall"].Lost != want {
		t.Errorf("the loss table sums up to %d, the manifest says %d, want %d", sum,
			c.Manifest.Tables["syscall"].Lost, want)
	}
}

func TestMaxEventsIsExact(t *testing.T) {
	got, _ := capture(t, 0, "-n", "1234", "--", program("workload"), "calls", "100000", "2")
	n := 0
	for _, table := range got.Tables() {
		if table.Schema.Event() {
			n += len(rows(t, got, table.Schema.Table))
		}
	}
	if n != 1234 {
		t.Errorf("%d rows of events, want 1234", n)
	}
}

func TestFamiliesCanBeChosen(t *testing.T) {
	only := func(t *testing.T, events string, want, unwanted []string) {
		got, _ := capture(t, 0, "-e", events, "--", program("workload"), "calls", "100", "1")
		for _, name := range want {
			if len(rows(t, got, name)) == 0 {
				t.Errorf("-e %s: no rows of %s", events, name)
			}
		}
		for _, name := range unwanted {
			if len(rows(t, got, name)) > 0 {
				t.Errorf("-e %s: rows of %s", events, name)
			}
		}
	}
	t.Run("syscall", func(t *testing.T) { only(t, "syscall", []string{"syscall", "task"}, []string{"process"}) })
	t.Run("process", func(t *testing.T) {
		only(t, "process", []string{"process", "task"},
			[]string{"syscall", "pending"})
	})
}

// Calls in flight when the recording ends are in table pending. The recorder still waits for its command.
func TestPendingCalls(t *testing.T) {
	const threads = 5
	got, stdout := capture(t, 0, "-d", "1s", "--", program("workload"), "block", strconv.Itoa(threads), "3s")
	wantNoLoss(t, got)
	rep := parseReport(t, stdout)
	read, who := number(t, got, "read"), tasks(t, got)
	var blocked []int64
	for _, r := range rows(t, got, "pending") {
		if r.n("nr") == read {
			blocked = append(blocked, who[r.n("task")].n("tid"))
		}
	}
	slices.Sort(blocked)
	slices.Sort(rep.TIDs)
	if !slices.Equal(blocked, rep.TIDs) {
		t.Errorf("pending reads of %v, want %v", blocked, rep.TIDs)
	}
	if s := got.Manifest.ExitStatus; s != nil {
		t.Errorf("status %d of a command that had not ended", *s)
	}
}

// A kretprobe misses the return of a read if more tasks read than it has instances. Such a read is counted as lost,
// whether its task ends, reads on, or waits until the recording ends. One that is still under way is not.
func TestMissedReturnsAreCounted(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         int64
	}{
		{"killed", `exec "$0" block 40 1s`, 40},
		{"released", `exec "$0" block 40 1s released`, 40},
		{"reading on", `exec "$0" block 40 1s reading`, 80},
		{"waiting", `trap "exit 0" TERM; "$0" block 40 2s waiting & wait`, 40},
		{"under way", `trap "exit 0" TERM; "$0" block 40 2s blocked & wait`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachMechanism(t, "file", func(t *testing.T, mechanism string) {
				got, _ := capture(t, 0, "-e", "file", "--mechanism", "file="+mechanism, "--", "sh", "-c", test.script,
					program("workload"))
				names, recorded := map[int64]string{}, int64(0)
				for _, r := range rows(t, got, "path") {
					names[r.n("path")] = r.s("name")
				}
				for _, r := range rows(t, got, "file") {
					name := names[r.n("path")]
					if r.s("op") == "read" && (strings.HasPrefix(name, "pipe:") || name == "/dev/zero") {
						recorded++
					}
				}
				lost := got.Lost()["file"]
				t.Logf("%d recorded, %d lost", recorded, lost)
				if recorded+lost != test.want || (mechanism != "kprobe" && lost > 0) {
					t.Errorf("%d recorded + %d lost, want %d", recorded, lost, test.want)
				}
			})
		})
	}
}
