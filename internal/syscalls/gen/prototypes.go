// SPDX-License-Identifier: Apache-2.0

package main

// renamed holds the names package unix gives that the kernel's own tables do not.
var renamed = map[string]string{
	"arm64:fstatat": "newfstatat", // __NR_newfstatat where longs have 64 bits
}

// entries says which entry of the kernel a call of another name leads to
// (arch/x86/entry/syscalls/*.tbl, asm-generic/unistd.h, arm's unistd32.h).
var entries = map[string]string{
	"fstat":           "newfstat",
	"lstat":           "newlstat",
	"newfstatat":      "newfstatat",
	"stat":            "newstat",
	"umount2":         "umount",
	"uname":           "newuname",
	"_llseek":         "llseek",
	"_newselect":      "select",
	"ugetrlimit":      "getrlimit",
	"clock_adjtime64": "clock_adjtime",

	"amd64:sendfile":  "sendfile64",
	"arm64:sendfile":  "sendfile64",
	"arm64:fadvise64": "fadvise64_64",

	"i386:oldstat":     "stat",
	"i386:oldlstat":    "lstat",
	"i386:oldfstat":    "fstat",
	"i386:oldolduname": "olduname",
	"i386:olduname":    "uname",
	"i386:umount":      "oldumount",
	"i386:getrlimit":   "old_getrlimit",
	"i386:mmap":        "old_mmap",
	"i386:select":      "old_select",
	"i386:readdir":     "old_readdir",

	"arm:arm_sync_file_range": "sync_file_range2",
	"arm:sigaction":           "sigaction",
}

// override is a prototype that include/linux/syscalls.h lacks, leaves unnamed
// or makes depend on configuration. It counts for the ABIs named, "" for all.
type override struct{ abis, c string }

var overrides = []override{
	// Declared without the names of their parameters.
	{"", "accept(int fd, struct sockaddr *upeer_sockaddr, int *upeer_addrlen)"},
	{"", "accept4(int fd, struct sockaddr *upeer_sockaddr, int *upeer_addrlen, int flags)"},
	{"", "bind(int fd, struct sockaddr *umyaddr, int addrlen)"},
	{"", "connect(int fd, struct sockaddr *uservaddr, int addrlen)"},
	{"", "getpeername(int fd, struct sockaddr *usockaddr, int *usockaddr_len)"},
	{"", "getsockname(int fd, struct sockaddr *usockaddr, int *usockaddr_len)"},
	{"", "io_submit(aio_context_t ctx_id, long nr, struct iocb **iocbpp)"},
	{"", "listen(int fd, int backlog)"},
	{"i386", "old_readdir(unsigned int fd, struct old_linux_dirent *dirent, unsigned int count)"},
	{"i386", "olduname(struct oldold_utsname *name)"},
	{"", "ppoll(struct pollfd *ufds, unsigned int nfds, struct __kernel_timespec *tsp, const sigset_t *sigmask, size_t sigsetsize)"},
	{"", "pselect6(int n, fd_set *inp, fd_set *outp, fd_set *exp, struct __kernel_timespec *tsp, void *sig)"},
	{"arm", "recv(int fd, void *ubuf, size_t size, unsigned int flags)"},
	{"", "recvfrom(int fd, void *ubuf, size_t size, unsigned int flags, struct sockaddr *addr, int *addr_len)"},
	{"", "rt_sigaction(int sig, const struct sigaction *act, struct sigaction *oact, size_t sigsetsize)"},
	{"arm", "send(int fd, void *buff, size_t len, unsigned int flags)"},
	{"", "sendto(int fd, void *buff, size_t len, unsigned int flags, struct sockaddr *addr, int addr_len)"},
	{"", "shutdown(int fd, int how)"},
	{"i386 arm", "sigaction(int sig, const struct old_sigaction *act, struct old_sigaction *oact)"},
	{"", "socket(int family, int type, int protocol)"},
	{"", "socketpair(int family, int type, int protocol, int *usockvec)"},
	{"i386", "uname(struct old_utsname *name)"},

	// Their order or number of parameters is the architecture's choice.
	{"amd64", "clone(unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, int *child_tidptr, unsigned long tls)"},
	{"arm64 i386 arm", "clone(unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, unsigned long tls, int *child_tidptr)"}, // CONFIG_CLONE_BACKWARDS
	{"", "fanotify_mark(int fanotify_fd, unsigned int flags, u64 mask, int dfd, const char *pathname)"},
	{"i386 arm", "sigsuspend(int unused1, int unused2, old_sigset_t mask)"},    // CONFIG_OLD_SIGSUSPEND3
	{"arm", "arm_fadvise64_64(int fd, int advice, loff_t offset, loff_t len)"}, // the pairs of registers fit only so

	// Declared by the architecture or not at all.
	{"amd64 arm64", "mmap(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags, unsigned long fd, unsigned long off)"},
	{"i386 arm", "mmap2(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags, unsigned long fd, unsigned long pgoff)"},
	{"", "rt_sigreturn()"}, // takes the frame on the stack
	{"i386 arm", "sigreturn()"},
	{"amd64 i386", "arch_prctl(int option, unsigned long arg2)"},
	{"amd64 i386", "iopl(unsigned int level)"},
	{"amd64 i386", "modify_ldt(int func, void *ptr, unsigned long bytecount)"},
	{"amd64 i386", "set_thread_area(struct user_desc *u_info)"},
	{"amd64 i386", "get_thread_area(struct user_desc *u_info)"},
	{"i386", "vm86old(struct vm86_struct *user_vm86)"},
	{"i386", "vm86(unsigned long cmd, unsigned long arg)"},
	{"amd64", "uprobe()"},

	// Gone from the kernel, still numbered, still met on old ones.
	{"", "_sysctl(struct __sysctl_args *args)"},
	{"", "lookup_dcookie(u64 cookie64, char *buf, size_t len)"},
	{"i386 arm", "bdflush(int func, long data)"},
	{"amd64 i386", "create_module(const char *name, size_t size)"},
	{"amd64 i386", "get_kernel_syms(struct kernel_sym *table)"},
	{"amd64 i386", "query_module(const char *name, int which, void *buf, size_t bufsize, size_t *ret)"},
	{"", "nfsservctl(int cmd, struct nfsctl_arg *argp, union nfsctl_res *resp)"},
	{"amd64", "epoll_ctl_old(int epfd, int op, int fd, struct epoll_event *event)"},
	{"amd64", "epoll_wait_old(int epfd, struct epoll_event *events, int maxevents, int timeout)"},

	// Newer than the headers.
	{"", "setxattrat(int dfd, const char *path, unsigned int at_flags, const char *name, const struct xattr_args *args, size_t size)"},
	{"", "getxattrat(int dfd, const char *path, unsigned int at_flags, const char *name, struct xattr_args *args, size_t size)"},
	{"", "listxattrat(int dfd, const char *path, unsigned int at_flags, char *list, size_t size)"},
	{"", "removexattrat(int dfd, const char *path, unsigned int at_flags, const char *name)"},
	{"", "open_tree_attr(int dfd, const char *path, unsigned int flags, struct mount_attr *uattr, size_t usize)"},
	{"", "file_getattr(int dfd, const char *path, struct file_attr *ufattr, size_t usize, unsigned int at_flags)"},
	{"", "file_setattr(int dfd, const char *path, struct file_attr *ufattr, size_t usize, unsigned int at_flags)"},
	{"", "listns(const struct ns_id_req *req, u64 *ns_ids, size_t nr_ns_ids, unsigned int flags)"},
	{"", "rseq_slice_yield()"},
}

// armPrivate are the calls from __ARM_NR_BASE on
// (arch/arm/include/uapi/asm/unistd.h, arch/arm/kernel/traps.c).
const armPrivateBase = 0x0f0000

var armPrivate = []string{
	1: "breakpoint()",
	2: "cacheflush(unsigned long start, unsigned long end, unsigned long flags)",
	3: "usr26()",
	4: "usr32()",
	5: "set_tls(unsigned long val)",
	6: "get_tls()",
}

// unimplemented are numbers no kernel of today answers and none of the sources
// describes: shown with all six registers.
var unimplemented = map[string]bool{
	"afs_syscall": true, "break": true, "ftime": true, "getpmsg": true,
	"gtty": true, "idle": true, "lock": true, "mpx": true, "prof": true,
	"profil": true, "putpmsg": true, "security": true, "stty": true,
	"tuxcall": true, "ulimit": true, "vserver": true,
}

// typeWords end a declaration that gives no name.
var typeWords = map[string]bool{"int": true, "long": true, "unsigned": true, "size_t": true}

// wideTypes are as wide as a register, on 64-bit architectures too.
var wideTypes = map[string]bool{
	"long": true, "unsigned long": true, "size_t": true, "off_t": true, "loff_t": true, "u64": true,
	"aio_context_t": true, "cap_user_header_t": true, "cap_user_data_t": true, "const cap_user_data_t": true,
	"__sighandler_t": true, "old_sigset_t": true,
}

// doubleTypes take two registers where registers have 32 bits.
var doubleTypes = map[string]bool{"loff_t": true, "u64": true}

var kindOfType = map[string]string{
	"int": "kindInt", "long": "kindInt", "pid_t": "kindInt", "__s32": "kindInt", "mqd_t": "kindInt",
	"timer_t": "kindInt", "key_serial_t": "kindInt", "off_t": "kindInt", "loff_t": "kindOffset",
	"unsigned": "kindUint", "unsigned int": "kindUint", "u32": "kindUint", "__u32": "kindUint", "uint32_t": "kindUint",
	"qid_t": "kindUint", "size_t": "kindUint", "u64": "kindHex", "unsigned long": "kindHex",
	"aio_context_t": "kindHex", "old_sigset_t": "kindHex", "key_t": "setKey",
	"umode_t": "kindMode", "clockid_t": "setClock", "enum landlock_rule_type": "setLandlockRule",
	"uid_t": "kindID", "gid_t": "kindID", "old_uid_t": "kindID", "old_gid_t": "kindID",
	"cap_user_header_t": "kindPointer", "cap_user_data_t": "kindPointer", "const cap_user_data_t": "kindPointer",
	"__sighandler_t": "kindPointer",
}

// shownArguments are the functions that say how many arguments mean something.
var shownArguments = map[string]string{
	"open": "shownOpen", "openat": "shownOpenat", "mq_open": "shownMqOpen",
	"futex": "shownFutex", "futex_time32": "shownFutex",
	"fcntl": "shownFcntl", "fcntl64": "shownFcntl", "mremap": "shownMremap",
}

// results are those that are no plain number.
var results = map[string]string{
	"mmap": "resultAddress", "mmap2": "resultAddress", "old_mmap": "resultAddress", "brk": "resultAddress",
	"mremap": "resultAddress", "shmat": "resultAddress", "map_shadow_stack": "resultAddress",
	"umask": "resultOctal",
	"exit":  "resultNone", "exit_group": "resultNone",
}

// kernelErrors are the texts of errors no user-space header has.
var kernelErrors = map[string]string{
	"ERESTARTSYS":           "To be restarted if SA_RESTART is set",
	"ERESTARTNOINTR":        "To be restarted",
	"ERESTARTNOHAND":        "To be restarted if no handler",
	"ENOIOCTLCMD":           "No ioctl command",
	"ERESTART_RESTARTBLOCK": "Interrupted by signal",
	"EPROBE_DEFER":          "Driver requests probe retry",
	"EOPENSTALE":            "Open found a stale dentry",
	"ENOPARAM":              "Parameter not supported",
	"EBADHANDLE":            "Illegal NFS file handle",
	"ENOTSYNC":              "Update synchronization mismatch",
	"EBADCOOKIE":            "Cookie is stale",
	"ENOTSUPP":              "Operation is not supported",
	"ETOOSMALL":             "Buffer or request is too small",
	"ESERVERFAULT":          "An untranslatable error occurred",
	"EBADTYPE":              "Type not supported by server",
	"EJUKEBOX":              "Request initiated, but will not complete before timeout",
	"EIOCBQUEUED":           "Iocb queued, will get completion event",
	"ERECALLCONFLICT":       "Conflict with recalled state",
	"ENOGRACE":              "NFS file lock reclaim refused",
}
