// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// owned reports whether a file belongs to the user with whose rights this program
// uses files.
func owned(info fs.FileInfo) bool {
	uid, err := unix.SetfsuidRetUid(-1) // changes nothing
	if err != nil {
		uid = os.Geteuid() // the program does not let itself make the call
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(st.Uid) == uid
}
