// SPDX-License-Identifier: Apache-2.0

package syscalls

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func table(t testing.TB, arch string) *Table {
	t.Helper()
	tab, err := ForArch(arch)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

var arches = []string{"x86_64", "aarch64", "i686", "armv7l"}

// regs are the argument registers of a call.
type regs = [6]int64

const (
	p    = 0x7ffd3a2c10 // a pointer
	junk = 0x1122334455667788
	high = 0x5a5a5a5a << 32 // left over above a 32-bit argument
)

func TestAppendCall(t *testing.T) {
	for _, c := range []struct {
		arch, name string
		args       regs
		want       string
	}{
		// Types: of an argument with 32 bits in C the upper half of the register is ignored.
		{"x86_64", "read", regs{3, p, 4096}, "read(3, 0x7ffd3a2c10, 4096)"},
		{"x86_64", "read", regs{high | 3, p, -1, junk, junk, junk}, "read(3, 0x7ffd3a2c10, 18446744073709551615)"},
		{"x86_64", "close", regs{0xffffffff}, "close(-1)"},
		{"x86_64", "kill", regs{0xfffffffe, 9}, "kill(-2, SIGKILL)"},
		{"x86_64", "kill", regs{1234, 0}, "kill(1234, 0)"},
		{"x86_64", "kill", regs{1234, 35}, "kill(1234, SIGRT_3)"},
		{"x86_64", "poll", regs{p, high | 2, 0xffffffff}, "poll(0x7ffd3a2c10, 2, -1)"},
		{"x86_64", "alarm", regs{0xffffffff}, "alarm(4294967295)"},
		{"x86_64", "lseek", regs{3, -60, 1}, "lseek(3, -60, SEEK_CUR)"},
		{"x86_64", "ftruncate", regs{3, 5 << 32}, "ftruncate(3, 21474836480)"},
		{"x86_64", "getpid", regs{junk}, "getpid()"},
		{"x86_64", "setresuid", regs{0xffffffff, 1000, 4294967294}, "setresuid(-1, 1000, 4294967294)"},
		{"x86_64", "chmod", regs{p, 0644}, "chmod(0x7ffd3a2c10, 0644)"},
		{"x86_64", "chmod", regs{p, 0}, "chmod(0x7ffd3a2c10, 000)"},
		{"x86_64", "chmod", regs{p, 7}, "chmod(0x7ffd3a2c10, 007)"},
		{"x86_64", "chmod", regs{p, 010}, "chmod(0x7ffd3a2c10, 010)"},
		{"x86_64", "mknod", regs{p, 0020644, 0x103}, "mknod(0x7ffd3a2c10, S_IFCHR|0644, makedev(1, 3))"},
		{"x86_64", "mknod", regs{p, 0644, 0x12345678}, "mknod(0x7ffd3a2c10, 0644, makedev(1110, 74616))"},

		// Files.
		{"x86_64", "openat", regs{0xffffff9c, p, 0x80000, junk}, "openat(AT_FDCWD, 0x7ffd3a2c10, O_RDONLY|O_CLOEXEC)"},
		{"x86_64", "openat", regs{-100, p, 0x241, 0666},
			"openat(AT_FDCWD, 0x7ffd3a2c10, O_WRONLY|O_CREAT|O_TRUNC, 0666)"},
		{"x86_64", "openat", regs{5, p, 0x410002, 0600}, "openat(5, 0x7ffd3a2c10, O_RDWR|O_TMPFILE, 0600)"},
		{"x86_64", "open", regs{p, 0x101000 | 3, 0}, "open(0x7ffd3a2c10, O_SYNC|0x3)"},
		{"x86_64", "open", regs{p, 0x18800}, "open(0x7ffd3a2c10, O_RDONLY|O_NONBLOCK|O_LARGEFILE|O_DIRECTORY)"},
		{"aarch64", "openat", regs{-100, p, 0x24000},
			"openat(AT_FDCWD, 0x7ffd3a2c10, O_RDONLY|O_DIRECTORY|O_LARGEFILE)"},
		{"aarch64", "openat", regs{-100, p, 0x18000}, "openat(AT_FDCWD, 0x7ffd3a2c10, O_RDONLY|O_NOFOLLOW|O_DIRECT)"},
		{"x86_64", "access", regs{p, 0}, "access(0x7ffd3a2c10, F_OK)"},
		{"x86_64", "access", regs{p, 5}, "access(0x7ffd3a2c10, X_OK|R_OK)"},
		{"x86_64", "newfstatat", regs{-100, p, p, 0x100},
			"newfstatat(AT_FDCWD, 0x7ffd3a2c10, 0x7ffd3a2c10, AT_SYMLINK_NOFOLLOW)"},
		{"aarch64", "newfstatat", regs{3, p, p, 0x1000}, "newfstatat(3, 0x7ffd3a2c10, 0x7ffd3a2c10, AT_EMPTY_PATH)"},
		{"x86_64", "unlinkat", regs{-100, p, 0x200}, "unlinkat(AT_FDCWD, 0x7ffd3a2c10, AT_REMOVEDIR)"},
		{"x86_64", "faccessat2", regs{-100, p, 1, 0x200}, "faccessat2(AT_FDCWD, 0x7ffd3a2c10, X_OK, AT_EACCESS)"},
		{"x86_64", "statx", regs{-100, p, 0x100, 0x7ff, p},
			"statx(AT_FDCWD, 0x7ffd3a2c10, AT_STATX_SYNC_AS_STAT|AT_SYMLINK_NOFOLLOW, " +
				"STATX_BASIC_STATS, 0x7ffd3a2c10)"},
		{"x86_64", "pipe2", regs{p, 0x80800}, "pipe2(0x7ffd3a2c10, O_NONBLOCK|O_CLOEXEC)"},
		{"x86_64", "fcntl", regs{3, 1, junk}, "fcntl(3, F_GETFD)"},
		{"x86_64", "fcntl", regs{3, 2, 1}, "fcntl(3, F_SETFD, FD_CLOEXEC)"},
		{"x86_64", "fcntl", regs{3, 4, 0x802}, "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK)"},
		{"x86_64", "fcntl", regs{3, 1030, 10}, "fcntl(3, F_DUPFD_CLOEXEC, 10)"},
		{"x86_64", "fcntl", regs{3, 6, p}, "fcntl(3, F_SETLK, 0x7ffd3a2c10)"},
		{"x86_64", "fcntl", regs{3, 9999, p}, "fcntl(3, 9999, 0x7ffd3a2c10)"},
		{"x86_64", "flock", regs{3, 6}, "flock(3, LOCK_EX|LOCK_NB)"},
		{"x86_64", "ioctl", regs{0, 0x5401, p}, "ioctl(0, TCGETS, 0x7ffd3a2c10)"},
		{"x86_64", "ioctl", regs{0, 0x80046601, p}, "ioctl(0, 0x80046601, 0x7ffd3a2c10)"},
		{"x86_64", "preadv2", regs{3, p, 2, 1 << 33, 0, 8}, "preadv2(3, 0x7ffd3a2c10, 2, 8589934592, RWF_NOWAIT)"},
		{"x86_64", "fallocate", regs{3, 3, 0, 1 << 20},
			"fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 1048576)"},
		{"x86_64", "mount", regs{p, p, p, 0x5021, 0},
			"mount(0x7ffd3a2c10, 0x7ffd3a2c10, 0x7ffd3a2c10, MS_RDONLY|MS_REMOUNT|MS_BIND|MS_REC, NULL)"},

		// Memory.
		{"x86_64", "mmap", regs{0, 8192, 3, 0x22, -1, 0},
			"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"},
		{"x86_64", "mmap", regs{p, 8192, 0, 0x11, 3, 0x1000},
			"mmap(0x7ffd3a2c10, 8192, PROT_NONE, MAP_SHARED|MAP_FIXED, 3, 0x1000)"},
		{"x86_64", "mmap", regs{0, 8192, 0, 0x62, -1, 0},
			"mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT, -1, 0)"},
		{"aarch64", "mmap", regs{0, 8192, 0x33, 0x62, -1, 0},
			"mmap(NULL, 8192, PROT_READ|PROT_WRITE|PROT_BTI|PROT_MTE, MAP_PRIVATE|MAP_ANONYMOUS|0x40, -1, 0)"},
		{"x86_64", "mprotect", regs{p, 4096, 5}, "mprotect(0x7ffd3a2c10, 4096, PROT_READ|PROT_EXEC)"},
		{"x86_64", "mremap", regs{p, 4096, 8192, 1, junk}, "mremap(0x7ffd3a2c10, 4096, 8192, MREMAP_MAYMOVE)"},
		{"x86_64", "mremap", regs{p, 4096, 8192, 3, p},
			"mremap(0x7ffd3a2c10, 4096, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x7ffd3a2c10)"},
		{"x86_64", "madvise", regs{p, 4096, 4}, "madvise(0x7ffd3a2c10, 4096, MADV_DONTNEED)"},
		{"x86_64", "madvise", regs{p, 4096, -5}, "madvise(0x7ffd3a2c10, 4096, -5)"},
		{"x86_64", "msync", regs{p, 4096, 4}, "msync(0x7ffd3a2c10, 4096, MS_SYNC)"},
		{"x86_64", "mbind", regs{p, 4096, 0x8002, p, 9, 3},
			"mbind(0x7ffd3a2c10, 4096, MPOL_BIND|MPOL_F_STATIC_NODES, 0x7ffd3a2c10, 9, MPOL_MF_STRICT|MPOL_MF_MOVE)"},
		{"x86_64", "shmget", regs{0, 4096, 01600}, "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600)"},
		{"x86_64", "shmat", regs{7, 0, 010000}, "shmat(7, NULL, SHM_RDONLY)"},

		// Processes. The architectures pass clone's arguments in two orders.
		{"x86_64", "clone", regs{0x1200011, 0, 0, p, 0x10},
			"clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x7ffd3a2c10, 0x10)"},
		{"aarch64", "clone", regs{0x1200011, 0, 0, 0x10, p},
			"clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x10, 0x7ffd3a2c10)"},
		{"x86_64", "clone3", regs{p, 88}, "clone3(0x7ffd3a2c10, 88)"},
		{"x86_64", "unshare", regs{0x10020000}, "unshare(CLONE_NEWNS|CLONE_NEWUSER)"},
		{"x86_64", "wait4", regs{-1, p, 1, 0}, "wait4(-1, 0x7ffd3a2c10, WNOHANG, NULL)"},
		{"x86_64", "waitid", regs{3, 5, p, 4, 0}, "waitid(P_PIDFD, 5, 0x7ffd3a2c10, WEXITED, NULL)"},
		{"x86_64", "exit_group", regs{1}, "exit_group(1)"},
		{"x86_64", "prctl", regs{15, p, 0, 0, 0}, "prctl(PR_SET_NAME, 0x7ffd3a2c10, 0, 0, 0)"},
		{"x86_64", "arch_prctl", regs{0x1002, p}, "arch_prctl(ARCH_SET_FS, 0x7ffd3a2c10)"},
		{"x86_64", "personality", regs{0xffffffff}, "personality(0xffffffff)"},
		{"x86_64", "rt_sigaction", regs{17, p, 0, 8}, "rt_sigaction(SIGCHLD, 0x7ffd3a2c10, NULL, 8)"},
		{"x86_64", "rt_sigprocmask", regs{2, p, 0, 8}, "rt_sigprocmask(SIG_SETMASK, 0x7ffd3a2c10, NULL, 8)"},
		{"x86_64", "prlimit64", regs{0, 7, 0, p}, "prlimit64(0, RLIMIT_NOFILE, NULL, 0x7ffd3a2c10)"},
		{"x86_64", "getrusage", regs{0xffffffff, p}, "getrusage(RUSAGE_CHILDREN, 0x7ffd3a2c10)"},
		{"x86_64", "seccomp", regs{1, 1, p},
			"seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, 0x7ffd3a2c10)"},
		{"x86_64", "bpf", regs{5, p, 128}, "bpf(BPF_PROG_LOAD, 0x7ffd3a2c10, 128)"},
		{"x86_64", "ptrace", regs{0x4206, 99, 0, 0x100000}, "ptrace(PTRACE_SEIZE, 99, NULL, 0x100000)"},

		// Time and waiting.
		{"x86_64", "clock_nanosleep", regs{1, 1, p, 0},
			"clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, 0x7ffd3a2c10, NULL)"},
		{"x86_64", "clock_gettime", regs{0xfffffffa, p}, "clock_gettime(-6, 0x7ffd3a2c10)"},
		{"x86_64", "futex", regs{p, 0x80, 2, 0, junk, junk}, "futex(0x7ffd3a2c10, FUTEX_WAIT_PRIVATE, 2, NULL)"},
		{"x86_64", "futex", regs{p, 0x81, 1, junk, junk, junk}, "futex(0x7ffd3a2c10, FUTEX_WAKE_PRIVATE, 1)"},
		{"x86_64", "futex", regs{p, 0x189, 0, p, 0, 0xffffffff},
			"futex(0x7ffd3a2c10, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, 0x7ffd3a2c10, " +
				"NULL, FUTEX_BITSET_MATCH_ANY)"},
		{"x86_64", "futex", regs{p, 3, 1, 0x7fffffff, p, junk},
			"futex(0x7ffd3a2c10, FUTEX_REQUEUE, 1, 2147483647, 0x7ffd3a2c10)"},
		{"x86_64", "epoll_ctl", regs{4, 1, 5, p}, "epoll_ctl(4, EPOLL_CTL_ADD, 5, 0x7ffd3a2c10)"},
		{"x86_64", "epoll_create1", regs{0x80000}, "epoll_create1(EPOLL_CLOEXEC)"},
		{"x86_64", "eventfd2", regs{0, 0x80801}, "eventfd2(0, EFD_SEMAPHORE|EFD_NONBLOCK|EFD_CLOEXEC)"},

		// Sockets.
		{"x86_64", "socket", regs{2, 0x80801, 6},
			"socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, IPPROTO_TCP)"},
		{"x86_64", "socket", regs{1, 2, 0}, "socket(AF_UNIX, SOCK_DGRAM, 0)"},
		{"x86_64", "socket", regs{16, 3, 15}, "socket(AF_NETLINK, SOCK_RAW, 15)"},
		{"x86_64", "socket", regs{99, 0x10, 0}, "socket(99, 0x10, 0)"},
		{"x86_64", "setsockopt", regs{3, 1, 2, p, 4}, "setsockopt(3, SOL_SOCKET, SO_REUSEADDR, 0x7ffd3a2c10, 4)"},
		{"x86_64", "setsockopt", regs{3, 6, 1, p, 4}, "setsockopt(3, SOL_TCP, TCP_NODELAY, 0x7ffd3a2c10, 4)"},
		{"x86_64", "getsockopt", regs{3, 1, 20, p, p},
			"getsockopt(3, SOL_SOCKET, SO_RCVTIMEO, 0x7ffd3a2c10, 0x7ffd3a2c10)"},
		{"x86_64", "getsockopt", regs{3, 270, 3, p, p}, "getsockopt(3, SOL_NETLINK, 3, 0x7ffd3a2c10, 0x7ffd3a2c10)"},
		{"x86_64", "recvfrom", regs{3, p, 100, 0x42, 0, 0},
			"recvfrom(3, 0x7ffd3a2c10, 100, MSG_PEEK|MSG_DONTWAIT, NULL, NULL)"},
		{"x86_64", "shutdown", regs{3, 2}, "shutdown(3, SHUT_RDWR)"},

		// The 32-bit ABIs: narrow registers, 64-bit arguments in two of them.
		{"x86_64", "i386:open", regs{0xfff0, 0, 0}, "i386:open(0xfff0, O_RDONLY)"},
		{"x86_64", "i386:pread64", regs{3, p, 10, 1, 2}, "i386:pread64(3, 0xfd3a2c10, 10, 8589934593)"},
		{"x86_64", "i386:lseek", regs{3, 0xffffffc4, 1}, "i386:lseek(3, -60, SEEK_CUR)"},
		{"x86_64", "i386:mmap2", regs{0, 4096, 3, 0x22, 0xffffffff, 0},
			"i386:mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"},
		{"x86_64", "i386:socketcall", regs{3, p}, "i386:socketcall(SYS_CONNECT, 0xfd3a2c10)"},
		{"aarch64", "arm:pread64", regs{3, p, 10, junk, 1, 2}, "arm:pread64(3, 0xfd3a2c10, 10, 8589934593)"},
		{"aarch64", "arm:set_tls", regs{0x10}, "arm:set_tls(0x10)"},
		{"i686", "open", regs{0xfff0, 0x8000, 0}, "open(0xfff0, O_RDONLY|O_LARGEFILE)"},
		{"armv7l", "open", regs{0xfff0, 0x20000, 0}, "open(0xfff0, O_RDONLY|O_LARGEFILE)"},
		{"x86_64", "x32:read", regs{3, p, 1 << 32}, "x32:read(3, 0x7ffd3a2c10, 4294967296)"},
		{"x86_64", "x32:ioctl", regs{3, 0x5413, p}, "x32:ioctl(3, TIOCGWINSZ, 0x7ffd3a2c10)"},

		// Unknown calls: all registers.
		{"x86_64", "nr_1234", regs{1, -1, 0, 0xff, 4, 5}, "nr_1234(0x1, 0xffffffffffffffff, 0, 0xff, 0x4, 0x5)"},
		{"x86_64", "i386:nr_1234", regs{1, -1}, "i386:nr_1234(0x1, 0xffffffff, 0, 0, 0, 0)"},
		{"x86_64", "nr_-1", regs{}, "nr_-1(0, 0, 0, 0, 0, 0)"},
	} {
		tab := table(t, c.arch)
		nr, ok := tab.Number(c.name)
		if !ok {
			t.Errorf("%s has no call %s", c.arch, c.name)
			continue
		}
		if got := string(tab.AppendCall([]byte("> "), nr, c.args)); got != "> "+c.want {
			t.Errorf("%s\n got %s\nwant %s", c.arch, got[2:], c.want)
		}
	}
}

func TestAppendRet(t *testing.T) {
	for _, c := range []struct {
		arch, name string
		ret        int64
		want       string
	}{
		{"x86_64", "openat", 3, "= 3"},
		{"x86_64", "openat", -2, "= -1 ENOENT (No such file or directory)"},
		{"x86_64", "openat", -11, "= -1 EAGAIN (Resource temporarily unavailable)"},
		{"x86_64", "openat", -95, "= -1 EOPNOTSUPP (Operation not supported)"},
		{"x86_64", "read", -4095, "= -1 (errno 4095)"},
		{"x86_64", "read", -4096, "= -4096"},
		{"x86_64", "read", -133, "= -1 EHWPOISON (Memory page has hardware error)"},
		{"x86_64", "read", -134, "= -1 (errno 134)"},
		{"x86_64", "read", -512, "= ? ERESTARTSYS (To be restarted if SA_RESTART is set)"},
		{"x86_64", "read", -513, "= ? ERESTARTNOINTR (To be restarted)"},
		{"x86_64", "read", -514, "= ? ERESTARTNOHAND (To be restarted if no handler)"},
		{"x86_64", "ioctl", -515, "= -1 ENOIOCTLCMD (No ioctl command)"},
		{"x86_64", "nanosleep", -516, "= ? ERESTART_RESTARTBLOCK (Interrupted by signal)"},
		{"x86_64", "ioctl", -524, "= -1 ENOTSUPP (Operation is not supported)"},
		{"x86_64", "mmap", 0x7f1234560000, "= 0x7f1234560000"},
		{"x86_64", "mmap", -12, "= -1 ENOMEM (Cannot allocate memory)"},
		{"x86_64", "brk", 0x55c233b18000, "= 0x55c233b18000"},
		{"x86_64", "shmat", 0x7f1234560000, "= 0x7f1234560000"},
		{"aarch64", "mremap", 0xffff12340000, "= 0xffff12340000"},
		{"x86_64", "umask", 022, "= 022"},
		{"x86_64", "exit_group", 0, "= ?"},
		{"x86_64", "exit_group", -1, "= -1 EPERM (Operation not permitted)"},
		{"x86_64", "i386:mmap2", 0xf7d00000, "= 0xf7d00000"},
		{"aarch64", "arm:mmap2", -0x10000000, "= 0xf0000000"},
		{"aarch64", "arm:read", 0xfffffffe, "= -1 ENOENT (No such file or directory)"},
		{"x86_64", "nr_1234", -38, "= -1 ENOSYS (Function not implemented)"},
		{"x86_64", "read", -1 << 63, "= -9223372036854775808"},
	} {
		tab := table(t, c.arch)
		nr, ok := tab.Number(c.name)
		if !ok {
			t.Errorf("%s has no call %s", c.arch, c.name)
			continue
		}
		if got := string(tab.AppendRet([]byte("> "), nr, c.ret)); got != "> "+c.want {
			t.Errorf("%s %s(%d)\n got %s\nwant %s", c.arch, c.name, c.ret, got[2:], c.want)
		}
	}
}

func TestAppendResult(t *testing.T) {
	for ret, want := range map[int64]string{
		0: "= 0", 5: "= 5", math.MaxInt64: "= 9223372036854775807", -111: "= -1 ECONNREFUSED (Connection refused)",
		-512: "= ? ERESTARTSYS (To be restarted if SA_RESTART is set)", -4095: "= -1 (errno 4095)", -4096: "= -4096",
		math.MinInt64: "= -9223372036854775808",
	} {
		if got := string(AppendResult(nil, ret)); got != want {
			t.Errorf("%d: got %s, want %s", ret, got, want)
		}
	}
}

func TestErrno(t *testing.T) {
	for ret, want := range map[int64]string{0: "", 1: "", -1: "EPERM", -2: "ENOENT", -133: "EHWPOISON", -134: "",
		-512: "ERESTARTSYS", -4095: "", -1 << 63: "", 1<<63 - 1: ""} {
		if got := Errno(ret); got != want {
			t.Errorf("Errno(%d) = %q, want %q", ret, got, want)
		}
	}
}

// The expected numbers are copied by hand from the kernel's tables, not from the sources that tables.go is generated
// from.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		arch string
		nr   int32
		want string
	}{
		{"x86_64", 0, "read"},
		{"x86_64", 57, "fork"},
		{"x86_64", 257, "openat"},
		{"x86_64", 435, "clone3"},
		{"x86_64", 336, "uprobe"},
		{"x86_64", 400, "nr_400"},
		{"x86_64", 999999, "nr_999999"},
		{"x86_64", -1, "nr_-1"},
		{"x86_64", -1 << 31, "nr_-2147483648"},
		{"x86_64", 512, "nr_512"},
		{"x86_64", 0x20000005, "i386:open"},
		{"x86_64", 0x20000000 | 102, "i386:socketcall"},
		{"x86_64", 0x20000000 | 222, "i386:nr_222"},
		{"x86_64", 0x40000000, "x32:read"},
		{"x86_64", 0x40000000 | 512, "x32:rt_sigaction"},
		{"x86_64", 0x40000000 | 13, "x32:nr_13"}, // natively it is rt_sigaction
		{"x86_64", 0x40000000 | 547, "x32:pwritev2"},
		{"x86_64", 0x40000000 | 548, "x32:nr_548"},
		{"x86_64", 0x60000001, "nr_1610612737"},
		{"aarch64", 56, "openat"},
		{"aarch64", 63, "read"},
		{"aarch64", 79, "newfstatat"},
		{"aarch64", 220, "clone"},
		{"aarch64", 0x20000000 | 5, "arm:open"},
		{"aarch64", 0x20000000 | 0xf0005, "arm:set_tls"},
		{"aarch64", 0x20000000 | 0xf0000, "arm:nr_983040"},
		{"aarch64", 0x40000000, "nr_1073741824"},
		{"i686", 11, "execve"},
		{"i686", 0x20000005, "nr_536870917"},
		{"armv7l", 322, "openat"},
	} {
		tab := table(t, c.arch)
		if got := tab.Name(c.nr); got != c.want {
			t.Errorf("%s: name of %d is %s, want %s", c.arch, c.nr, got, c.want)
		}
		if nr, ok := tab.Number(c.want); !ok || nr != c.nr {
			t.Errorf("%s: number of %s is %d, %t, want %d", c.arch, c.want, nr, ok, c.nr)
		}
	}
	for _, name := range []string{"", "nr_", "nr_0", "nr_x", "nr_4294967296", "i386:", "i386:nr_5", "arm:open", "read ",
		"nr_01234", "nr_+1234"} {
		if nr, ok := table(t, "x86_64").Number(name); ok {
			t.Errorf("%q is call %d", name, nr)
		}
	}
}

// The expected arities are those of the manual pages, section 2.
func TestArity(t *testing.T) {
	manual := map[int]string{
		0: "getpid gettid getuid sched_yield setsid sync munlockall vhangup",
		1: "close dup exit_group brk chdir umask sysinfo uname set_tid_address epoll_create1 fsync setuid unshare",
		2: "munmap kill fchmod ftruncate setpgid clock_gettime nanosleep listen flock fstat memfd_create " +
			"rt_sigpending clone3 umount2 pipe2",
		3: "read write lseek ioctl fcntl socket connect bind accept getdents64 mprotect madvise msync readv " +
			"writev sendmsg recvmsg execve tgkill mincore getrandom bpf seccomp syslog fchown mkdirat getcpu " +
			"capget=2 dup3",
		4: "openat newfstatat wait4 accept4 socketpair epoll_ctl rt_sigaction rt_sigprocmask ptrace pread64 " +
			"pwrite64 readlinkat clock_nanosleep prlimit64 renameat sendfile fallocate openat2 timer_settime " +
			"getxattr",
		5: "setsockopt getsockopt mremap prctl mount statx clone waitid renameat2 linkat fchownat " +
			"perf_event_open keyctl setxattr recvmmsg execveat ppoll preadv",
		6: "mmap futex sendto recvfrom splice pselect6 epoll_pwait copy_file_range process_vm_readv " +
			"io_uring_enter mbind preadv2 move_pages",
	}
	for _, arch := range []string{"x86_64", "aarch64"} {
		tab := table(t, arch)
		for arity, names := range manual {
			for _, name := range strings.Fields(names) {
				want := arity
				if n, a, ok := strings.Cut(name, "="); ok {
					name, want = n, int(a[0]-'0')
				}
				nr, ok := tab.Number(name)
				if !ok {
					t.Errorf("%s has no call %s", arch, name)
				} else if got := tab.Arity(nr); got != want {
					t.Errorf("%s: %s takes %d arguments, want %d", arch, name, got, want)
				}
			}
		}
	}
	// 64-bit arguments take a pair of registers; on arm the pair begins with an even one.
	for _, c := range []struct {
		name      string
		i386, arm int
	}{
		{"pread64", 5, 6}, {"truncate64", 3, 4}, {"readahead", 4, 5}, {"fallocate", 6, 6}, {"fanotify_mark", 6, 6},
		{"sync_file_range", 6, 0}, {"arm_sync_file_range", 0, 6}, {"fadvise64_64", 6, 0}, {"arm_fadvise64_64", 0, 6},
		{"mmap2", 6, 6}, {"clone", 5, 5}, {"_llseek", 5, 5}, {"preadv2", 6, 6}, {"futex_time64", 6, 6},
		{"old_mmap", 0, 0},
	} {
		for arch, want := range map[string]int{"i686": c.i386, "armv7l": c.arm} {
			tab := table(t, arch)
			if nr, ok := tab.Number(c.name); ok != (want > 0) {
				t.Errorf("%s: has a call %s: %t", arch, c.name, ok)
			} else if ok && tab.Arity(nr) != want {
				t.Errorf("%s: %s takes %d registers, want %d", arch, c.name, tab.Arity(nr), want)
			}
		}
	}
	if got := table(t, "x86_64").Arity(0x20000000 | 180); got != 5 {
		t.Errorf("i386:pread64 takes %d registers, want 5", got)
	}
	if got := table(t, "x86_64").Arity(-1); got != 6 {
		t.Errorf("an unknown call takes %d registers, want 6", got)
	}
}

func TestSlots(t *testing.T) {
	seen := map[uint64]int32{}
	for _, nr := range []int32{0, 1, 334, 1023, 1<<29 | 5, 1<<30 | 5, 1<<30 | 1<<29 | 5, 1024, 5000, -1,
		1<<31 - 1, -1 << 31} {
		slot := Slot(nr)
		if back := SlotCall(slot); back != nr {
			t.Errorf("%d has slot %d, which is the slot of %d", nr, slot, back)
		}
		if other, ok := seen[slot]; ok {
			t.Errorf("%d and %d share a slot", nr, other)
		}
		seen[slot] = nr
	}
}

func TestParams(t *testing.T) {
	tab := table(t, "aarch64")
	nr, _ := tab.Number("openat")
	var got []string
	for _, q := range tab.Params(nr) {
		got = append(got, q.Type+" "+q.Name)
	}
	if s := strings.Join(got, ", "); s != "int dfd, const char * filename, int flags, umode_t mode" {
		t.Errorf("openat(%s)", s)
	}
}

func TestForArch(t *testing.T) {
	for _, arch := range []string{"", "x86-64", "riscv64", "aarch64_be", "../x86_64"} {
		if tab, err := ForArch(arch); !errors.Is(err, ErrArch) || tab != nil {
			t.Errorf("ForArch(%q) = %v, %v", arch, tab, err)
		}
	}
}

// The zero table is for an architecture without tables.
func TestZeroTable(t *testing.T) {
	var tab Table
	got := string(tab.AppendRet(append(tab.AppendCall(nil, 5, regs{1, -1}), ' '), 5, -2))
	if want := "nr_5(0x1, 0xffffffffffffffff, 0, 0, 0, 0) = -1 ENOENT (No such file or directory)"; got != want {
		t.Errorf("got %s", got)
	}
	if nr, ok := tab.Number("nr_5"); !ok || nr != 5 || tab.Name(5) != "nr_5" || tab.Arity(5) != 6 {
		t.Errorf("call 5 is %s, number %d %t", tab.Name(5), nr, ok)
	}
}

// Any number with any arguments is decoded to well-formed text.
func TestAnyNumber(t *testing.T) {
	values := []int64{0, 1, -1, 2, 3, 4, 9, 0x7f, 0x80, 0xff, 0xfff, 1 << 31, 1<<63 - 1, -1 << 63, 0x5555555555555555}
	for _, arch := range arches {
		tab := table(t, arch)
		var numbers []int32
		for _, base := range []int32{0, compatBit, x32Bit, armPrivateBase, compatBit | armPrivateBase} {
			for n := int32(-2); n < 600; n++ {
				numbers = append(numbers, base+n)
			}
		}
		numbers = append(numbers, -1<<31, 1<<31-1, compatBit|x32Bit, compatBit-1, x32Bit-1)
		var dst []byte
		for _, nr := range numbers {
			for i, v := range values {
				args := regs{v, values[(i+1)%len(values)], values[(i+2)%len(values)], v, values[(i+5)%len(values)], v}
				dst = tab.AppendRet(append(tab.AppendCall(dst[:0], nr, args), ' '), nr, v)
				name := tab.Name(nr)
				if s := string(dst); !strings.HasPrefix(s, name+"(") || strings.Count(s, ") = ") != 1 ||
					strings.Contains(s, "||") || strings.Contains(s, ", ,") || strings.Contains(s, "(|") ||
					strings.Contains(s, "|,") {
					t.Fatalf("%s %d%v: %s", arch, nr, args, s)
				}
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	tab := table(t, "x86_64")
	dst := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		for nr := int32(-1); nr < 512; nr++ {
			for _, bit := range []int32{0, compatBit, x32Bit} {
				dst = tab.AppendCall(dst[:0], nr|bit, regs{1, 2, 0x80042, 0x22, -1, p})
				dst = tab.AppendRet(dst, nr|bit, -2)
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendCall(b *testing.B) {
	tab := table(b, "x86_64")
	dst := make([]byte, 0, 4096)
	for _, c := range []struct {
		name string
		args regs
	}{
		{"getpid", regs{}},
		{"read", regs{3, 0x7ffd3a2c10, 4096}},
		{"openat", regs{-100, 0x7ffd3a2c10, 0x80000}},
		{"futex", regs{0x7ffd3a2c10, 0x189, 0, 0x7ffd3a2c10, 0, 0xffffffff}},
		{"mmap", regs{0, 8192, 3, 0x22, -1, 0}},
		{"nr_1234", regs{0x7ffd3a2c10, 0x7ffd3a2c10, 0x7ffd3a2c10, 0x7ffd3a2c10, 0x7ffd3a2c10, 0x7ffd3a2c10}},
	} {
		nr, _ := tab.Number(c.name)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = tab.AppendCall(dst[:0], nr, c.args)
			}
		})
	}
	b.Run("ret", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			dst = tab.AppendRet(dst[:0], 0, -2)
		}
	})
}

func ExampleTable_AppendCall() {
	t, err := ForArch("x86_64")
	if err != nil {
		panic(err)
	}
	line := t.AppendCall(nil, 257, [6]int64{-100, 0x7ffd3a2c10, 0x80000})
	line = append(line, ' ')
	fmt.Printf("%s\n", t.AppendRet(line, 257, -2))
	// Output: openat(AT_FDCWD, 0x7ffd3a2c10, O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
}
