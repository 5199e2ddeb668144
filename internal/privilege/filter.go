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

// defaultAction is the filter's action for a call that is not on the list; the errno is EPERM. `make seccomp` sets it
// to "allow" at link time, in the recorder that it traces.
var defaultAction = "errno"

// occasional are the system calls that a recorder makes only now and then, so that a trace may lack them. They are
// allowed besides `traced` and `tracedHere`, which `make seccomp` generates.
var occasional = []string{
	// The Go runtime: new threads, memory that grows or is returned, signals, timers.
	"clone", "sigaltstack", "gettid", "set_robust_list", "rseq", "exit", "exit_group",
	"mmap", "mprotect", "munmap", "madvise", "mincore", "prctl",
	"futex", "nanosleep", "sched_yield", "sched_getaffinity", "getrandom",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "tgkill", "getpid", "kill",
	"epoll_create1", "eventfd2", "epoll_ctl", "epoll_pwait", "poll", "ppoll",
	"timer_create", "timer_settime", "timer_delete", "setitimer",
	"clock_gettime",   // if the vDSO cannot read the clock
	"restart_syscall", // after SIGSTOP or ^Z, and SIGCONT
	// Before or after the filter is installed, depending on how goroutines are scheduled.
	"pidfd_open", "pidfd_send_signal", "waitid", "wait4",
	"pread64", // before -W removes a dump, to see that it is one
	// After a write that failed.
	"ftruncate", "unlinkat", "fstat", "newfstatat", "fstatat", // fstatat: the library's name of newfstatat on arm64
}

// argConditions restrict the arguments of a call: it is allowed if one of the conditions holds.
var argConditions = map[string][]seccomp.Condition{
	"clone":    {{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}, // threads, not processes
	"mmap":     {{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}},
	"mprotect": {{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}},
	"prctl":    {{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_VMA}}, // the runtime names its memory
	"ioctl": { // whether stderr is a terminal, and its width
		{Argument: 1, Operation: seccomp.Equal, Value: unix.TCGETS},
		{Argument: 1, Operation: seccomp.Equal, Value: unix.TIOCGWINSZ},
	},
}

// tsyncESRCH makes seccomp(2) fail with ESRCH if a thread cannot get the filter. Otherwise it returns that thread's id,
// which looks like success.
const tsyncESRCH = 1 << 4 // SECCOMP_FILTER_FLAG_TSYNC_ESRCH, include/uapi/linux/seccomp.h

// Filter installs the recorder's seccomp filter in all threads. A kernel without seccomp refuses it; the recorder can
// run without.
func Filter() error {
	policy, err := policy()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // no_new_privs is set in the thread that then installs the filter
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
			continue // a call of another architecture
		}
		if len(argConditions[name]) == 0 {
			allow.Names = append(allow.Names, name)
		}
		for _, condition := range argConditions[name] {
			allow.NamesWithCondtions = append(allow.NamesWithCondtions,
				seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{condition}})
		}
	}
	// A filter cannot see the flags of clone3, which are in memory. With ENOSYS, a C library falls back to clone.
	unknown := seccomp.SyscallGroup{
		Names: []string{"clone3"}, Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
	}
	p.Syscalls = []seccomp.SyscallGroup{allow, unknown}
	return p, nil
}
