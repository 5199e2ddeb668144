// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"errors"
	"os/signal"
	"syscall"
)

// ignorePipe makes writes to a closed pipe fail with EPIPE. Otherwise, if it is standard output, they kill the program.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }

// isClosedPipe reports whether err is that of a write to a pipe without a reader.
func isClosedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
