// SPDX-License-Identifier: Apache-2.0

//go:build unix

package format

import (
	"os"

	"golang.org/x/sys/unix"
)

// linkat makes the file called name in the directory from a file in to as well.
// os.Root has links inside one directory only.
func linkat(from, to *os.File, name string) error {
	return unix.Linkat(int(from.Fd()), name, int(to.Fd()), name, 0)
}
