// SPDX-License-Identifier: Apache-2.0

package syscalls

import "strings"

// Outcome says what the result of a call means to its caller.
type Outcome uint8

// The outcomes.
const (
	Succeeded Outcome = iota
	Erred
	// Expected is an error number that is an answer and no failure: nothing to read yet, a timeout that was asked for,
	// a call that a signal interrupted.
	Expected
)

// Results of the kernel that are expected of some calls.
const (
	eintr       = -4
	eagain      = -11 // and EWOULDBLOCK
	enomsg      = -42
	etime       = -62
	etimedout   = -110
	ealready    = -114
	einprogress = -115
)

// expectedOf has the results that are expected, by the name of the call:
//
//   - EAGAIN of I/O that does not block, of locks and queues that are only tried, and of waits whose timeout is over or
//     whose condition no longer holds. Where EAGAIN means that a resource is exhausted (clone, mlock, setuid), it is an
//     error.
//   - EINPROGRESS and EALREADY of connections that are being established. The result follows in SO_ERROR.
//   - ETIMEDOUT and ETIME of waits with a timeout. Of connect and of I/O it is an error.
//   - ENOMSG of msgrcv with IPC_NOWAIT.
var expectedOf = map[string][]int64{
	"read": {eagain}, "write": {eagain}, "pread64": {eagain}, "pwrite64": {eagain}, "readv": {eagain},
	"writev": {eagain}, "preadv": {eagain}, "pwritev": {eagain}, "preadv2": {eagain}, "pwritev2": {eagain},
	"splice": {eagain}, "tee": {eagain}, "vmsplice": {eagain}, "sendfile": {eagain}, "sendfile64": {eagain},
	"copy_file_range": {eagain}, "getrandom": {eagain},

	"recv": {eagain}, "recvfrom": {eagain}, "recvmsg": {eagain}, "recvmmsg": {eagain}, "recvmmsg_time64": {eagain},
	"send": {eagain}, "sendto": {eagain, einprogress}, "sendmsg": {eagain, einprogress},
	"sendmmsg": {eagain, einprogress}, "accept": {eagain}, "accept4": {eagain},
	"connect": {einprogress, ealready}, "socketcall": {eagain, einprogress, ealready},

	"futex": {eagain, etimedout}, "futex_time64": {eagain, etimedout}, "futex_wait": {eagain, etimedout},
	"futex_waitv": {eagain, etimedout}, "futex_requeue": {eagain},
	"rt_sigtimedwait": {eagain}, "rt_sigtimedwait_time64": {eagain}, "restart_syscall": {eagain, etimedout},
	"io_uring_enter": {etime}, "flock": {eagain}, "fcntl": {eagain}, "fcntl64": {eagain},

	"mq_timedsend": {eagain, etimedout}, "mq_timedreceive": {eagain, etimedout},
	"mq_timedsend_time64": {eagain, etimedout}, "mq_timedreceive_time64": {eagain, etimedout},
	"semop": {eagain}, "semtimedop": {eagain}, "semtimedop_time64": {eagain}, "msgsnd": {eagain}, "msgrcv": {enomsg},
	"ipc": {eagain, enomsg},
}

// Outcome returns what result ret of call nr means. A call that a signal interrupted is expected, whether the kernel
// restarts it (ERESTARTSYS and its like) or not (EINTR). What rt_sigreturn returns is the result of what the signal
// interrupted, so it never fails.
func (t *Table) Outcome(nr int32, ret int64) Outcome {
	if !Failed(ret) {
		return Succeeded
	}
	abi, c := t.find(nr)
	if c == nil {
		return interruptedOr(ret, Erred)
	}
	name := strings.TrimPrefix(c.name, abi.prefix)
	if name == "rt_sigreturn" || name == "sigreturn" {
		return Succeeded
	}
	for _, expected := range expectedOf[name] {
		if ret == expected {
			return Expected
		}
	}
	return interruptedOr(ret, Erred)
}

// TransferOutcome returns what result ret of a read or write means, if it is not known by which call it was made.
func TransferOutcome(ret int64) Outcome {
	switch {
	case !Failed(ret):
		return Succeeded
	case ret == eagain:
		return Expected
	}
	return interruptedOr(ret, Erred)
}

func interruptedOr(ret int64, other Outcome) Outcome {
	if ret == eintr || restarts(ret) {
		return Expected
	}
	return other
}

// Returns reports whether call nr returns to its caller. exit and exit_group do not, so they have no duration.
func (t *Table) Returns(nr int32) bool { return t.prototype(nr).result != resultNone }
