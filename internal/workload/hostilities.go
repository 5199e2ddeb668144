//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newGIDs takes another effective group and other supplementary ones each time, and those it had in between.
func newGIDs(string) (func(int) error, error) {
	keep, was := ^uintptr(0), uintptr(unix.Getegid())
	return func(i int) error {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(i+1), keep); errno != 0 {
			return errno
		}
		group := uint32(i)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 1, uintptr(unsafe.Pointer(&group)), 0); errno != 0 {
			return errno
		}
		unix.RawSyscall(unix.SYS_SETRESGID, keep, was, keep)
		return nil
	}, nil
}

// newFiles makes and reads a file each time, with a path of nearly PATH_MAX, and removes it.
func newFiles(dir string) (func(int) error, error) {
	component := strings.Repeat("d", 250)
	for len(dir)+2*len(component) < unix.PathMax {
		dir = filepath.Join(dir, component)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	buffer := make([]byte, 1)
	return func(i int) error {
		name := filepath.Join(dir, strconv.Itoa(i)+strings.Repeat("f", 200))
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if _, err := unix.Read(fd, buffer); err != nil {
			return err
		}
		return unix.Unlink(name)
	}, nil
}

// newMounts mounts a file system, reads a file in it and unmounts it, in a mount namespace of its own.
func newMounts(dir string) (func(int) error, error) {
	if err := ownMounts(); err != nil {
		return nil, err
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		return nil, err
	}
	at := filepath.Join(dir, "at")
	err := errors.Join(os.Mkdir(at, 0o755), os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644))
	if err != nil {
		return nil, err
	}
	return func(int) error {
		if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		_, err := os.ReadFile(filepath.Join(at, "file"))
		return errors.Join(err, unix.Unmount(at, unix.MNT_DETACH))
	}, nil
}

// newDenials makes a call that a seccomp filter denies.
func newDenials(string) (func(int) error, error) {
	if err := install(unix.SYS_GETPGID, actions["errno"]); err != nil {
		return nil, err
	}
	return func(i int) error {
		unix.RawSyscall(unix.SYS_GETPGID, uintptr(i), 0, 0)
		return nil
	}, nil
}

// newObjects makes a System V semaphore, changes it and removes it.
func newObjects(string) (func(int) error, error) {
	return func(int) error {
		id, err := sysv(semget, unix.IPC_PRIVATE, 1, 0o600)
		if err != nil {
			return err
		}
		_, changed := sysv(semctl, id, 0, setVal, 1)
		_, removed := sysv(semctl, id, 0, unix.IPC_RMID)
		return errors.Join(changed, removed)
	}, nil
}

// newExecs executes a program with an argument that it did not have before.
func newExecs(string) (func(int) error, error) {
	return func(i int) error {
		p, err := os.StartProcess("/bin/true", []string{"true", strconv.Itoa(i)}, &os.ProcAttr{})
		if err != nil {
			return err
		}
		_, err = p.Wait()
		return err
	}, nil
}

// newGroups moves itself to another cgroup each time. dirs are directories of cgroups, separated by colons.
func newGroups(dirs string) (func(int) error, error) {
	last := make(map[string]string)
	return func(i int) error {
		for _, dir := range strings.Split(dirs, ":") {
			group := filepath.Join(dir, strconv.Itoa(i))
			if err := os.Mkdir(group, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
				return err
			}
			unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
			if last[dir] != "" {
				if err := os.Remove(last[dir]); err != nil {
					return err
				}
			}
			last[dir] = group
		}
		return nil
	}, nil
}

// newGroupNames gives the cgroup that it is in another name each time, where cgroups have names that can change: in
// version 1. dirs are directories of cgroups, separated by colons.
func newGroupNames(dirs string) (func(int) error, error) {
	last := make(map[string]string)
	for _, dir := range strings.Split(dirs, ":") {
		group := filepath.Join(dir, "renamed")
		if err := os.Mkdir(group, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
			return nil, err
		}
		last[dir] = group
	}
	return func(i int) error {
		for dir, group := range last {
			next := filepath.Join(dir, "renamed"+strconv.Itoa(i))
			if err := os.Rename(group, next); errors.Is(err, unix.EPERM) {
				continue // version 2
			} else if err != nil {
				return err
			}
			last[dir] = next
			unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		}
		return nil
	}, nil
}

// newRefused connects to a port of this host that nobody listens to.
func newRefused(string) (func(int) error, error) {
	bound, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(bound, loopback(unix.AF_INET, 0))
	}
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(bound)
	if err != nil {
		return nil, err
	}
	return connectInVain(loopback(unix.AF_INET, portOf(name)), unix.ECONNREFUSED)
}

// newUnreachable connects to an address that TCP refuses before it sends anything.
func newUnreachable(string) (func(int) error, error) {
	return connectInVain(&unix.SockaddrInet4{Port: 1, Addr: [4]byte{255, 255, 255, 255}}, unix.ENETUNREACH)
}

// connectInVain connects to an address each time, which fails with an error.
func connectInVain(to unix.Sockaddr, with unix.Errno) (func(int) error, error) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return func(int) error {
		if err := unix.Connect(s, to); err != with {
			return fmt.Errorf("connecting: %v, want %v", err, with)
		}
		return nil
	}, err
}
