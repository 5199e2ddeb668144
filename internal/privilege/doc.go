//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package privilege handles the recorder's own privileges: which user it and its COMMAND run as, how it drops what it
// no longer needs, and which system calls it may make after that.
//
// The order of the calls matters: FindCaller and ClearInheritable before COMMAND is started; TakeFiles when everything
// that takes root's rights over files is open, before the capture is created; then Drop, Confine and Filter when
// everything that needs privileges is open.
package privilege
