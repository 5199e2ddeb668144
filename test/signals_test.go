// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"golang.org/x/sys/unix"
)

func TestSignals(t *testing.T) {
	const n = 4
	eachABI(t, "signal", func(t *testing.T, mechanism string) {
		var report struct {
			PID, TID        int64
			Killed, Crashed []int64
		}
		path, _ := workload(t)
		got, stdout := capture(t, 0, "-e", "signal", "--mechanism", "signal="+mechanism, "--",
			path, "signals", strconv.Itoa(n))
		if err := json.Unmarshal([]byte(stdout), &report); err != nil {
			t.Fatalf("the workload printed %q: %v", stdout, err)
		}
		who := tasks(t, got)
		children := map[int64]string{}
		for i := range n {
			children[report.Killed[i]], children[report.Crashed[i]] = "killed", "crashed"
		}
		count := map[string]int{}
		for _, r := range rows(t, got, "signal") {
			if r.n("signal") == int64(unix.SIGURG) {
				continue // Go's runtime sends it to its threads
			}
			from, to := "kernel", "self"
			if r.n("task") != 0 {
				from = "self"
				if pid := who[r.n("task")].n("pid"); pid != report.PID {
					t.Errorf("row %v is sent by process %d", r, pid)
				}
			}
			if r.n("to_pid") != report.PID {
				to = children[r.n("to_pid")]
			}
			if task := who[r.n("to")]; task.n("pid") != r.n("to_pid") || task.n("tid") != r.n("to_tid") {
				t.Errorf("row %v is to %v", r, task)
			}
			if r.n("code") == -6 && r.n("to_tid") != report.TID {
				t.Errorf("row %v is to another thread than %d", r, report.TID)
			}
			if r.n("signal") == int64(unix.SIGCHLD) {
				r["result"] = "" // one that comes while another is pending is merged with it
			}
			count[fmt.Sprintf("%s to %s: %d code %d %s", from, to, r.n("signal"), r.n("code"), r.s("result"))]++
		}
		want := map[string]int{
			"self to self: 40 code 0 queued":           n,
			"self to self: 41 code -6 queued":          n,
			"self to self: 42 code -1 queued":          n,
			"self to self: 43 code 0 queued":           n,
			"self to self: 1 code 0 ignored":           n,
			"self to self: 12 code -6 queued":          n,
			"self to self: 12 code -6 already_pending": n,
			"kernel to self: 13 code 0 queued":         n,
			"kernel to self: 14 code 128 queued":       n,
			"kernel to self: 44 code -2 queued":        n,
			"self to killed: 9 code 0 queued":          n,
			"kernel to crashed: 11 code 2 queued":      n,
			"kernel to self: 17 code 2 ":               n,
			"kernel to self: 17 code 1 ":               n,
		}
		// A timer's interrupt may come while a program holds the task storage of its CPU: that signal is counted as
		// lost.
		for _, timer := range []string{"kernel to self: 14 code 128 queued", "kernel to self: 44 code -2 queued"} {
			count["lost"] += want[timer] - count[timer]
			delete(want, timer)
			delete(count, timer)
		}
		want["lost"] = int(got.Lost()["signal"])
		wantTally(t, count, want)
		if lost := got.Lost()["task"]; lost != 0 {
			t.Errorf("%d tasks lost", lost)
		}
	})
}

// A timer's signals have no sender, even if the task is just sending one of the same number.
func TestSignalOfATimerHasNoSender(t *testing.T) {
	needKernel(t)
	const n = 20_000
	got, _ := capture(t, 0, "-e", "signal", "--", program("workload"), "timer-storm", strconv.Itoa(n))
	count := map[string]int{}
	for _, r := range rows(t, got, "signal") {
		if r.n("signal") == 44 && r.s("result") != "overflow" { // which is sent again
			count[fmt.Sprintf("code %d, sent by a task: %v", r.n("code"), r.n("task") != 0)]++
		}
	}
	ofTimer, ofTask := count["code -2, sent by a task: false"], count["code -1, sent by a task: true"]
	if lost := int(got.Lost()["signal"]); ofTimer == 0 || ofTask > n || ofTask+lost < n || len(count) != 2 {
		t.Errorf("%v and %d lost, of %d sent by the task", count, lost, n)
	}
}

// With -p a signal is a row if either end is recorded, and names both.
func TestSignalNamesBothEnds(t *testing.T) {
	needKernel(t)
	for name, end := range map[string]string{"receiver": "$victim", "sender": "$$"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "capture")
			script := fmt.Sprintf(`sleep 600 & victim=$!
%s -q -e signal -n 40 -w %s -p %s & recorder=$!
while kill -CONT $recorder; do kill -CONT $victim; sleep 0.01; done 2>/dev/null
kill $victim; wait $recorder`, program("record"), dir, end)
			if status, _, stderr := output(t, "sh", "-c", script); status != 0 {
				t.Fatalf("status %d: %s", status, stderr)
			}
			got := open(t, dir)
			who := tasks(t, got)
			found := 0
			for _, r := range rows(t, got, "signal") {
				if r.n("task") == 0 {
					continue // the end of a child
				}
				if from, to := who[r.n("task")], who[r.n("to")]; from.s("comm") == "sh" && to.s("comm") == "sleep" {
					found++
					if r.n("signal") != int64(unix.SIGCONT) || r.n("code") != 0 {
						t.Errorf("row %v", r)
					}
				}
			}
			if found == 0 {
				t.Errorf("no row from sh to sleep among %v", rows(t, got, "signal"))
			}
		})
	}
}

// The OOM killer of a cgroup kills the process that exceeds its memory limit.
func TestSignalOfTheOOMKiller(t *testing.T) {
	needKernel(t)
	group := memoryGroup(t)
	script := fmt.Sprintf("echo $$ >%s/cgroup.procs && exec %s allocate 256", group, program("workload"))
	got, _ := capture(t, 137, "-e", "signal", "--", "sh", "-c", script)
	wantNoLoss(t, got)
	found := 0
	for _, r := range rows(t, got, "signal") {
		if r.n("signal") == int64(unix.SIGKILL) && r.n("to_pid") == r.n("to_tid") {
			found++
			if r.n("task") != 0 || r.n("code") != 0x80 {
				t.Errorf("row %v is not the kernel's", r)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d rows of SIGKILL, want 1", found)
	}
}

// memoryGroup creates a cgroup, v1 or v2, with a memory limit of 64 MiB.
func memoryGroup(t *testing.T) string {
	t.Helper()
	group, limit := "/sys/fs/cgroup/memory/fletch-test", "memory.limit_in_bytes"
	if controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		if !strings.Contains(string(controllers), "memory") {
			t.Skip("this kernel has no memory controller")
		}
		if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory"), 0); err != nil {
			t.Skipf("the memory controller cannot be used here: %v", err)
		}
		group, limit = "/sys/fs/cgroup/fletch-test", "memory.max"
	} else if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil {
		t.Skip("this machine has no memory controller")
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("no control group can be made here: %v", err)
	}
	t.Cleanup(func() { os.Remove(group) })
	if err := os.WriteFile(filepath.Join(group, limit), []byte("67108864"), 0); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0) // where there is swap
	return group
}

// Of more signals than a ring has room for, each is a row or counted as lost.
func TestSignalLossIsExact(t *testing.T) {
	needKernel(t)
	receiver := exec.Command("sleep", "600")
	if err := receiver.Start(); err != nil {
		t.Fatal(err)
	}
	defer receiver.Wait()
	defer receiver.Process.Kill()
	s, err := bpf.Open(bpf.Options{
		Families: []string{"signal"}, PIDs: []int{receiver.Process.Pid},
		RingSize: os.Getpagesize(), RareRingSize: os.Getpagesize(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	recorded := map[string]int{}
	emit := func(l *bpf.Layout, r bpf.Records, _ int32) error {
		recorded[l.Schema.Table] += r.Len()
		return nil
	}
	if err := s.Start(emit); err != nil {
		t.Fatal(err)
	}
	const sent = 2000
	for range sent {
		if err := unix.Kill(receiver.Process.Pid, unix.SIGWINCH); err != nil { // which it ignores
			t.Fatal(err)
		}
	}
	if err := s.Stop(emit); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, l := range s.Layouts() {
		if l != nil && l.Schema.Table == "signal" {
			for cpu := range s.CPUs {
				lost += int(s.Counts(l.Kind, cpu).Lost)
			}
		}
	}
	if recorded["signal"] == 0 || lost == 0 || recorded["signal"]+lost != sent {
		t.Errorf("%d rows and %d lost, want %d in all", recorded["signal"], lost, sent)
	}
}
