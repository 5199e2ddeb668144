//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// defaultAction is what the filter does with a call that is not on the list; the errno is EPERM. `make seccomp` links
// "allow" into the recorder that it traces.
var defaultAction = "errno"

// The list is `traced` and `tracedHere`, which `make seccomp` makes, and these: what a recorder calls only now and
// then, so that no trace is sure to have it.
var occasional = []string{
	// Go's runtime: threads that start, memory that grows or is given back, signals, timers.
	"clone", "sigaltstack", "gettid", "set_robust_list", "rseq", "exit", "exit_group",
	"mmap", "mprotect", "munmap", "madvise", "mincore", "prctl",
	"futex", "nanosleep", "sched_yield", "sched_getaffinity", "getrandom",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "tgkill", "getpid", "kill",
	"epoll_create1", "eventfd2", "epoll_ctl", "epoll_pwait", "poll", "ppoll",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
	"clock_gettime",   // where the vDSO's does not work
	"restart_syscall", // after a ^Z
	// Begun before the filter or after it, as goroutines are scheduled.
	"pidfd_open", "pidfd_send_signal", "waitid", "wait4",
	// After a write that failed.
	"ftruncate", "unlinkat", "fstat", "newfstatat", "fstatat", // the last is what the library calls newfstatat on arm64
}

// argConditions say with which arguments a call is allowed: when the bits or the value fit in one of the conditions.
var argConditions = map[string][]seccomp.Condition{
	"clone":    {{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}, // threads, never processes
	"mmap":     {{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}},
	"mprotect": {{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}},
	"prctl":    {{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_VMA}}, // the runtime names its memory
	"ioctl": { // the terminal's width
		{Argument: 1, Operation: seccomp.Equal, Value: unix.TCGETS},
		{Argument: 1, Operation: seccomp.Equal, Value: unix.TIOCGWINSZ},
	},
}

// tsyncESRCH makes a thread that cannot take the filter an error, instead of a result that looks like success.
const tsyncESRCH = 1 << 4 // SECCOMP_FILTER_FLAG_TSYNC_ESRCH, include/uapi/linux/seccomp.h

// Filter puts all threads under the recorder's filter of system calls. A kernel without seccomp refuses it, and the
// recorder goes on without.
func Filter() error {
	policy, err := policy()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // no_new_privs and the filter have to come to the same thread
	defer runtime.UnlockOSThread()
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true, Flag: seccomp.FilterFlagTSync | tsyncESRCH, Policy: policy,
	})
}

func policy() (p seccomp.Policy, err error) {
	if err := p.DefaultAction.Unpack(defaultAction); err != nil {
		return p, err
	}
	here, err := arch.GetInfo("")
	if err != nil {
		return p, fmt.Errorf("no list of system calls: %w", err)
	}
	allow := seccomp.SyscallGroup{Action: seccomp.ActionAllow}
	calls := slices.Concat(traced, tracedHere, occasional)
	slices.Sort(calls)
	for _, name := range slices.Compact(calls) {
		if _, ok := here.SyscallNames[name]; !ok {
			continue // of another architecture
		}
		if len(argConditions[name]) == 0 {
			allow.Names = append(allow.Names, name)
		}
		for _, condition := range argConditions[name] {
			allow.NamesWithCondtions = append(allow.NamesWithCondtions,
				seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{condition}})
		}
	}
	// A C library that is denied clone3, whose arguments no filter can see, takes clone if told that there is none.
	unknown := seccomp.SyscallGroup{
		Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
	}
	p.Syscalls = []seccomp.SyscallGroup{allow, unknown}
	return p, nil
}
