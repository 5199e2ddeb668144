// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// commandGrace is how long COMMAND may take to exit after the first signal.
const commandGrace = 2 * time.Second

// duplicateSignal is how soon after the first signal the same signal does not count as a second one. A signal that is
// sent to a process group reaches both sudo and the recorder, and sudo forwards it to the recorder.
const duplicateSignal = 200 * time.Millisecond

// An endWatcher stops the recording when COMMAND exits, when the processes of -p have exited, or on a signal. With
// --wait, the processes that these have started must have exited, too.
type endWatcher struct {
	stop    func() // may be called several times
	signals signals
	cmd     *exec.Cmd     // nil: none
	pids    []int         // of -p
	running func() int    // how many of the recorded processes have not exited; nil without --wait
	exited  chan struct{} // closed when COMMAND, or each of pids, has exited
}

// watch starts the goroutines of the watcher.
func (e *endWatcher) watch() {
	e.exited = make(chan struct{})
	go e.watchSignals()
	if e.cmd != nil {
		go func() {
			e.cmd.Wait() // the status is in cmd.ProcessState
			close(e.exited)
			e.waitRest()
			e.stop()
		}()
	}
	if len(e.pids) > 0 {
		var running []int
		for _, pid := range e.pids {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil { // else it has exited
				running = append(running, fd)
			}
		}
		go func() {
			for _, pidfd := range running {
				waitForExit(pidfd)
			}
			close(e.exited)
			e.waitRest()
			e.stop()
		}()
	}
}

// checkRunning is how often --wait looks whether a recorded process still runs.
const checkRunning = 20 * time.Millisecond

// waitRest waits for the rest of the recorded processes.
func (e *endWatcher) waitRest() {
	for e.running != nil && e.running() > 0 {
		time.Sleep(checkRunning)
	}
}

// watchSignals stops the recording on the first signal. With COMMAND it passes the signal on (except SIGINT, which the
// terminal sends to both), and the recording ends when COMMAND exits, after commandGrace at the latest. The second
// signal ends the recorder at once.
func (e *endWatcher) watchSignals() {
	sig := <-e.signals.stop
	first, started := sig, time.Now()
	if e.cmd == nil {
		e.stop()
	} else {
		if sig != unix.SIGINT {
			e.cmd.Process.Signal(sig)
		}
		go func() {
			select {
			case <-e.exited:
			case <-time.After(commandGrace):
				e.cmd.Process.Signal(unix.SIGTERM)
			}
			e.stop()
		}()
	}
	for sig = <-e.signals.stop; sig == first && time.Since(started) < duplicateSignal; sig = <-e.signals.stop {
	}
	if e.cmd != nil {
		e.cmd.Process.Signal(unix.SIGTERM)
	}
	os.Exit(128 + int(sig.(syscall.Signal)))
}

// commandStatus is COMMAND's status as of waitCommand; ok is false if it has not exited, or there is none.
func (e *endWatcher) commandStatus() (status int, ok bool) {
	if e.cmd == nil || !e.ended() {
		return 0, false
	}
	return e.waitCommand(), true
}

// waitCommand waits for COMMAND and returns its status as a shell does: 128+n for signal n. 0 without COMMAND.
func (e *endWatcher) waitCommand() int {
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

// ended reports whether COMMAND, or each process of -p, has exited.
func (e *endWatcher) ended() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// waitForExit returns when the process has exited.
func waitForExit(pidfd int) {
	defer unix.Close(pidfd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// signals are the signals that the recorder handles.
type signals struct {
	stop chan os.Signal // SIGINT, SIGTERM, SIGHUP
	dump chan os.Signal // SIGUSR2; only a flight recorder reads it
}

// handleSignals must be called before COMMAND starts, so that no signal is missed. SIGPIPE is handled, so that writes
// fail with EPIPE; it is not ignored, because COMMAND would inherit that. SIGHUP stays ignored if nohup has ignored it.
func handleSignals() signals {
	s := signals{make(chan os.Signal, 4), make(chan os.Signal, 1)}
	signal.Notify(s.stop, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(s.stop, unix.SIGHUP)
	}
	signal.Notify(s.dump, unix.SIGUSR2)
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	return s
}
