// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"syscall"
)

func ignorePipe() {}

// errNoData is ERROR_NO_DATA, "the pipe is being closed", which package syscall does not have.
const errNoData = syscall.Errno(232)

// isClosedPipe reports whether err is that of a write to a pipe without a reader.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.ERROR_BROKEN_PIPE) || errors.Is(err, errNoData)
}
