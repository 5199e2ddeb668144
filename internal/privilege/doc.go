//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package privilege is what a recorder does about its own privileges: as whom it and its command run, how it gives up
// all that it does not need any more, and which system calls it still allows itself.
//
// The order matters, and is the caller's to keep: FindCaller and ClearInheritable before COMMAND is started, Drop and
// Filter when everything that takes a privilege is open.
package privilege
