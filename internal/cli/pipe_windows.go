// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"syscall"
)

func ignorePipe() {}

// errNoData is ERROR_NO_DATA, "the pipe is being closed", which package syscall does not name.
const errNoData = syscall.Errno(232)

// readerLeft says whether err is a write to a pipe that nobody reads any more.
func readerLeft(err error) bool {
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, errNoData)
}
