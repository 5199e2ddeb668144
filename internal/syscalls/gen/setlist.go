// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// uapi are the headers that define the constants. An asm/ header is looked up in the architecture first and then in
// asm-generic; the first definition of a name counts.
var uapi = []string{
	"uapi/asm/fcntl.h", "uapi/linux/fcntl.h", "uapi/linux/fs.h", "uapi/linux/stat.h", "uapi/asm/mman.h",
	"uapi/asm/mman-common.h", "uapi/linux/mman.h", "uapi/asm/signal.h", "uapi/asm/socket.h", "uapi/asm/ioctls.h",
	"uapi/asm/resource.h", "uapi/asm/ptrace-abi.h", "uapi/asm/ptrace.h", "uapi/asm/prctl.h",
	"uapi/linux/sched.h", "uapi/linux/futex.h", "uapi/linux/prctl.h", "uapi/linux/time.h", "uapi/linux/wait.h",
	"uapi/linux/eventpoll.h", "uapi/linux/eventfd.h", "uapi/linux/timerfd.h", "uapi/linux/signalfd.h",
	"uapi/linux/inotify.h", "uapi/linux/fanotify.h", "uapi/linux/mount.h", "uapi/linux/memfd.h", "uapi/linux/random.h",
	"uapi/linux/resource.h", "uapi/linux/reboot.h", "uapi/linux/in.h", "uapi/linux/in6.h", "uapi/linux/tcp.h",
	"uapi/linux/keyctl.h", "uapi/linux/bpf.h", "uapi/linux/perf_event.h", "uapi/linux/seccomp.h",
	"uapi/linux/falloc.h", "uapi/linux/fadvise.h", "uapi/linux/ptrace.h", "uapi/linux/membarrier.h",
	"uapi/linux/mempolicy.h", "uapi/linux/kcmp.h", "uapi/linux/personality.h", "uapi/linux/ipc.h", "uapi/linux/shm.h",
	"uapi/linux/sem.h", "uapi/linux/msg.h", "uapi/linux/ioprio.h", "uapi/linux/io_uring.h", "uapi/linux/landlock.h",
	"uapi/linux/close_range.h", "uapi/linux/userfaultfd.h", "uapi/linux/xattr.h", "uapi/linux/module.h",
	"uapi/linux/pidfd.h", "uapi/linux/rseq.h", "uapi/linux/lsm.h", "uapi/linux/kexec.h",
	"linux/socket.h", "linux/net.h", "linux/splice.h", "linux/fs.h", "linux/swap.h", "linux/syslog.h",
}

var sets = []set{
	{name: "Open", mask: "3", value: "O_RDONLY O_WRONLY O_RDWR", style: "hex",
		flags: `O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC O_DSYNC FASYNC O_DIRECT O_LARGEFILE O_TMPFILE
			O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH`},
	{name: "Access", flags: "R_OK=4 W_OK=2 X_OK=1", zero: "F_OK", style: "hex"},
	{name: "At", flags: "AT_SYMLINK_NOFOLLOW AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH", style: "hex"},
	{name: "AtAccess", flags: "AT_SYMLINK_NOFOLLOW AT_EACCESS AT_EMPTY_PATH", style: "hex"},
	{name: "AtHandle", flags: "AT_HANDLE_MNT_ID_UNIQUE AT_HANDLE_FID AT_SYMLINK_FOLLOW AT_EMPTY_PATH", style: "hex"},
	{name: "AtUnlink", flags: "AT_REMOVEDIR", style: "hex"},
	{name: "AtStatx", mask: "0x6000", style: "hex",
		value: "AT_STATX_SYNC_AS_STAT AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC",
		flags: "AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH"},
	{name: "Statx", style: "hex",
		flags: `STATX_ALL STATX_BASIC_STATS STATX_TYPE STATX_MODE STATX_NLINK STATX_UID STATX_GID STATX_ATIME
			STATX_MTIME STATX_CTIME STATX_INO STATX_SIZE STATX_BLOCKS STATX_BTIME STATX_MNT_ID STATX_DIOALIGN
			STATX_MNT_ID_UNIQUE STATX_SUBVOL STATX_WRITE_ATOMIC`},
	{name: "Rename", flags: "RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT", style: "hex"},
	{name: "FileType", mask: "0170000", style: "octal", flags: "none",
		value: "S_IFREG S_IFDIR S_IFCHR S_IFBLK S_IFIFO S_IFLNK S_IFSOCK"},
	{name: "Whence", value: "SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE"},
	{name: "Fcntl",
		value: `F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG F_GETSIG
			F_GETLK64 F_SETLK64 F_SETLKW64 F_SETOWN_EX F_GETOWN_EX F_GETOWNER_UIDS F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW
			F_SETLEASE F_GETLEASE F_NOTIFY F_DUPFD_QUERY F_CREATED_QUERY F_CANCELLK F_DUPFD_CLOEXEC F_SETPIPE_SZ
			F_GETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_GET_RW_HINT F_SET_RW_HINT F_GET_FILE_RW_HINT F_SET_FILE_RW_HINT`},
	{name: "FD", flags: "FD_CLOEXEC", style: "hex"},
	{name: "Seal", flags: "F_SEAL_*@fcntl.h", style: "hex"},
	{name: "Lease", value: "F_RDLCK F_WRLCK F_UNLCK"},
	{name: "Flock", mask: "0xb", value: "LOCK_SH LOCK_EX LOCK_UN", flags: "LOCK_NB LOCK_MAND", style: "hex"},
	// fs.h, behind a cast
	{name: "RWF", style: "hex",
		flags: "RWF_HIPRI=1 RWF_DSYNC=2 RWF_SYNC=4 RWF_NOWAIT=8 RWF_APPEND=0x10 RWF_NOAPPEND=0x20 RWF_ATOMIC=0x40"},
	{name: "CloExec", flags: "O_CLOEXEC O_NONBLOCK O_DIRECT", style: "hex"},
	{name: "CloseRange", flags: "CLOSE_RANGE_UNSHARE CLOSE_RANGE_CLOEXEC", style: "hex"},
	{name: "Splice", flags: "SPLICE_F_MOVE SPLICE_F_NONBLOCK SPLICE_F_MORE SPLICE_F_GIFT", style: "hex"},
	{name: "Falloc", flags: "FALLOC_FL_*@falloc.h -FALLOC_FL_ALLOCATE_RANGE", style: "hex"},
	// s390 differs
	{name: "Fadvise",
		value: `POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED POSIX_FADV_DONTNEED=4
			POSIX_FADV_NOREUSE=5`},
	{name: "SyncRange", style: "hex",
		flags: "SYNC_FILE_RANGE_WAIT_BEFORE SYNC_FILE_RANGE_WRITE SYNC_FILE_RANGE_WAIT_AFTER"},
	{name: "Xattr", flags: "XATTR_CREATE XATTR_REPLACE", style: "hex"},
	{name: "Memfd", flags: "MFD_CLOEXEC MFD_ALLOW_SEALING MFD_HUGETLB MFD_NOEXEC_SEAL MFD_EXEC", style: "hex"},
	{name: "Ioctl", value: "*@ioctls.h -TIOCPKT_* -TIOCSER_*", style: "hex"},

	{name: "Prot", zero: "PROT_NONE", style: "hex",
		flags: "PROT_READ PROT_WRITE PROT_EXEC PROT_SEM PROT_BTI PROT_MTE PROT_GROWSDOWN PROT_GROWSUP"},
	{name: "Map", mask: "0xf", style: "hex",
		value: "MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE MAP_DROPPABLE",
		flags: `MAP_FIXED MAP_ANONYMOUS MAP_32BIT MAP_ABOVE4G MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE MAP_LOCKED
			MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE`},
	{name: "Mremap", flags: "MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP", style: "hex"},
	{name: "Madvise", value: "MADV_*@mman-common.h"},
	{name: "Msync", flags: "MS_ASYNC MS_INVALIDATE MS_SYNC", style: "hex"},
	{name: "Mlock", flags: "MLOCK_ONFAULT", style: "hex"},
	{name: "Mlockall", flags: "MCL_CURRENT MCL_FUTURE MCL_ONFAULT", style: "hex"},
	{name: "Mempolicy", mask: "0xff", style: "hex",
		value: `MPOL_DEFAULT MPOL_PREFERRED MPOL_BIND MPOL_INTERLEAVE MPOL_LOCAL MPOL_PREFERRED_MANY
			MPOL_WEIGHTED_INTERLEAVE`,
		flags: "MPOL_F_STATIC_NODES MPOL_F_RELATIVE_NODES MPOL_F_NUMA_BALANCING"},
	{name: "Mbind", flags: "MPOL_MF_STRICT MPOL_MF_MOVE MPOL_MF_MOVE_ALL", style: "hex"},
	{name: "GetMempolicy", flags: "MPOL_F_NODE MPOL_F_ADDR MPOL_F_MEMS_ALLOWED", style: "hex"},
	{name: "Pkey", flags: "PKEY_DISABLE_ACCESS PKEY_DISABLE_WRITE", style: "hex"},
	{name: "Userfaultfd", flags: "UFFD_USER_MODE_ONLY O_NONBLOCK O_CLOEXEC", style: "hex"},

	{name: "Signal",
		value: "SIG*@signal.h -SIGRTM* -SIGSTKSZ -SIGSWI -SIGPOLL -SIGLOST -SIGUNUSED -SIGIOT " + realtimeSignals()},
	{name: "Sigmask", value: "SIG_BLOCK=0 SIG_UNBLOCK=1 SIG_SETMASK=2"}, // asm-generic/signal-defs.h
	{name: "Clone", mask: "0xff", valueLast: true, style: "hex",
		value: "SIG*@signal.h -SIGRTM* -SIGSTKSZ -SIGSWI -SIGPOLL -SIGLOST -SIGUNUSED -SIGIOT",
		flags: "CLONE_*@sched.h -CLONE_ARGS_* -CLONE_CLEAR_SIGHAND -CLONE_INTO_CGROUP -CLONE_NEWTIME"},
	{name: "Namespace", style: "hex",
		flags: `CLONE_NEWTIME CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM
			CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID CLONE_NEWNET CLONE_IO`},
	{name: "Wait", flags: "WNOHANG WUNTRACED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE", style: "hex"},
	{name: "WaitFor", value: "P_ALL P_PID P_PGID P_PIDFD"},
	{name: "Pidfd", flags: "PIDFD_NONBLOCK PIDFD_THREAD", style: "hex"},
	{name: "PidfdSignal", style: "hex",
		flags: "PIDFD_SIGNAL_THREAD PIDFD_SIGNAL_THREAD_GROUP PIDFD_SIGNAL_PROCESS_GROUP"},
	{name: "Policy", mask: "0xff", flags: "SCHED_RESET_ON_FORK", style: "hex",
		value: "SCHED_OTHER=0 SCHED_FIFO SCHED_RR SCHED_BATCH SCHED_IDLE SCHED_DEADLINE SCHED_EXT"},
	{name: "Priority", value: "PRIO_PROCESS PRIO_PGRP PRIO_USER"},
	{name: "Ioprio", value: "IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER"},
	{name: "Rlimit", value: "RLIMIT_*@resource.h"},
	{name: "Rusage", value: "RUSAGE_SELF RUSAGE_CHILDREN RUSAGE_BOTH RUSAGE_THREAD"},
	{name: "Kcmp", value: "KCMP_*@kcmp.h -KCMP_TYPES"},
	{name: "Personality", mask: "0xff", style: "hex",
		value: "PER_LINUX PER_LINUX32 PER_BSD PER_HPUX",
		flags: `0xffffffff=0xffffffff UNAME26 ADDR_NO_RANDOMIZE FDPIC_FUNCPTRS MMAP_PAGE_ZERO ADDR_COMPAT_LAYOUT
			READ_IMPLIES_EXEC ADDR_LIMIT_32BIT SHORT_INODE WHOLE_SECONDS STICKY_TIMEOUTS ADDR_LIMIT_3GB`},
	{name: "Prctl",
		value: `PR_SET_* PR_GET_* PR_CAPBSET_* PR_TASK_PERF_* PR_CAP_AMBIENT PR_MCE_KILL PR_MCE_KILL_GET PR_SVE_SET_VL
			PR_SVE_GET_VL PR_SME_SET_VL PR_SME_GET_VL PR_PAC_RESET_KEYS PR_PAC_SET_ENABLED_KEYS PR_PAC_GET_ENABLED_KEYS
			PR_SCHED_CORE PR_MPX_* PR_RISCV_V_SET_CONTROL PR_RISCV_V_GET_CONTROL PR_PPC_GET_DEXCR PR_PPC_SET_DEXCR
			-PR_SET_MM_* -PR_SET_PTRACER_ANY -PR_SET_VMA_*`},
	{name: "ArchPrctl", value: "ARCH_* -ARCH_XCOMP_* -ARCH_SHSTK_SHSTK -ARCH_SHSTK_WRSS", style: "hex"},
	{name: "Ptrace", style: "hex",
		value: "PTRACE_* -PTRACE_EVENT_* -PTRACE_EVENTMSG_* -PTRACE_O_* -PTRACE_SYSCALL_INFO_* -PTRACE_PEEKSIGINFO_*"},
	{name: "Seccomp",
		value: "SECCOMP_SET_MODE_STRICT SECCOMP_SET_MODE_FILTER SECCOMP_GET_ACTION_AVAIL SECCOMP_GET_NOTIF_SIZES"},
	{name: "SeccompFlags", flags: "SECCOMP_FILTER_FLAG_*", style: "hex"},
	{name: "Membarrier", value: "enum:membarrier_cmd", style: "hex"},
	{name: "Rseq", flags: "RSEQ_FLAG_UNREGISTER", style: "hex"},
	{name: "Futex", mask: "0xff", style: "hex", flags: "FUTEX_CLOCK_REALTIME",
		value: `FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI
			FUTEX_UNLOCK_PI FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI
			FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2 FUTEX_*_PRIVATE`},
	{name: "FutexBits", flags: "FUTEX_BITSET_MATCH_ANY", style: "hex"},
	{name: "Futex2", mask: "3", flags: "FUTEX2_NUMA FUTEX2_PRIVATE", style: "hex",
		value: "FUTEX2_SIZE_U8 FUTEX2_SIZE_U16 FUTEX2_SIZE_U32 FUTEX2_SIZE_U64"},

	{name: "Clock", value: "CLOCK_*@time.h"},
	{name: "Timer", flags: "TIMER_ABSTIME", style: "hex"},
	{name: "Itimer", value: "ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF"},
	{name: "TimerfdSet", flags: "TFD_TIMER_ABSTIME TFD_TIMER_CANCEL_ON_SET", style: "hex"},
	{name: "Timerfd", flags: "TFD_CLOEXEC TFD_NONBLOCK", style: "hex"},
	{name: "Eventfd", flags: "EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK", style: "hex"},
	{name: "Signalfd", flags: "SFD_CLOEXEC SFD_NONBLOCK", style: "hex"},
	{name: "Epoll", flags: "EPOLL_CLOEXEC", style: "hex"},
	{name: "EpollOp", value: "EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD"},
	{name: "Inotify", flags: "IN_CLOEXEC IN_NONBLOCK", style: "hex"},
	{name: "InotifyMask", style: "hex",
		flags: `IN_ALL_EVENTS IN_ACCESS IN_MODIFY IN_ATTRIB IN_CLOSE_WRITE IN_CLOSE_NOWRITE IN_OPEN IN_MOVED_FROM
			IN_MOVED_TO IN_CREATE IN_DELETE IN_DELETE_SELF IN_MOVE_SELF IN_UNMOUNT IN_Q_OVERFLOW IN_IGNORED IN_ONLYDIR
			IN_DONT_FOLLOW IN_EXCL_UNLINK IN_MASK_CREATE IN_MASK_ADD IN_ISDIR IN_ONESHOT`},
	{name: "Fanotify", mask: "0xc", style: "hex",
		value: "FAN_CLASS_NOTIF FAN_CLASS_CONTENT FAN_CLASS_PRE_CONTENT",
		flags: `FAN_CLOEXEC FAN_NONBLOCK FAN_UNLIMITED_QUEUE FAN_UNLIMITED_MARKS FAN_ENABLE_AUDIT FAN_REPORT_PIDFD
			FAN_REPORT_TID FAN_REPORT_FID FAN_REPORT_DIR_FID FAN_REPORT_NAME FAN_REPORT_TARGET_FID
			FAN_REPORT_FD_ERROR`},
	{name: "FanotifyMark", style: "hex",
		flags: `FAN_MARK_ADD FAN_MARK_REMOVE FAN_MARK_DONT_FOLLOW FAN_MARK_ONLYDIR FAN_MARK_MOUNT FAN_MARK_IGNORED_MASK
			FAN_MARK_IGNORED_SURV_MODIFY FAN_MARK_FLUSH FAN_MARK_FILESYSTEM FAN_MARK_EVICTABLE FAN_MARK_IGNORE`},

	{name: "Family", value: "AF_*@socket.h -AF_MAX -AF_LOCAL -AF_ROUTE"},
	{name: "Socket", mask: "0xf", flags: "SOCK_CLOEXEC SOCK_NONBLOCK", style: "hex",
		value: "SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP SOCK_PACKET"},
	{name: "Protocol", value: "IPPROTO_*@in.h -IPPROTO_MAX"},
	{name: "SocketFlags", flags: "SOCK_CLOEXEC SOCK_NONBLOCK", style: "hex"},
	{name: "Msg", style: "hex",
		flags: `MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_PROBE MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_FIN
			MSG_SYN MSG_CONFIRM MSG_RST MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_WAITFORONE MSG_BATCH MSG_ZEROCOPY
			MSG_FASTOPEN MSG_CMSG_CLOEXEC`},
	{name: "Shutdown", value: "SHUT_RD SHUT_WR SHUT_RDWR"},
	{name: "SockLevel", value: "SOL_SOCKET SOL_*@socket.h"},
	{name: "SockOption", value: "SO_*@socket.h -SO_*_OLD -SO_GET_FILTER"},
	{name: "TCPOption",
		value: `TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2
			TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_INFO TCP_QUICKACK TCP_CONGESTION TCP_MD5SIG TCP_THIN_LINEAR_TIMEOUTS
			TCP_THIN_DUPACK TCP_USER_TIMEOUT TCP_REPAIR TCP_REPAIR_QUEUE TCP_QUEUE_SEQ TCP_REPAIR_OPTIONS TCP_FASTOPEN
			TCP_TIMESTAMP TCP_NOTSENT_LOWAT TCP_CC_INFO TCP_SAVE_SYN TCP_SAVED_SYN TCP_REPAIR_WINDOW
			TCP_FASTOPEN_CONNECT TCP_ULP TCP_MD5SIG_EXT TCP_FASTOPEN_KEY TCP_FASTOPEN_NO_COOKIE TCP_ZEROCOPY_RECEIVE
			TCP_INQ TCP_TX_DELAY TCP_AO_ADD_KEY TCP_AO_DEL_KEY TCP_AO_INFO TCP_AO_GET_KEYS TCP_AO_REPAIR TCP_IS_MPTCP`},
	{name: "IPOption", value: "IP_*@in.h -IP_PMTUDISC_* -IP_DEFAULT_* -IP_MSFILTER_SIZE -IP_RECVRETOPTS -IP_PROTOCOL"},
	{name: "IPv6Option",
		value: `IPV6_*@in6.h -IPV6_FL_* -IPV6_FLOWINFO_* -IPV6_PRIORITY_* -IPV6_TLV_* -IPV6_PMTUDISC_* -IPV6_PREFER_*`},

	{name: "Mount", flags: "MS_*@mount.h -MS_RMT_MASK -MS_MGC_* -MS_VERBOSE", style: "hex"},
	{name: "Umount", flags: "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW", style: "hex"},
	{name: "OpenTree", style: "hex",
		flags: "OPEN_TREE_CLONE OPEN_TREE_CLOEXEC AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_RECURSIVE"},
	{name: "MoveMount", flags: "MOVE_MOUNT_* -MOVE_MOUNT__MASK", style: "hex"},
	{name: "MountSetattr", flags: "AT_EMPTY_PATH AT_RECURSIVE AT_SYMLINK_NOFOLLOW AT_NO_AUTOMOUNT", style: "hex"},
	{name: "MountAttr", style: "hex", mask: "0x70",
		value: "MOUNT_ATTR_RELATIME MOUNT_ATTR_NOATIME MOUNT_ATTR_STRICTATIME",
		flags: `MOUNT_ATTR_RDONLY MOUNT_ATTR_NOSUID MOUNT_ATTR_NODEV MOUNT_ATTR_NOEXEC MOUNT_ATTR_NODIRATIME
			MOUNT_ATTR_IDMAP MOUNT_ATTR_NOSYMFOLLOW`},
	{name: "Fsopen", flags: "FSOPEN_CLOEXEC", style: "hex"},
	{name: "Fsmount", flags: "FSMOUNT_CLOEXEC", style: "hex"},
	{name: "Fspick", flags: "FSPICK_*", style: "hex"},
	{name: "Fsconfig", value: "FSCONFIG_*"},
	{name: "Swap", mask: "0x7fff", valueLast: true,
		flags: "SWAP_FLAG_PREFER SWAP_FLAG_DISCARD SWAP_FLAG_DISCARD_ONCE SWAP_FLAG_DISCARD_PAGES"},
	{name: "Landlock", flags: "LANDLOCK_CREATE_RULESET_*", style: "hex"},
	{name: "LandlockRule", value: "enum:landlock_rule_type"},
	{name: "LSMAttr", value: "LSM_ATTR_*"},
	{name: "LSMFlags", flags: "LSM_FLAG_SINGLE", style: "hex"},

	{name: "Key", flags: "none", zero: "IPC_PRIVATE", style: "hex"},
	{name: "IPCGet", flags: "IPC_CREAT IPC_EXCL", style: "octal"},
	{name: "ShmGet", flags: "IPC_CREAT IPC_EXCL SHM_HUGETLB SHM_NORESERVE", style: "octal"},
	{name: "ShmAt", flags: "SHM_RDONLY SHM_RND SHM_REMAP SHM_EXEC", style: "hex"},
	{name: "ShmCtl", mask: "0xff", flags: "IPC_64",
		value: "IPC_RMID IPC_SET IPC_STAT IPC_INFO SHM_LOCK SHM_UNLOCK SHM_STAT SHM_INFO SHM_STAT_ANY"},
	{name: "SemCtl", mask: "0xff", flags: "IPC_64",
		value: `IPC_RMID IPC_SET IPC_STAT IPC_INFO GETPID GETVAL GETALL GETNCNT GETZCNT SETVAL SETALL SEM_STAT SEM_INFO
			SEM_STAT_ANY`},
	{name: "MsgCtl", mask: "0xff", flags: "IPC_64",
		value: "IPC_RMID IPC_SET IPC_STAT IPC_INFO MSG_STAT MSG_INFO MSG_STAT_ANY"},
	{name: "MsgFlags", flags: "IPC_NOWAIT MSG_NOERROR MSG_EXCEPT MSG_COPY", style: "hex"},
	{name: "IPC", mask: "0xffff", flags: "none", style: "hex",
		value: "SEMOP SEMGET SEMCTL SEMTIMEDOP MSGSND MSGRCV MSGGET MSGCTL SHMAT SHMDT SHMGET SHMCTL"},
	// uapi/linux/net.h, named like the numbers
	{name: "Socketcall",
		value: `SYS_SOCKET=1 SYS_BIND=2 SYS_CONNECT=3 SYS_LISTEN=4 SYS_ACCEPT=5 SYS_GETSOCKNAME=6 SYS_GETPEERNAME=7
			SYS_SOCKETPAIR=8 SYS_SEND=9 SYS_RECV=10 SYS_SENDTO=11 SYS_RECVFROM=12 SYS_SHUTDOWN=13 SYS_SETSOCKOPT=14
			SYS_GETSOCKOPT=15 SYS_SENDMSG=16 SYS_RECVMSG=17 SYS_ACCEPT4=18 SYS_RECVMMSG=19 SYS_SENDMMSG=20`},

	{name: "Keyctl", value: "KEYCTL_* -KEYCTL_CAPS* -KEYCTL_SUPPORTS_* -KEYCTL_MOVE_EXCL"},
	{name: "BPF", value: "enum:bpf_cmd -__MAX_BPF_CMD -BPF_PROG_RUN"},
	{name: "PerfEvent", flags: "PERF_FLAG_*", style: "hex"},
	{name: "Uring", flags: "IORING_ENTER_*", style: "hex"},
	{name: "UringRegister", mask: "0x7fffffff", flags: "IORING_REGISTER_USE_REGISTERED_RING",
		value: "enum:io_uring_register_op -IORING_REGISTER_LAST -IORING_REGISTER_USE_REGISTERED_RING"},
	{name: "Random", flags: "GRND_*", style: "hex"},
	{name: "Reboot", value: "LINUX_REBOOT_CMD_*", style: "hex"},
	{name: "RebootMagic", value: "LINUX_REBOOT_MAGIC*", style: "hex"},
	{name: "Syslog", value: "SYSLOG_ACTION_*"},
	{name: "ModuleInit", flags: "MODULE_INIT_*", style: "hex"},
	{name: "ModuleDelete", flags: "O_NONBLOCK O_TRUNC", style: "hex"},
	{name: "KexecFile", flags: "KEXEC_FILE_*", style: "hex"},
}

// realtimeSignals are the real-time signals, counted from the kernel's SIGRTMIN as strace does.
func realtimeSignals() string {
	names := []string{"SIGRTMIN=32"}
	for n := 1; n <= 32; n++ {
		names = append(names, fmt.Sprintf("SIGRT_%d=%d", n, 32+n))
	}
	return strings.Join(names, " ")
}

// archOnly are words of lists that may match nothing, because not all architectures define these constants.
var archOnly = map[string]bool{
	"PROT_BTI": true, "PROT_MTE": true, "MAP_32BIT": true, "MAP_ABOVE4G": true, "ARCH_*": true,
}
