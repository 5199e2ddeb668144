//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// ClearInheritable prevents COMMAND from inheriting the recorder's capabilities. Ambient capabilities would survive its
// execve; the kernel removes them with the inheritable ones.
func ClearInheritable() error {
	hdr, data, err := capabilities()
	if err != nil {
		return err
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	return setCapabilities(hdr, data)
}

// DropBoundingSet is the part of Drop that takes longest: one round through all threads for each capability, tens of
// milliseconds if all CPUs are busy. It calls between after each round. Nothing that the process may do changes yet.
func DropBoundingSet(between func() error) error {
	_, data, err := capabilities()
	if err == nil {
		err = dropBounds(data, between)
	}
	if err != nil {
		return fmt.Errorf("dropping the bounding set: %w", err)
	}
	return nil
}

// Drop permanently gives up the privileges of all threads: the capability bounding set, user and groups (they become
// those of the caller, if there is one), all capabilities, and with no_new_privs the possibility to regain any by
// execve. It also forbids users without privileges to debug the process. Everything that the recorder needs from here
// on must be open: programs, rings, iterators and the capture. Filter is to be called next.
func Drop(c *Caller) error {
	hdr, data, err := capabilities()
	if err == nil {
		err = dropBounds(data, func() error { return nil })
	}
	if err == nil && c != nil {
		err = c.become()
	}
	if err == nil {
		err = setCapabilities(hdr, &[2]unix.CapUserData{}) // the kernel removes ambient ones with the permitted ones
	}
	if err == nil {
		err = allThreads("prctl(PR_SET_NO_NEW_PRIVS)", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	}
	if err == nil {
		// The process maps events of the whole host, which a debugger of the same user must not read.
		err = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
	if err != nil {
		return fmt.Errorf("dropping privileges: %w", err)
	}
	return nil
}

func capabilities() (*unix.CapUserHeader, *[2]unix.CapUserData, error) {
	hdr := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{}
	if err := unix.Capget(hdr, &data[0]); err != nil {
		return nil, nil, fmt.Errorf("reading capabilities: %w", err)
	}
	return hdr, data, nil
}

func setCapabilities(hdr *unix.CapUserHeader, data *[2]unix.CapUserData) error {
	return allThreads("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
}

// dropBounds empties the bounding set if allowed, which takes CAP_SETPCAP. Without it, the set stays. That is harmless,
// because only an execve could gain capabilities from it, and no_new_privs and the filter prevent that.
func dropBounds(data *[2]unix.CapUserData, between func() error) error {
	if data[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return nil
	}
	for c := uintptr(0); ; c++ {
		set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // c is past the last capability
		}
		if err != nil {
			return fmt.Errorf("reading the bounding set: %w", err)
		}
		if set == 0 {
			continue
		}
		if err := allThreads("prctl(PR_CAPBSET_DROP)", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0); err != nil {
			return err
		}
		if err := between(); err != nil {
			return err
		}
	}
}

// allThreads makes a system call in every thread, because credentials are per thread in Linux.
//
//go:uintptrescapes
func allThreads(what string, nr, arg0, arg1, arg2 uintptr) error {
	if _, _, errno := psx.Syscall6(nr, arg0, arg1, arg2, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
