// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// CheckOutput returns an error if standard output was closed when the program began. The Go runtime has opened
// /dev/null in its place by now, for reading and writing, where everything would vanish without an error. Nothing tells
// that from a program that passed on such a /dev/null; a shell's >/dev/null opens it for writing only, and is what
// somebody wants.
func CheckOutput(w io.Writer) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	closed := false
	raw.Control(func(fd uintptr) { closed = isNull(int(fd)) })
	if !closed {
		return nil
	}
	return WithHint(errors.New("writing the output: standard output is closed, or /dev/null open for reading too"),
		"connect it to a program, a file or a terminal; or to nothing, as in: … >/dev/null")
}

// isNull reports whether a descriptor is /dev/null, open for reading and writing.
func isNull(fd int) bool {
	var is, null unix.Stat_t
	if unix.Fstat(fd, &is) != nil || unix.Stat(os.DevNull, &null) != nil || is.Mode != null.Mode ||
		is.Rdev != null.Rdev {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}
