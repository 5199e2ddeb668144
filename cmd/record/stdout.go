// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/internal/cli"
)

// checkStdout returns an error if a capture cannot go to standard output because it was closed. The Go runtime has
// opened /dev/null in its place by now, for reading and writing, where everything would vanish without an error. A
// shell's >/dev/null opens it for writing only, and is what somebody wants.
func checkStdout(w io.Writer) error {
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
	return cli.WithHint(errors.New("writing the capture: standard output is closed, or /dev/null open for reading too"),
		"connect it to a program or a file, as in: record -w - … | analyze summary -; or name a file with -w")
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
