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

// ClearInheritable keeps COMMAND from inheriting the capabilities that the recorder was given: ambient ones would go on
// through its execve, and cannot be without being inheritable.
func ClearInheritable() error {
	hdr, data, err := capabilities()
	if err != nil {
		return err
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	return setCapabilities(hdr, data)
}

// Drop gives up, in all threads and for good, whatever the recorder does not need between the start of COMMAND and its
// own end: capabilities, root (it becomes the caller, if there is one), and execve's power to give any of it back.
// Nothing that is needed from here on takes a privilege: programs, rings, iterators and the capture are open.
// Filter, which is to be called next, takes most system calls away.
func Drop(c *Caller) error {
	hdr, data, err := capabilities()
	if err == nil {
		err = dropBounds(data[0].Effective&(1<<unix.CAP_SETPCAP) != 0)
	}
	if err == nil && c != nil {
		err = c.become()
	}
	if err == nil {
		err = setCapabilities(hdr, &[2]unix.CapUserData{}) // ambient ones go with the permitted
	}
	if err == nil {
		err = allThreads("prctl(PR_SET_NO_NEW_PRIVS)", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
	}
	if err == nil {
		// The rings of the whole host are mapped here: a debugger of the same user must not get at them.
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

// dropBounds empties the bounding set, where that is allowed. Without CAP_SETPCAP it is not, and it takes an execve,
// which is impossible from here on, to get anything out of the set.
func dropBounds(allowed bool) error {
	if !allowed {
		return nil
	}
	for c := uintptr(0); ; c++ {
		set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // the one after the last
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
	}
}

// allThreads makes a system call in every thread of the runtime: to the kernel, credentials are a thread's own.
//
//go:uintptrescapes
func allThreads(what string, nr, arg0, arg1, arg2 uintptr) error {
	if _, _, errno := psx.Syscall6(nr, arg0, arg1, arg2, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
