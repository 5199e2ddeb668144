// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"errors"
	"os/signal"
	"syscall"
)

// ignorePipe keeps a write to a closed standard output from killing the program; the write fails with EPIPE.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }

// readerLeft says whether err is a write to a pipe that nobody reads any more.
func readerLeft(err error) bool { return errors.Is(err, syscall.EPIPE) }
