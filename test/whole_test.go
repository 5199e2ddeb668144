// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// startSleeper starts a process that sleeps for all of a test, with a command line that no other process has.
func startSleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	s := exec.Command("sleep", "1000000", "0.0"+strconv.Itoa(os.Getpid()))
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Process.Kill(); s.Wait() })
	return s
}

// wantWhole wants a capture to have the command line and the call of a process that sleeps all the time: exactly one
// call, at its end, and a snapshot in the first generation that is there.
func wantWhole(t *testing.T, c *format.Capture, s *exec.Cmd) {
	t.Helper()
	pid := int64(s.Process.Pid)
	who := processOf(t, c)
	calls := 0
	for _, r := range rows(t, c, "pending") {
		if who[r.n("task")] == pid {
			calls++
		}
	}
	if calls != 1 {
		t.Errorf("%d pending rows of the sleeping process, want 1", calls)
	}
	snapshots := slices.DeleteFunc(processes(t, c, "snapshot"), func(r row) bool { return r.n("pid") != pid })
	if len(snapshots) == 0 {
		t.Error("no snapshot of the sleeping process")
	}
	for _, r := range snapshots {
		if !slices.Equal(r["args"].([]string), s.Args) || who[r.n("task")] != pid {
			t.Errorf("its snapshot is %v, the command %v", r, s.Args)
		}
	}
}

// wantWholeGenerations wants each generation to have what its rows refer to, and the command line of the sleeper.
func wantWholeGenerations(t *testing.T, c *format.Capture, s *exec.Cmd) {
	t.Helper()
	wantNamed(t, c)
	for g, pids := range numbersOf(t, c, "process", "pid") {
		if !slices.Contains(pids, int64(s.Process.Pid)) {
			t.Errorf("generation %d has no row of the sleeping process", g)
		}
	}
	calls, listed := numbersOf(t, c, "syscall", "ts"), numbersOf(t, c, "process", "pid")
	for g := range calls {
		if listed[g] == nil {
			t.Errorf("generation %d has calls and no processes", g)
		}
	}
}

// Each dump is whole, also when the generations in which the recording began are gone: it has the calls in flight at
// its end and the command lines of all processes. The end's dump has them as the recording has.
func TestDumpsAreWhole(t *testing.T) {
	for _, args := range [][]string{{}, {"--in-memory"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			needKernel(t)
			s := startSleeper(t)
			f := startFlight(t, append(args, "-e", "process,syscall", "--last", "1s", "--trigger",
				`op == "exit" && exit_code == 77`)...)
			time.Sleep(5 * time.Second) // more than the window, so that the first generations are dropped
			for i := range 3 {
				f.Process.Signal(syscall.SIGUSR2)
				waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > i })
			}
			exec.Command("sh", "-c", "exit 77").Run()
			waitFor(t, "a dump", func() bool { return len(f.dumps("trigger")) > 0 })
			f.stop()
			for _, reason := range []string{"sigusr2", "trigger", "end"} {
				for _, path := range f.dumps(reason) {
					c := f.wantDump(path, reason)
					wantNoLoss(t, c)
					wantWhole(t, c, s)
					wantWholeGenerations(t, c, s)
					if first, _, _ := segmentsOf(t, c); first < 2 {
						t.Errorf("%s begins with generation %d", path, first)
					}
				}
			}
		})
	}
}

// A recording that drops old generations keeps the command lines of the processes that run; one that does not, and one
// to a tar, have them from the start.
func TestRotationsAreWhole(t *testing.T) {
	for name, args := range map[string][]string{
		"dropping": {"-G", "200ms", "-W", "3"}, "keeping": {"-G", "200ms"}, "tar": nil, "stream": {"-w", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			needKernel(t)
			s := startSleeper(t)
			path := filepath.Join(t.TempDir(), "capture")
			var out *os.File
			switch name {
			case "stream":
				var err error
				path += ".tar"
				if out, err = os.Create(path); err != nil {
					t.Fatal(err)
				}
				defer out.Close()
			case "tar":
				path += ".tar"
				fallthrough
			default:
				args = append(args, "-w", path)
			}
			rec := exec.Command(program("record"), append(args, "-q", "-e", "process,syscall", "-d", "2s")...)
			rec.Stdout, rec.Stderr = out, os.Stderr
			if err := rec.Run(); err != nil {
				t.Fatal(err)
			}
			c := open(t, path)
			wantNoLoss(t, c)
			wantWhole(t, c, s)
			if name == "dropping" {
				wantWholeGenerations(t, c, s)
			}
		})
	}
}
