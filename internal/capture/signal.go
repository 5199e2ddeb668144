// SPDX-License-Identifier: Apache-2.0

package capture

import "strconv"

// signals are the numbers of include/uapi/asm-generic/signal.h, which x86 and Arm share.
var signals = [...]string{
	"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
	"ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
	"WINCH", "IO", "PWR", "SYS",
}

// Signal is the name of a signal: "SIGKILL", "SIGRT5" for the fifth after SIGRTMIN, "signal 99" where there is none.
func Signal(n int32) string {
	switch {
	case n > 0 && int(n) < len(signals):
		return "SIG" + signals[n]
	case n >= 32 && n <= 64:
		return "SIGRT" + strconv.Itoa(int(n)-32)
	}
	return "signal " + strconv.Itoa(int(n))
}
