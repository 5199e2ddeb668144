// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// kindRules has the kind of parameters, by "call.parameter", or "*.parameter" for all that are not pointers. Parameters
// without a rule are shown by their type, see kindOfType.
var kindRules = rules(
	"kindFD", `*.fd *.ufd *.epfd *.fildes *.oldfd *.newfd *.out_fd *.in_fd *.fd_in *.fd_out *.fdin *.fdout *.pidfd
		*.fs_fd *.ruleset_fd *.group_fd *.fanotify_fd *.kernel_fd *.initrd_fd *.max_fd *.mqdes`,
	"kindDirFD", "*.dfd *.olddfd *.newdfd *.from_dfd *.to_dfd *.mountdirfd",
	"kindDevice", "mknod.dev mknodat.dev ustat.dev",
	"setFileType", "mknod.mode mknodat.mode",
	"kindMode", "umask.mask",
	"kindID", "*.user *.group",

	"setOpen", "open.flags openat.flags open_by_handle_at.flags mq_open.oflag fanotify_init.event_f_flags",
	"setAccess", "access.mode faccessat.mode faccessat2.mode",
	"setAtAccess", "faccessat2.flags",
	"setAtUnlink", "unlinkat.flag",
	"setAt", `fchownat.flag newfstatat.flag fstatat64.flag linkat.flags utimensat.flags utimensat_time32.flags
		execveat.flags fchmodat2.flags *.at_flags`,
	"setAtHandle", "name_to_handle_at.flag",
	"setAtStatx", "statx.flags",
	"setStatx", "statx.mask",
	"setRename", "renameat2.flags",
	"setWhence", "*.whence",
	"setFcntl", "fcntl.cmd fcntl64.cmd",
	"kindFcntlArg", "fcntl.arg fcntl64.arg",
	"setIoctl", "ioctl.cmd",
	"setFlock", "flock.cmd",
	"setCloExec", "pipe2.flags dup3.flags",
	"setCloseRange", "close_range.flags",
	"setSplice", "splice.flags vmsplice.flags tee.flags",
	"setFalloc", "fallocate.mode",
	"setFadvise", "*.advice",
	"setSyncRange", "sync_file_range.flags sync_file_range2.flags",
	"setXattr", "setxattr.flags lsetxattr.flags fsetxattr.flags",
	"setMemfd", "memfd_create.flags",
	"setCloExec", "memfd_secret.flags",
	"setRWF", "preadv2.flags pwritev2.flags",
	"kindOffset", "fallocate.len",
	"kindUint", "*.vlen *.nr_segs *.liovcnt *.riovcnt getcwd.size",
	"kindOffset", "*.pos_l",
	"kindHidden", "*.pos_h",

	"kindPointer", "*.addr *.start *.brk *.new_addr *.newsp",
	"kindUint", "*.len *.old_len *.new_len *.maxnode *.nr_pages remap_file_pages.size map_shadow_stack.size",
	"kindFD", "mmap.fd mmap2.fd",
	"setProt", "*.prot",
	"setMap", "mmap.flags mmap2.flags remap_file_pages.flags",
	"setMremap", "mremap.flags",
	"setMadvise", "*.behavior",
	"setMsync", "msync.flags",
	"setMlock", "mlock2.flags",
	"setMlockall", "mlockall.flags",
	"setMempolicy", "mbind.mode set_mempolicy.mode",
	"setMbind", "mbind.flags move_pages.flags",
	"setGetMempolicy", "get_mempolicy.flags",
	"setPkey", "pkey_alloc.init_val",
	"setUserfaultfd", "userfaultfd.flags",

	"setSignal", "*.sig",
	"setSigmask", "rt_sigprocmask.how sigprocmask.how",
	"setClone", "clone.clone_flags",
	"setNamespace", "unshare.unshare_flags setns.nstype",
	"setWait", "wait4.options waitid.options waitpid.options",
	"setWaitFor", "waitid.which",
	"setPidfd", "pidfd_open.flags",
	"setPidfdSignal", "pidfd_send_signal.flags",
	"setPolicy", "*.policy",
	"setPriority", "setpriority.which getpriority.which",
	"setIoprio", "ioprio_set.which ioprio_get.which",
	"kindHex", "ioprio_set.ioprio",
	"setRlimit", "*.resource",
	"setRusage", "getrusage.who",
	"setKcmp", "kcmp.type",
	"setPersonality", "personality.personality",
	"setPrctl", "prctl.option",
	"setArchPrctl", "arch_prctl.option",
	"setPtrace", "ptrace.request",
	"kindInt", "ptrace.pid",
	"setSeccomp", "seccomp.op",
	"setSeccompFlags", "seccomp.flags",
	"setMembarrier", "membarrier.cmd",
	"setRseq", "rseq.flags",
	"kindHex", "rseq.sig",
	"setFutex", "futex.op futex_time32.op",
	"setFutexBits", "futex.val3 futex_time32.val3",
	"kindFutexWait", "futex.utime futex_time32.utime",
	"setFutex2", "futex_wake.flags futex_wait.flags",

	"setClock", "timerfd_create.clockid",
	"setTimer", "clock_nanosleep.flags clock_nanosleep_time32.flags timer_settime.flags timer_settime32.flags",
	"setItimer", "getitimer.which setitimer.which",
	"setTimerfdSet", "timerfd_settime.flags timerfd_settime32.flags",
	"setTimerfd", "timerfd_create.flags",
	"setEventfd", "eventfd2.flags",
	"setSignalfd", "signalfd4.flags",
	"setEpoll", "epoll_create1.flags",
	"setEpollOp", "epoll_ctl.op epoll_ctl_old.op",
	"setInotify", "inotify_init1.flags",
	"setInotifyMask", "inotify_add_watch.mask",
	"setFanotify", "fanotify_init.flags",
	"setFanotifyMark", "fanotify_mark.flags",

	"setFamily", "*.family",
	"setSocket", "socket.type socketpair.type",
	"kindProtocol", "socket.protocol socketpair.protocol",
	"setSocketFlags", "accept4.flags",
	"setMsg", `sendto.flags recvfrom.flags send.flags recv.flags sendmsg.flags recvmsg.flags sendmmsg.flags
		recvmmsg.flags recvmmsg_time32.flags`,
	"setShutdown", "shutdown.how",
	"setSockLevel", "*.level",
	"kindUint", "iopl.level",
	"kindSockOption", "*.optname",

	"setMount", "mount.flags",
	"setUmount", "umount.flags",
	"setOpenTree", "open_tree.flags open_tree_attr.flags",
	"setMoveMount", "move_mount.ms_flags",
	"setMountSetattr", "mount_setattr.flags",
	"setMountAttr", "fsmount.ms_flags",
	"setFsopen", "fsopen.flags",
	"setFsmount", "fsmount.flags",
	"setFspick", "fspick.flags",
	"setFsconfig", "fsconfig.cmd",
	"setSwap", "swapon.swap_flags",
	"setLandlock", "landlock_create_ruleset.flags",
	"setLSMAttr", "*.attr",
	"setLSMFlags", "lsm_get_self_attr.flags",

	"setIPCGet", "msgget.msgflg semget.semflg",
	"setShmGet", "shmget.flag",
	"setShmAt", "shmat.shmflg",
	"setShmCtl", "shmctl.cmd",
	"setSemCtl", "semctl.cmd",
	"setMsgCtl", "msgctl.cmd",
	"setMsgFlags", "msgsnd.msgflg msgrcv.msgflg",
	"setIPC", "ipc.call",
	"setSocketcall", "socketcall.call",

	"setKeyctl", "keyctl.cmd",
	"setBPF", "bpf.cmd",
	"setPerfEvent", "perf_event_open.flags",
	"setUring", "io_uring_enter.flags",
	"setUringRegister", "io_uring_register.op",
	"kindUint", "*.argsz",
	"setRandom", "getrandom.flags",
	"setReboot", "reboot.cmd",
	"setRebootMagic", "reboot.magic1 reboot.magic2",
	"setSyslog", "syslog.type",
	"setModuleInit", "finit_module.flags",
	"setModuleDelete", "delete_module.flags",
	"setKexecFile", "kexec_file_load.flags",

	"kindHex", "*.flags quotactl.cmd quotactl_fd.cmd",
	"kindUint", "*.cmdline_len *.bytecount kexec_load.nr_segments ioperm.num",
)

// rules makes a map of pairs of a kind and the parameters that it is for, separated by spaces.
func rules(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		for _, param := range strings.Fields(pairs[i+1]) {
			if m[param] != "" && m[param] != pairs[i] {
				panic("two rules for " + param)
			}
			m[param] = pairs[i]
		}
	}
	return m
}

// kind chooses how a parameter is shown: by the rule for it in this call; a pointer as such; by the rule for its name;
// by its type.
func (g *generator) kind(call string, q param) string {
	if k, ok := g.rule(call + "." + q.name); ok {
		return k
	}
	if strings.Contains(q.ctype, "*") {
		return "kindPointer"
	}
	if k, ok := g.rule("*." + q.name); ok {
		return k
	}
	if k, ok := kindOfType[q.ctype]; ok {
		return k
	}
	panic(fmt.Sprintf("no kind for %s.%s of type %s", call, q.name, q.ctype))
}

func (g *generator) rule(param string) (string, bool) {
	k, ok := kindRules[param]
	if ok {
		g.used["kind "+param] = true
	}
	return k, ok
}

// kindOfType has the kind of parameters without a rule, by their type.
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
