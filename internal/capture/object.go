// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"math"
	"strconv"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Key is the key of a System V object as ipcs shows it, 0x0f1e504c; 0 is IPC_PRIVATE.
func Key(key int64) string {
	if key >= math.MinInt32 && key <= math.MaxUint32 {
		return fmt.Sprintf("0x%08x", uint32(key))
	}
	return fmt.Sprintf("0x%x", uint64(key))
}

// Action is what a seccomp filter did, with the error or signal that the caller got: "errno 13 EACCES", "kill SIGSYS".
// It is text of the capture.
func Action(action string, code int32) string {
	switch action {
	case "errno":
		action += " " + strconv.Itoa(int(code))
		if name := syscalls.Errno(-int64(code)); name != "" {
			action += " " + name
		}
	case "trap", "kill":
		action += " " + Signal(code)
	}
	return action
}

// Right is the right that permission bits ask for, of whatever class: rw-. The kernel takes the three classes as one.
func Right(flag int32) string {
	right := []byte("---")
	for i, c := range []byte("rwx") {
		if (flag>>6|flag>>3|flag)>>(2-i)&1 != 0 {
			right[i] = c
		}
	}
	return string(right)
}
