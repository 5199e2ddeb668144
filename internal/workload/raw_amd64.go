//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

// int80 makes a call of the 32-bit ABI. The registers of its arguments are the lowest 32 bits of these.
func int80(nr uintptr, arg *[6]uintptr) int32

func init() {
	entries["int80"] = func(nr uintptr, arg *[6]uintptr) int64 { return int64(int80(nr, arg)) }
}
