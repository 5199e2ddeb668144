// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// start begins a recording into a new directory and waits until its capture is there.
func start(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	needKernel(t)
	path := filepath.Join(t.TempDir(), "capture")
	rec := exec.Command(program("record"), append([]string{"-q", "-w", path}, recordArgs(args...)...)...)
	rec.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	rec.Stderr = os.Stderr
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-rec.Process.Pid, syscall.SIGKILL); rec.Wait() })
	waitFor(t, "the capture to appear", func() bool {
		if stat := read(t, fmt.Sprintf("/proc/%d/stat", rec.Process.Pid)); strings.Contains(stat, ") Z ") {
			t.Fatalf("record %s has ended", strings.Join(args, " "))
		}
		return hasSegments(path)
	})
	return rec, path
}

func hasSegments(path string) bool {
	m, _ := filepath.Glob(filepath.Join(path, "*", "*.arrow"))
	return len(m) > 0
}

func waitForCapture(t *testing.T, path string) {
	t.Helper()
	waitFor(t, "the capture to appear", func() bool { return hasSegments(path) })
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	waitFor(t, path, func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// A signal ends the recording, and events before it are in the capture. As a busy host may fill the rings, the test
// wants each of its known calls to be there once or counted as lost.
func TestSignalsFinishTheCapture(t *testing.T) {
	const calls = 20000
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		rec, path := start(t)
		ours := runKnown(t, calls, 1).pid
		rec.Process.Signal(sig)
		if err := rec.Wait(); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		c := open(t, path)
		wantComplete(t, c)
		who, getpgid, seen := processOf(t, c), number(t, c, "getpgid"), make(map[int64]int)
		for _, r := range rows(t, c, "syscall") {
			if r.n("nr") == getpgid && who[r.n("task")] == ours {
				seen[r.n("arg0")]++
			}
		}
		for arg, n := range seen {
			if n != 1 {
				t.Errorf("%v: call %d is there %d times", sig, arg, n)
			}
		}
		if n, lost := int64(len(seen)), lost(c); n > calls || n+lost < calls {
			t.Errorf("%v: %d of %d calls, %d lost", sig, n, calls, lost)
		}
	}
}

// When the terminal is closed, the recording ends. The capture is completed although nothing can be printed any more.
func TestClosedTerminal(t *testing.T) {
	needKernel(t)
	path := filepath.Join(t.TempDir(), "capture")
	ptmx, name := newTerminal(t)
	tty, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	rec := exec.Command(program("record"), append([]string{"-w", path}, recordArgs()...)...)
	rec.Stdin, rec.Stdout, rec.Stderr = tty, tty, tty
	rec.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	signal.Reset(syscall.SIGHUP) // in case the test runs under nohup
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rec.Process.Kill(); rec.Wait() })
	waitForCapture(t, path)
	tty.Close()
	ptmx.Close()
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantComplete(t, open(t, path))
}

// With nohup, the recording continues after SIGHUP.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	rec, path := start(t)
	signal.Reset(syscall.SIGHUP)
	rec.Process.Signal(syscall.SIGHUP)
	rows := func() int64 {
		n, _ := countRows(t, path)
		return n["syscall"]
	}
	before := rows()
	waitFor(t, "the recording to go on", func() bool { return rows() > before })
	rec.Process.Signal(syscall.SIGTERM)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantComplete(t, open(t, path))
}

// With a closed standard error the recording is complete, and the exit status is that of COMMAND.
func TestNobodyReadsTheSummary(t *testing.T) {
	needKernel(t)
	path := filepath.Join(t.TempDir(), "capture")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	rec := exec.Command(program("record"), append([]string{"-w", path}, recordArgs("--", "sh", "-c", "exit 6")...)...)
	rec.Stderr = w
	rec.Run()
	w.Close()
	if got := rec.ProcessState.ExitCode(); got != 6 {
		t.Errorf("status %d, want the command's, 6", got)
	}
	wantNoLoss(t, open(t, path))
}

// SIGUSR2, which makes flight recorders dump, does not end other recordings.
func TestUserSignalDoesNotEndIt(t *testing.T) {
	rec, path := start(t)
	rec.Process.Signal(syscall.SIGUSR2)
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantComplete(t, open(t, path))
}

// ^C also goes to COMMAND. The recording ends when COMMAND has ended, with its status.
func TestInterruptedCommand(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	rec, path := start(t, "--", "sh", "-c",
		"trap 'sleep 0.2; exit 5' INT; touch "+ready+"; while :; do sleep 0.05; done")
	waitForFile(t, ready)
	syscall.Kill(-rec.Process.Pid, syscall.SIGINT)
	rec.Wait()
	if got := rec.ProcessState.ExitCode(); got != 5 {
		t.Errorf("status %d, want the command's, 5", got)
	}
	c := open(t, path)
	wantNoLoss(t, c)
	if s := c.Manifest.ExitStatus; s == nil || *s != 5 {
		t.Errorf("the manifest's status is %v", s)
	}
	if exits := processes(t, c, "exit"); len(exits) == 0 || exits[len(exits)-1].n("exit_code") != 5 {
		t.Error("the command's last act is not in the capture")
	}
}

// A second signal stops the recorder at once, and what was written remains.
func TestSecondSignalStopsAtOnce(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	rec, path := start(t, "--", "sh", "-c", "trap '' INT TERM; touch "+ready+"; while :; do sleep 0.05; done")
	waitForFile(t, ready)
	ended := make(chan error, 1)
	go func() { ended <- rec.Wait() }()
	// Signals within 0.2 s of the first one count as one.
	waitFor(t, "the recorder to stop", func() bool {
		rec.Process.Signal(syscall.SIGINT)
		return len(ended) > 0
	})
	if got := rec.ProcessState.ExitCode(); got != 128+2 {
		t.Errorf("status %d, want 130", got)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Manifest.Complete {
		t.Error("a capture cut short says it is complete")
	}
}
