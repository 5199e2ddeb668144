//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TakeFiles makes all threads use files with the caller's rights instead of root's: what they find, open, create,
// rename and remove is what the caller could, and what they create is theirs. The capabilities that BPF programs and
// COMMAND take stay, those over files do not. Drop makes it permanent. A nil Caller: nothing changes.
//
// A path that the caller has chosen may lead anywhere, and the caller may exchange a directory for a link between any
// two system calls. With these rights it makes no difference.
func (c *Caller) TakeFiles() error {
	if c == nil {
		return nil
	}
	if err := setFileIDs(c.uid, c.gid, c.groups); err != nil {
		return fmt.Errorf("using files as %s, who called sudo: %w", c, err)
	}
	return nil
}

// WithFiles calls fn between TakeFiles and a return to the rights of before.
func (c *Caller) WithFiles(fn func() error) error {
	if c == nil {
		return fn()
	}
	groups, err := syscall.Getgroups()
	if err == nil {
		err = c.TakeFiles()
	}
	if err != nil {
		return err
	}
	err = fn()
	if back := setFileIDs(syscall.Geteuid(), syscall.Getegid(), groups); back != nil {
		return errors.Join(err, fmt.Errorf("using files as root again: %w", back))
	}
	return err
}

// setFileIDs sets the ids by which the kernel decides about files, in all threads. The groups come first: without
// CAP_SETGID, which stays, none of them could be set.
func setFileIDs(uid, gid int, groups []int) error {
	ids := make([]uint32, len(groups)+1) // one more, so that there is an address
	for i, g := range groups {
		ids[i] = uint32(g)
	}
	if err := allThreads("setgroups", unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&ids[0])),
		0); err != nil {
		return err
	}
	// These two return the id of before, and no error.
	for _, set := range []struct {
		name   string
		call   uintptr
		id     int
		verify func(int) (int, error)
	}{
		{"setfsgid", unix.SYS_SETFSGID, gid, unix.SetfsgidRetGid},
		{"setfsuid", unix.SYS_SETFSUID, uid, unix.SetfsuidRetUid},
	} {
		if err := allThreads(set.name, set.call, uintptr(set.id), 0, 0); err != nil {
			return err
		}
		if now, err := set.verify(-1); err != nil || now != set.id {
			return fmt.Errorf("%s %d: %w", set.name, set.id, errors.Join(err, unix.EPERM))
		}
	}
	return nil
}
