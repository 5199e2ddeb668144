//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Places are the directories that a confined process still uses. They are open: by their paths it might get to others.
type Places struct {
	Output []*os.File // files and directories are made, read, renamed, linked and removed below them
	Around []*os.File // what is directly or further below them is removed
	Read   []string   // paths of directories: what is below them is read
	Files  []string   // paths of files that are read, if they exist
	Write  []string   // paths of directories like Output, for tests
}

const (
	readFiles  = ll.AccessFSReadFile | ll.AccessFSReadDir
	removal    = ll.AccessFSRemoveFile | ll.AccessFSRemoveDir
	writeFiles = readFiles | removal | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg |
		ll.AccessFSMakeDir
)

// Confine has the kernel refuse all threads any use of files but in these places, and TCP, as far as its version of
// Landlock can. It returns that version, 0 if the kernel has none. What is open already is not affected. The process
// must have no_new_privs, which Drop sets.
func Confine(p Places) (version int, err error) {
	if version, err = ll.LandlockGetABIVersion(); err != nil {
		return 0, nil // an old kernel, or it was not switched on
	}
	byHandle := func(files []*os.File) (paths []string) {
		for _, f := range files {
			paths = append(paths, fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
		}
		return paths
	}
	var rules []landlock.Rule
	for _, output := range [][]string{byHandle(p.Output), p.Write} {
		write := landlock.PathAccess(writeFiles, output...)
		if version > 1 { // version 1 refuses all links between directories: dumps are copies there
			write = write.WithRefer()
		}
		rules = append(rules, write)
	}
	rules = append(rules, landlock.PathAccess(removal|ll.AccessFSReadDir, byHandle(p.Around)...),
		landlock.PathAccess(readFiles, p.Read...),
		landlock.PathAccess(ll.AccessFSReadFile, p.Files...).IgnoreIfMissing())
	config := landlock.V11.BestEffort()
	config.Scoped = 0 // it sends signals to COMMAND
	if err := config.Restrict(rules...); err != nil {
		return 0, fmt.Errorf("confining itself by Landlock: %w", err)
	}
	return version, nil
}
