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

// An endWatcher stops the recording when COMMAND exits, when the recorded processes have exited, or on a signal.
type endWatcher struct {
	stop    func() // may be called several times
	signals signals
	cmd     *exec.Cmd
	exited  chan struct{} // closed when COMMAND has exited
}

// watchEnd starts an endWatcher. cmd is COMMAND or nil, pids are the processes of -p.
func watchEnd(stop func(), signals signals, cmd *exec.Cmd, pids []int) *endWatcher {
	e := &endWatcher{stop: stop, signals: signals, cmd: cmd, exited: make(chan struct{})}
	go e.watchSignals()
	if cmd != nil {
		go func() {
			cmd.Wait() // the status is in cmd.ProcessState
			close(e.exited)
			e.stop()
		}()
	}
	if len(pids) > 0 {
		go func() {
			for _, pid := range pids {
				waitForExit(pid)
			}
			e.stop()
		}()
	}
	return e
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
				e.stop()
			}
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
	if e.cmd == nil {
		return 0, false
	}
	select {
	case <-e.exited:
		return e.waitCommand(), true
	default:
		return 0, false
	}
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

// waitForExit returns when the process has exited.
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
