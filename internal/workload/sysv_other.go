//go:build linux && !386

// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/sys/unix"

const (
	semopNumber      = unix.SYS_SEMOP
	semtimedopNumber = unix.SYS_SEMTIMEDOP
)
