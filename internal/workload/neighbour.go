//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Hostility is what neighbour prints.
type Hostility struct {
	PID    int `json:"pid"`
	Rounds int `json:"rounds"` // how often it did it
}

// hostilities do something once that makes a recorder learn something new: the number of the round is in it, so that
// it was never there before; or an event. Those of users, groups and mounts need privileges. prepare makes what they
// need in a directory.
var hostilities = map[string]func(dir string) (round func(i int) error, err error){
	"names": newNames, "users": newUsers, "gids": newGIDs, "threads": newThreads, "groups": newGroups,
	"group-names": newGroupNames, "paths": newPaths, "files": newFiles, "mounts": newMounts, "signals": newSignals,
	"denials": newDenials, "objects": newObjects, "processes": newProcesses, "execs": newExecs, "sockets": newSockets,
	"refused": newRefused, "unreachable": newUnreachable,
}

// neighbour does one kind of hostility in DIR as fast as it can, as the user UID, until SIGTERM, for TIME, or as often
// as it says if it is a number.
func neighbour(args []string, stdout io.Writer) error {
	if len(args) < 3 || len(args) > 4 || hostilities[args[0]] == nil {
		return fmt.Errorf("neighbour takes KIND DIR TIME [UID]")
	}
	if len(args) == 4 {
		uid, err := number(args, 3)
		if err == nil {
			err = syscall.Setuid(uid)
		}
		if err != nil {
			return err
		}
	}
	d, most := time.Hour, math.MaxInt
	if n, err := strconv.Atoi(args[2]); err == nil {
		most = n
	} else if d, err = time.ParseDuration(args[2]); err != nil {
		return err
	}
	runtime.LockOSThread()
	round, err := hostilities[args[0]](args[1])
	if err != nil {
		return err
	}
	n := 0
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, unix.SIGTERM)
	for end := time.Now().Add(d); len(stopped) == 0 && n < most && time.Now().Before(end); n++ {
		if err := round(n); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	return json.NewEncoder(stdout).Encode(Hostility{os.Getpid(), n})
}

// newNames gives its thread another name each time.
func newNames(string) (func(int) error, error) {
	var text [16]byte
	return func(i int) error {
		clear(text[:])
		strconv.AppendInt(text[:0], int64(i), 10)
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text)), 0)
		return nil
	}, nil
}

// newUsers becomes another user each time, and the one it was in between.
func newUsers(string) (func(int) error, error) {
	keep, was := ^uintptr(0), uintptr(unix.Geteuid())
	return func(i int) error {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(i+1), keep); errno != 0 {
			return errno
		}
		unix.RawSyscall(unix.SYS_SETRESUID, keep, was, keep)
		return nil
	}, nil
}

// newPaths reads a file that has another name, in one of many directories, each time.
func newPaths(dir string) (func(int) error, error) {
	f, err := os.CreateTemp(dir, "path")
	if err != nil {
		return nil, err
	}
	name, long := f.Name(), make([]byte, 200)
	for i := range long {
		long[i] = 'x'
	}
	buffer := make([]byte, 1)
	return func(i int) error {
		next := filepath.Join(dir, strconv.Itoa(unix.Getpid())+"."+strconv.Itoa(i)+"."+string(long))
		if err := unix.Rename(name, next); err != nil {
			return err
		}
		name = next
		_, err := unix.Pread(int(f.Fd()), buffer, 0)
		return err
	}, nil
}

// newThreads starts a thread that makes one call, and waits for it.
func newThreads(string) (func(int) error, error) {
	return func(int) error {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread() // without unlocking it, so that the thread ends with the goroutine
			unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
			close(done)
		}()
		<-done
		return nil
	}, nil
}

func newProcesses(string) (func(int) error, error) {
	return func(int) error { return forkExit(0) }, nil
}

// newSockets connects to a listener that nobody accepts from, and keeps the last connections open.
func newSockets(string) (func(int) error, error) {
	listener, port, err := listen(unix.AF_INET)
	if err != nil {
		return nil, err
	}
	held := make([]int, 256)
	return func(i int) error {
		at := i % len(held)
		if held[at] > 0 {
			unix.Close(held[at])
		}
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		held[at] = s
		// A connection that was reset leaves its two ports at once.
		unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		err = unix.Connect(s, loopback(unix.AF_INET, port))
		if err != nil && err != unix.EINPROGRESS {
			return nil // no port is free for the moment
		}
		if c, _, err := unix.Accept(listener); err == nil {
			unix.Close(c)
		}
		return nil
	}, nil
}

// newSignals sends itself a signal that it ignores.
func newSignals(string) (func(int) error, error) {
	pid := uintptr(os.Getpid())
	return func(int) error {
		unix.RawSyscall(unix.SYS_KILL, pid, uintptr(unix.SIGWINCH), 0)
		return nil
	}, nil
}

// A Victim is what victim prints.
type Victim struct {
	PID   int   `json:"pid"`
	PIDs  []int `json:"pids"`  // of the processes that it started
	Port  int   `json:"port"`  // that it listened to
	Ports []int `json:"ports"` // that its connections came from
}

// victim starts a program PROGRAM as often as it says, and makes connections to itself, one after the other.
func victim(args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("victim takes PROGRAM EXECS CONNECTIONS")
	}
	execs, err := number(args, 1)
	if err != nil {
		return err
	}
	connections, err := number(args, 2)
	if err != nil {
		return err
	}
	listener, port, err := listen(unix.AF_INET)
	if err != nil {
		return err
	}
	v := Victim{PID: os.Getpid(), Port: port}
	for i := range max(execs, connections) {
		if i < execs {
			p, err := os.StartProcess(args[0], []string{args[0], strconv.Itoa(i)}, &os.ProcAttr{})
			if err != nil {
				return err
			}
			if _, err := p.Wait(); err != nil {
				return err
			}
			v.PIDs = append(v.PIDs, p.Pid)
		}
		if i < connections {
			from, err := connectOnce(listener, port)
			if err != nil {
				return err
			}
			v.Ports = append(v.Ports, from)
		}
	}
	return json.NewEncoder(stdout).Encode(v)
}

// connectOnce makes a connection to the listener and closes it. It returns the port that it came from.
func connectOnce(listener, port int) (from int, err error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(s)
	if err := unix.Connect(s, loopback(unix.AF_INET, port)); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(s)
	if err != nil {
		return 0, err
	}
	c, _, err := unix.Accept(listener)
	if err != nil {
		return 0, err
	}
	return portOf(name), unix.Close(c)
}
