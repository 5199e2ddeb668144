// SPDX-License-Identifier: Apache-2.0

//go:build unix

package format

import (
	"os"

	"golang.org/x/sys/unix"
)

// linkat makes a hard link in the directory to, to the file of the same name in the
// directory from. os.Root can only make links within one directory.
func linkat(from, to *os.File, name string) error {
	return unix.Linkat(int(from.Fd()), name, int(to.Fd()), name, 0)
}
