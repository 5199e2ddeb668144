//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A Caller is the user who called sudo. The capture is created with the rights of this user, COMMAND runs as this user,
// and so does the recorder after Drop. A nil Caller: the user does not change.
type Caller struct {
	uid, gid          int
	groups            []int
	name, home, shell string
}

// FindCaller returns the user who called sudo, from the variables SUDO_* and the user database. It is nil if the
// process is not root, was not started by sudo, or root called sudo.
func FindCaller() (*Caller, error) {
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
	c := &Caller{uid: uid, gid: gid, groups: []int{gid}, name: os.Getenv("SUDO_USER"), home: "/", shell: "/bin/sh"}
	entry := passwdEntry(uid)
	if entry == nil {
		return c, nil // an id without an entry in the user database
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

// passwdEntry is the user's passwd entry, split into its seven fields: from /etc/passwd, or else from getent, which
// also asks the other sources of nsswitch.conf. nil: there is none.
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
	getent := exec.Command("/usr/bin/getent", "passwd", strconv.Itoa(uid)) // runs as root: not looked up in PATH
	getent.Env = []string{}
	text, _ := getent.Output()
	return find(strings.NewReader(string(text)))
}

// RunAs makes cmd run as if the caller had started it: with the caller's ids, and with an environment in which the
// variables that sudo has set or changed are the caller's. A nil Caller changes nothing.
func (c *Caller) RunAs(cmd *exec.Cmd) {
	if c == nil {
		return
	}
	groups := make([]uint32, len(c.groups))
	for i, g := range c.groups {
		groups[i] = uint32(g)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.gid), Groups: groups},
	}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "SUDO_") || strings.HasPrefix(v, "MAIL=")
	})
	// If a variable is there twice, os/exec takes the last one.
	cmd.Env = append(cmd.Env, "HOME="+c.home, "USER="+c.name, "LOGNAME="+c.name, "SHELL="+c.shell)
}

// String is the caller's name, or else the user id.
func (c *Caller) String() string {
	if c.name == "" {
		return strconv.Itoa(c.uid)
	}
	return c.name
}

// IDs are the user and group that the process becomes; -1: unchanged.
func (c *Caller) IDs() (uid, gid int) {
	if c == nil {
		return -1, -1
	}
	return c.uid, c.gid
}

// become sets the ids of all threads to the user's. The syscall package does so in every thread.
func (c *Caller) become() error {
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
