// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"math"
	"strconv"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Key formats the key of a System V object as ipcs does: 0x0f1e504c.
func Key(key int64) string {
	if key >= math.MinInt32 && key <= math.MaxUint32 {
		return fmt.Sprintf("0x%08x", uint32(key))
	}
	return fmt.Sprintf("0x%x", uint64(key))
}

// Action formats the action of a seccomp filter and its code, the error or signal that the caller got: "errno 13
// EACCES", "kill SIGSYS". The result is not escaped for a terminal.
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

// Right formats the right that permission bits ask for, such as "rw-". Bits of user, group and others are combined, as
// the kernel does.
func Right(flag int32) string {
	right := []byte("---")
	for i, c := range []byte("rwx") {
		if (flag>>6|flag>>3|flag)>>(2-i)&1 != 0 {
			right[i] = c
		}
	}
	return string(right)
}

// signals are the names of include/uapi/asm-generic/signal.h by number, which are the same on x86 and Arm.
var signals = [...]string{
	"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
	"ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
	"WINCH", "IO", "PWR", "SYS",
}

// Signal is the name of a signal: "SIGKILL", "SIGRT5" for the fifth after SIGRTMIN, "signal 99" if there is no such
// signal.
func Signal(n int32) string {
	switch {
	case n > 0 && int(n) < len(signals):
		return "SIG" + signals[n]
	case n >= 32 && n <= 64:
		return "SIGRT" + strconv.Itoa(int(n)-32)
	}
	return "signal " + strconv.Itoa(int(n))
}
