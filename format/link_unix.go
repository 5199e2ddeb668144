// SPDX-License-Identifier: Apache-2.0

//go:build unix

package format

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// linkat makes a hard link in the directory to, to the file of the same name in the
// directory from. os.Root can only make links within one directory.
func linkat(from, to *os.File, name string) error {
	return unix.Linkat(int(from.Fd()), name, int(to.Fd()), name, 0)
}

// unlinked reports whether a file or directory has no name any more.
func unlinked(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}
