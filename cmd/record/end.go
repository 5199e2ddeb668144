// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// commandGrace is how long COMMAND may live on after a ^C, which the terminal sends it too.
const commandGrace = 2 * time.Second

// sameSignal is how soon after the first one a signal is the same again: sent to a group, sudo gets it as well as the
// recorder, and hands it on.
const sameSignal = 200 * time.Millisecond

// An end is what ends a recording from outside: COMMAND's or the recorded processes' exit, a signal.
type end struct {
	reach   func() // ends the recording; may be called again
	signals signals
	cmd     *exec.Cmd
	exited  chan struct{} // closed when COMMAND has exited
}

// watchForEnd calls reach when the end has come.
func watchForEnd(reach func(), signals signals, cmd *exec.Cmd, pids []int) *end {
	e := &end{reach: reach, signals: signals, cmd: cmd, exited: make(chan struct{})}
	go e.watchSignals()
	if cmd != nil {
		go func() {
			cmd.Wait() // the status is in cmd.ProcessState
			close(e.exited)
			e.reach()
		}()
	}
	if len(pids) > 0 {
		go func() {
			for _, pid := range pids {
				waitForExit(pid)
			}
			e.reach()
		}()
	}
	return e
}

// watchSignals ends the recording with the first signal (with COMMAND, when that has ended from it too), and the
// recorder at once with the second.
func (e *end) watchSignals() {
	sig := <-e.signals.stop
	first, begun := sig, time.Now()
	if e.cmd == nil {
		e.reach()
	} else {
		if sig != unix.SIGINT {
			e.cmd.Process.Signal(sig)
		}
		go func() {
			select {
			case <-e.exited:
			case <-time.After(commandGrace):
				e.cmd.Process.Signal(unix.SIGTERM)
				e.reach()
			}
		}()
	}
	for sig = <-e.signals.stop; sig == first && time.Since(begun) < sameSignal; sig = <-e.signals.stop {
	}
	if e.cmd != nil {
		e.cmd.Process.Signal(unix.SIGTERM)
	}
	os.Exit(128 + int(sig.(syscall.Signal)))
}

// ended gives COMMAND's status if it has exited.
func (e *end) ended() (status int, ok bool) {
	if e.cmd == nil {
		return 0, false
	}
	select {
	case <-e.exited:
		return e.status(), true
	default:
		return 0, false
	}
}

// status waits for COMMAND and gives its status as a shell does: 128+n for signal n. 0 without COMMAND.
func (e *end) status() int {
	if e.cmd == nil {
		return 0
	}
	<-e.exited
	ws, ok := e.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return e.cmd.ProcessState.ExitCode()
}

// waitForExit returns when a process has exited.
func waitForExit(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has exited
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
