// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"

	"github.com/fletch-trace/fletch/internal/cli"
)

// A caller is the user who called sudo: whose the files are, as whom COMMAND runs, and as whom the recorder goes on when
// it needs no privileges any more.
type caller struct {
	uid, gid          int
	groups            []int
	name, home, shell string
}

// findCaller is nil when it is not root, or root called sudo, or nobody did.
func findCaller() (*caller, error) {
	if os.Getenv("SUDO_UID") == "" || os.Geteuid() != 0 {
		return nil, nil
	}
	id := func(variable string) (int, error) {
		n, err := strconv.ParseUint(os.Getenv(variable), 10, 32)
		if err != nil || n == 1<<32-1 {
			return 0, fmt.Errorf("finding who called sudo: %s is %q, which is no id", variable, os.Getenv(variable))
		}
		return int(n), nil
	}
	uid, err := id("SUDO_UID")
	if err != nil {
		return nil, err
	}
	gid, err := id("SUDO_GID")
	if err != nil {
		return nil, err
	}
	if uid == 0 {
		return nil, nil
	}
	c := &caller{uid: uid, gid: gid, groups: []int{gid}, name: os.Getenv("SUDO_USER"), home: "/", shell: "/bin/sh"}
	entry := passwdEntry(uid)
	if entry == nil {
		return c, nil // a user of no name: there are none but in the process
	}
	c.name, c.home, c.shell = entry[0], entry[5], entry[6]
	groups, err := (&user.User{Username: c.name, Uid: entry[2], Gid: entry[3]}).GroupIds()
	if err != nil {
		return nil, fmt.Errorf("finding the groups of %s, who called sudo: %w", c.name, err)
	}
	for _, text := range groups {
		if n, err := strconv.Atoi(text); err == nil && !slices.Contains(c.groups, n) {
			c.groups = append(c.groups, n)
		}
	}
	return c, nil
}

// passwdEntry is the user's line of /etc/passwd, split into its seven fields, or that of another source the host knows
// users from, which only getent can ask. nil: there is none.
func passwdEntry(uid int) []string {
	find := func(r io.Reader) []string {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if f := strings.Split(lines.Text(), ":"); len(f) == 7 && f[2] == strconv.Itoa(uid) {
				return f
			}
		}
		return nil
	}
	if f, err := os.Open("/etc/passwd"); err == nil {
		defer f.Close()
		if entry := find(f); entry != nil {
			return entry
		}
	}
	getent := exec.Command("/usr/bin/getent", "passwd", strconv.Itoa(uid)) // as root: not one that a PATH leads to
	getent.Env = []string{}
	text, _ := getent.Output()
	return find(strings.NewReader(string(text)))
}

// start makes cmd run as the caller would have started it: sudo put its own user into the environment. A nil caller
// changes nothing.
func (c *caller) start(cmd *exec.Cmd) {
	if c == nil {
		return
	}
	groups := make([]uint32, len(c.groups))
	for i, g := range c.groups {
		groups[i] = uint32(g)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid), Groups: groups}}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "SUDO_") || strings.HasPrefix(v, "MAIL=")
	})
	// Of a variable that is there twice, the last one counts.
	cmd.Env = append(cmd.Env, "HOME="+c.home, "USER="+c.name, "LOGNAME="+c.name, "SHELL="+c.shell)
}

// owner is whom the files are given to; -1: nobody else.
func (c *caller) owner() (uid, gid int) {
	if c == nil {
		return -1, -1
	}
	return c.uid, c.gid
}

// keepCapabilities keeps COMMAND from inheriting the capabilities that the recorder was given: ambient ones would go on
// through its execve, and cannot be without being inheritable.
func keepCapabilities() error {
	hdr, data, err := capabilities()
	if err != nil {
		return err
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	return setCapabilities(hdr, data)
}

// dropPrivileges gives up, in all threads and for good, whatever the recorder does not need between the start of COMMAND
// and its own end: capabilities, root, execve's power to give any of it back, and most system calls.
// Nothing that is needed from here on takes a privilege: programs, rings, iterators and the capture are open.
func dropPrivileges(c *caller, stderr io.Writer) error {
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
	if err := confine(); err != nil {
		cli.Warn(stderr, "record", fmt.Sprintf("it goes on without a filter of its own system calls: %v", err))
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

// dropBounds empties the bounding set, where that is allowed. Without CAP_SETPCAP it is not, and it takes an execve, which
// is impossible from here on, to get anything out of the set.
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

// become makes all threads the user's.
func (c *caller) become() error {
	if err := syscall.Setgroups(c.groups); err != nil {
		return fmt.Errorf("taking the groups of %s: %w", c.name, err)
	}
	if err := syscall.Setresgid(c.gid, c.gid, c.gid); err != nil {
		return fmt.Errorf("becoming group %d: %w", c.gid, err)
	}
	if err := syscall.Setresuid(c.uid, c.uid, c.uid); err != nil {
		return fmt.Errorf("becoming user %d: %w", c.uid, err)
	}
	return nil
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
