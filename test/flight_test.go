// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A flight is a flight recorder that runs in the background.
type flight struct {
	*exec.Cmd
	t       *testing.T
	dir     string
	mu      sync.Mutex
	printed bytes.Buffer
}

func (f *flight) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.printed.Write(p)
}

// startFlight starts a flight recorder, and waits until it records.
func startFlight(t *testing.T, args ...string) *flight {
	t.Helper()
	needKernel(t)
	f := &flight{t: t, dir: filepath.Join(t.TempDir(), "flight")}
	f.Cmd = exec.Command(program("record"), append([]string{"-w", f.dir}, recordArgs(args...)...)...)
	f.Stderr = f
	f.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-f.Process.Pid, syscall.SIGKILL)
		f.Wait()
		if t.Failed() {
			t.Logf("the recorder printed:\n%s", f.printed.String())
		}
	})
	waitFor(t, "the flight recorder to begin", func() bool {
		status, _ := os.ReadFile("/proc/" + strconv.Itoa(f.Process.Pid) + "/status")
		return strings.Contains(string(status), "\nNoNewPrivs:\t1\n") // set just before it starts to record
	})
	return f
}

// counted returns the CPU time of the command's threads that make known calls.
func (f *flight) counted() (used time.Duration) {
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", f.Process.Pid))
	for _, path := range children {
		child, _ := os.ReadFile(path)
		threads, _ := filepath.Glob("/proc/" + strings.TrimSpace(string(child)) + "/task/*/stat")
		for _, path := range threads {
			// proc(5): the name is in brackets, and times are in hundredths of a second.
			stat, _ := os.ReadFile(path)
			_, rest, counts := strings.Cut(string(stat), " ("+callName+") ")
			if fields := strings.Fields(rest); counts && len(fields) > 13 {
				user, _ := strconv.Atoi(fields[11])
				system, _ := strconv.Atoi(fields[12])
				used += time.Duration(user+system) * 10 * time.Millisecond
			}
		}
	}
	return used
}

// dumps returns the paths of the dumps with this reason, in order of time.
func (f *flight) dumps(reason string) []string {
	m, _ := filepath.Glob(filepath.Join(f.dir, "*Z-"+reason))
	return m
}

// stop ends the recording, which must succeed.
func (f *flight) stop() {
	f.t.Helper()
	f.Process.Signal(syscall.SIGINT)
	if err := f.Wait(); err != nil {
		f.t.Errorf("the recorder: %v", err)
	}
}

// wantDump opens a dump, which must be a complete capture with this reason in its manifest.
func (f *flight) wantDump(path, reason string) *format.Capture {
	f.t.Helper()
	c := open(f.t, path)
	m := c.Manifest
	if !m.Complete || m.Dump == nil || m.Dump.Reason != reason {
		f.t.Errorf("%s: complete %v, %+v", path, m.Complete, m.Dump)
	}
	if m.Dump != nil && !strings.HasPrefix(filepath.Base(path), m.Dump.TS.Format("20060102T150405.")) {
		f.t.Errorf("%s was made at %v", path, m.Dump.TS)
	}
	for _, damage := range c.Damage() {
		f.t.Error(damage)
	}
	wantNamed(f.t, c)
	return c
}

// Each signal makes a complete dump, and the recording continues. The end of the recording makes another one and
// removes the window.
func TestDumpsForASignal(t *testing.T) {
	for _, args := range [][]string{{}, {"--in-memory"}, {"--after", "300ms"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			f := startFlight(t, append(args, "-e", allFamilies, "--last", "2s", "--", program("workload"), "calls",
				"1000000000", "1")...)
			waitFor(t, "the command to count", func() bool { return f.counted() > 100*time.Millisecond })
			const n = 4
			for i := range n {
				f.Process.Signal(syscall.SIGUSR2)
				waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > i })
				before := f.counted()
				waitFor(t, "the command to count on", func() bool { return f.counted() > before+100*time.Millisecond })
			}
			syscall.Kill(-f.Process.Pid, syscall.SIGTERM)
			f.Wait() // with the status of its command
			var before int64
			for _, path := range f.dumps("sigusr2") {
				c := f.wantDump(path, "sigusr2")
				seen := wantNoGap(t, c)
				if seen.last <= before {
					t.Errorf("%s ends with call %d, the one before with %d", path, seen.last, before)
				}
				before = seen.last
				if at := c.Manifest.Dump.TS; len(args) > 1 && c.Manifest.End.Sub(at) < 300*time.Millisecond-flushed {
					t.Errorf("%s ends %v after the signal", path, c.Manifest.End.Sub(at))
				}
			}
			if len(f.dumps("end")) != 1 {
				t.Fatalf("%d dumps at the end", len(f.dumps("end")))
			}
			wantNoGap(t, f.wantDump(f.dumps("end")[0], "end"))
			if left, _ := os.ReadDir(f.dir); len(left) != n+1 {
				t.Errorf("the directory has %v, want %d dumps", left, n+1)
			}
		})
	}
}

// flushed is how long before the end of a dump its last event may be, on an idle host.
const flushed = 100 * time.Millisecond

// A dump has the event that triggered it, and the events from --last before to --after after it.
func TestTriggersWindow(t *testing.T) {
	tests := []struct {
		name, trigger string
		event         func(t *testing.T)                        // causes the event
		found         func(t *testing.T, c *format.Capture) row // returns the event's row, nil if there is none
	}{
		{"exit", `op == "exit" && comm == "known" && exit_code == 7`, func(t *testing.T) {
			known := filepath.Join(t.TempDir(), "known")
			if err := os.WriteFile(known, []byte("#!/bin/sh\nexit 7\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			exec.Command(known).Run()
		}, func(t *testing.T, c *format.Capture) row {
			for _, r := range processes(t, c, "exit") {
				if r.n("exit_code") == 7 {
					return r
				}
			}
			return nil
		}},
		{"call", `family == "syscall" && name == "getpriority" && ret < 0 && pid == ` + strconv.Itoa(os.Getpid()),
			func(t *testing.T) {
				syscall.Getpriority(1000, 0)
			}, func(t *testing.T, c *format.Capture) row {
				nr := number(t, c, "getpriority")
				who := processOf(t, c)
				times, nrs, tasks := numbersOf(t, c, "syscall", "ts"), numbersOf(t, c, "syscall", "nr"),
					numbersOf(t, c, "syscall", "task")
				for segment := range times {
					for i, ts := range times[segment] {
						if nrs[segment][i] == nr && who[tasks[segment][i]] == int64(os.Getpid()) {
							return row{"ts": ts}
						}
					}
				}
				return nil
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spin := exec.Command(program("workload"), "spin", "60s")
			if err := spin.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { spin.Process.Kill(); spin.Wait() }()
			const last, after = 2 * time.Second, time.Second
			f := startFlight(t, "-e", "process,syscall", "--last", last.String(), "--after", after.String(),
				"--trigger", test.trigger)
			waitForWindow(t, filepath.Join(f.dir, "window"), last)
			test.event(t)
			waitFor(t, "the dump", func() bool { return len(f.dumps("trigger")) > 0 })
			f.stop()

			c := f.wantDump(f.dumps("trigger")[0], "trigger")
			if got := c.Manifest.Dump.Condition; got != test.trigger {
				t.Errorf("the condition was %s", got)
			}
			event := test.found(t, c)
			if event == nil {
				t.Fatal("the event is not in its dump")
			}
			at := time.Unix(0, event.n("ts"))
			if !at.Equal(c.Manifest.Dump.TS) {
				t.Errorf("the event was at %v, the dump says %v", at, c.Manifest.Dump.TS)
			}
			first, end := int64(1)<<62, int64(0)
			for _, times := range numbersOf(t, c, "syscall", "ts") {
				first, end = min(first, slices.Min(times)), max(end, slices.Max(times))
			}
			before, following := at.Sub(time.Unix(0, first)), time.Unix(0, end).Sub(at)
			if before < last || following < after-flushed {
				t.Errorf("%v before the event and %v after it, want %v and %v", before, following, last, after)
			}
		})
	}
}

// waitForWindow waits until the window of a flight recorder on disk is as long as --last.
func waitForWindow(t *testing.T, path string, last time.Duration) {
	t.Helper()
	waitFor(t, "a window's worth of calls", func() bool {
		c, err := format.Open(path)
		if err != nil {
			return false
		}
		defer c.Close()
		table := c.Table("syscall")
		if table == nil {
			return false
		}
		first, end := int64(math.MaxInt64), int64(0)
		for _, b := range table.Blocks() {
			first, end = min(first, b.MinTS), max(end, b.MaxTS)
		}
		return end-first > int64(last)
	})
}

// processOf returns the process id of each task. Unlike tasks it accepts a task in several generations.
func processOf(t *testing.T, c *format.Capture) map[int64]int64 {
	t.Helper()
	pids := make(map[int64]int64)
	for _, r := range rows(t, c, "task") {
		pids[r.n("task")] = r.n("pid")
	}
	return pids
}

// A failed dump causes a warning and exit status 1, but does not end the recording.
func TestADumpThatFails(t *testing.T) {
	f := startFlight(t, "--last", "2s", "--in-memory")
	// The recorder has no CAP_DAC_OVERRIDE any more, so this also works as root.
	if err := os.Chmod(f.dir, 0o500); err != nil {
		t.Fatal(err)
	}
	f.Process.Signal(syscall.SIGUSR2)
	waitFor(t, "a warning", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return strings.Contains(f.printed.String(), "record: warning: writing dump ")
	})
	if err := os.Chmod(f.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f.Process.Signal(syscall.SIGUSR2)
	waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > 0 })
	f.Process.Signal(syscall.SIGINT)
	f.Wait()
	if f.ProcessState.ExitCode() != 1 || !strings.Contains(f.printed.String(), "1 of 3 dumps failed") {
		t.Errorf("status %d", f.ProcessState.ExitCode())
	}
	f.wantDump(f.dumps("end")[0], "end")
}

// Memory stays below --max-memory, under a load that fills every ring, with a window in memory that does not fit.
func TestMemoryCeiling(t *testing.T) {
	const ceiling = 96 << 20
	f := startFlight(t, "-e", allFamilies, "--last", "1h", "--in-memory", "--max-memory", "96MiB", "-z", "none", "--",
		"sh", "-c", program("workload")+" spin 60s & "+program("workload")+" spin 60s & while :; do /bin/true; done")
	peak := func() int64 {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(f.Process.Pid) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n << 10
	}
	for i := range 6 {
		time.Sleep(time.Second) // of recording a full load
		if i%2 == 1 {
			f.Process.Signal(syscall.SIGUSR2)
			waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > i/2 })
		}
		if p := peak(); p > ceiling {
			t.Errorf("%d MiB resident, the limit is %d", p>>20, ceiling>>20)
		}
	}
	t.Logf("%d MiB resident at most", peak()>>20)
	syscall.Kill(-f.Process.Pid, syscall.SIGTERM)
	f.Wait()
	c := f.wantDump(f.dumps("end")[0], "end")
	if notes := strings.Join(c.Manifest.Notes, "\n"); !strings.Contains(notes,
		"the window is shorter than 1h0m0s because of --max-memory 96MiB") {
		t.Errorf("notes: %s", notes)
	}
}

// While dumps keep a full window from dropping generations, --max-memory causes losses. Each call is recorded or
// counted as lost.
func TestMemoryCeilingCounts(t *testing.T) {
	calls, more := int64(2000000), int64(1<<12) // less than a batch
	if testing.Short() {
		calls /= 10
	}
	f := startFlight(t, "--json", "-e", "process,syscall", "--last", "1h", "--in-memory", "--max-memory", "96MiB", "-z",
		"none", "-W", "2", "--",
		program("workload"), "calls", strconv.FormatInt(calls, 10), "1")
	ended := make(chan error, 1)
	go func() { ended <- f.Wait() }()
	for going := true; going; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			going = false
		case <-time.After(50 * time.Millisecond):
			f.Process.Signal(syscall.SIGUSR2)
		}
	}
	var summary struct{ Rows, Lost int64 }
	if err := json.Unmarshal(f.printed.Bytes(), &summary); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d lost", summary.Rows, summary.Lost)
	// Go's runtime makes calls too, in every program.
	if sum := summary.Rows + summary.Lost; sum < calls || sum >= calls+more {
		t.Errorf("%d events and %d lost, want the %d calls and few others", summary.Rows, summary.Lost, calls)
	}
}

// Above --max-cpu the recorder drops events of bulk tables, which it counts as lost, and no others.
func TestCPUCeiling(t *testing.T) {
	got, _ := capture(t, 0, "-e", "process,syscall", "--max-cpu", "1%", "--", "sh", "-c",
		program("workload")+" spin 4s >/dev/null & "+program("workload")+" spin 4s >/dev/null & "+
			"i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done; wait")
	if got.Lost()["syscall"] == 0 {
		t.Error("nothing was shed")
	}
	for table, n := range got.Lost() {
		if n != 0 && table != "syscall" {
			t.Errorf("%d lost of %s", n, table)
		}
	}
	if n := tally(processes(t, got, "exec"), "filename")["/bin/true"]; n != 50 {
		t.Errorf("%d execs of true, want 50", n)
	}
	if notes := strings.Join(got.Manifest.Notes, "\n"); !strings.Contains(notes, "because of --max-cpu 1%") {
		t.Errorf("notes: %s", notes)
	}
}
