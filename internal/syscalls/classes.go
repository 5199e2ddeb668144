// SPDX-License-Identifier: Apache-2.0

package syscalls

import (
	"maps"
	"slices"
	"strings"
)

// classes are the calls of strace's classes. A call with 64-bit times (_time64) is in those of the one without.
var classes = map[string]string{
	// those that take the name of a file
	"file": `
		access acct chdir chmod chown chown32 chroot creat execve execveat faccessat faccessat2
		fanotify_mark fchmodat fchmodat2 fchownat file_getattr file_setattr fsconfig fspick fstatat64
		futimesat getcwd getxattr getxattrat inotify_add_watch lchown lchown32 lgetxattr link linkat
		listxattr listxattrat llistxattr lremovexattr lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat
		mount mount_setattr move_mount name_to_handle_at newfstatat oldlstat oldstat open open_tree
		open_tree_attr openat openat2 pivot_root quotactl readlink readlinkat removexattr removexattrat
		rename renameat renameat2 rmdir setxattr setxattrat stat stat64 statfs statfs64 statx swapoff swapon
		symlink symlinkat truncate truncate64 umount umount2 unlink unlinkat uselib utime utimensat utimes
	`,
	// the network
	"net": `
		accept accept4 bind connect getpeername getpmsg getsockname getsockopt listen putpmsg recv recvfrom
		recvmmsg recvmsg send sendfile sendfile64 sendmmsg sendmsg sendto setsockopt shutdown socket
		socketpair
	`,
	// processes: their begin, their end, and waiting for it
	"process": `
		clone clone3 execve execveat exit exit_group fork kill pidfd_send_signal rt_sigqueueinfo
		rt_tgsigqueueinfo tgkill tkill vfork wait4 waitid waitpid
	`,
	// System V IPC
	"ipc": `
		ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget
	`,
	// mappings of memory
	"memory": `
		break brk cacheflush get_mempolicy io_destroy io_setup io_uring_register madvise map_shadow_stack
		mbind migrate_pages mincore mlock mlock2 mlockall mmap mmap2 move_pages mprotect mremap mseal msync
		munlock munlockall munmap pkey_mprotect remap_file_pages set_mempolicy set_mempolicy_home_node shmat
		shmdt
	`,
	// signals
	"signal": `
		io_uring_enter kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask
		rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sgetmask sigaction
		sigaltstack signal signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend ssetmask tgkill
		tkill
	`,
	// those that take or return descriptors
	"desc": `
		_llseek _newselect bpf cachestat close copy_file_range creat dup dup2 dup3 epoll_create
		epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execveat faccessat
		faccessat2 fadvise64 fadvise64_64 fallocate fanotify_init fanotify_mark fchdir fchmod fchmodat
		fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr file_getattr file_setattr
		finit_module flistxattr flock fremovexattr fsconfig fsetxattr fsmount fsopen fspick fstat fstat64
		fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getdents getdents64 getxattrat
		inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_uring_enter io_uring_register
		io_uring_setup ioctl kexec_file_load landlock_add_rule landlock_create_ruleset
		landlock_restrict_self linkat listxattrat lseek memfd_create memfd_secret mkdirat mknodat mmap mmap2
		mount_setattr move_mount mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
		name_to_handle_at newfstatat oldfstat open open_by_handle_at open_tree open_tree_attr openat openat2
		perf_event_open pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 poll ppoll pread64 preadv
		preadv2 process_madvise process_mrelease pselect6 pwrite64 pwritev pwritev2 quotactl_fd read
		readahead readdir readlinkat readv removexattrat renameat renameat2 select sendfile sendfile64 setns
		setxattrat signalfd signalfd4 socketcall splice statx symlinkat sync_file_range syncfs tee
		timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 unlinkat
		userfaultfd utimensat vmsplice write writev
	`,
}

// Classes returns the names of the classes of calls, sorted.
func Classes() []string { return slices.Sorted(maps.Keys(classes)) }

// Numbers returns the numbers of the calls that a word stands for, in every ABI: a class (%file), the name of a call
// (openat), or what Name returns for a call (i386:open, nr_1234). They are sorted; none: there is no such call.
func (t *Table) Numbers(word string) []int32 {
	if nr, ok := t.numbers[word]; ok && strings.Contains(word, ":") {
		return []int32{nr}
	}
	if nr, ok := t.Number(word); ok && strings.Contains(word, "nr_") {
		return []int32{nr}
	}
	wanted := map[string]bool{word: true}
	if class, ok := strings.CutPrefix(word, "%"); ok {
		if class == "network" { // strace's older name
			class = "net"
		}
		wanted = map[string]bool{}
		for _, name := range strings.Fields(classes[class]) {
			wanted[name], wanted[name+"_time64"] = true, true
		}
	}
	var numbers []int32
	for name, nr := range t.numbers {
		if _, after, ok := strings.Cut(name, ":"); ok {
			name = after
		}
		if wanted[name] {
			numbers = append(numbers, nr)
		}
	}
	slices.Sort(numbers)
	return numbers
}
