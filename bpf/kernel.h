/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel types that the programs use, with only the members that they use. The loader relocates each access to the
 * layout of the running kernel (CO-RE), so offsets here mean nothing.
 */
#ifndef FLETCH_KERNEL_H
#define FLETCH_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* Type names that bpf_helper_defs.h uses. */
typedef u8 __u8;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 << 0, BPF_F_CLONE = 1 << 9, BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1, BPF_SK_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_PROD_POS = 3 };

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r8, r9, r10, bp, bx, cx, dx, si, di, ax, orig_ax, ip, sp;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 sp;
	u64 pc;
	u64 orig_x0;
	s32 syscallno;
};
#endif

struct thread_info {
	unsigned long flags;
	unsigned long syscall_work; /* x86 */
	u32 status;                 /* x86 */
};

struct qstr {
	u64 hash_len;
	const unsigned char *name;
};
struct hlist_bl_node {
	void **pprev;
};
struct super_block {
	u32 s_dev;
	unsigned long s_magic;
};
struct inode {
	u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	s64 i_size;
	u32 i_generation;
	void *i_private;
};
typedef struct {
	u32 sequence;
} seqcount_spinlock_t;
struct dentry {
	seqcount_spinlock_t d_seq;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};
struct proc_ns_operations {
	const char *name;
};
struct ns_common {
	const struct proc_ns_operations *ops;
	u32 inum;
};
struct mnt_namespace {
	struct ns_common ns;
	u64 seq; /* until 6.17 */
	u64 event;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	u64 mnt_id_unique; /* since 6.8 */
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	void *private_data;
	s64 f_pos;
	struct path f_path;
};
struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct fs_struct {
	struct path pwd;
};

typedef struct {
	long counter;
} atomic_long_t;
struct percpu_counter {
	s64 count;
};
/* In pages; the indexes of rss_stat are in include/linux/mm_types_task.h. */
struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start, arg_end;
	unsigned long hiwater_rss;
	struct percpu_counter rss_stat[4];
};
/* Until 6.1. */
struct mm_rss_stat {
	atomic_long_t count[4];
};
struct mm_struct___atomic {
	struct mm_rss_stat rss_stat;
};

typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
};

typedef struct {
	int counter;
} atomic_t;
struct list_head {
	struct list_head *next;
};
typedef struct {
	u32 sequence;
} seqlock_t;
struct signal_struct {
	atomic_t live;
	struct list_head thread_head;
	u32 flags;
	int group_exit_code;
	/* Of threads that were released. */
	seqlock_t stats_lock;
	u64 utime, stime;
	u64 sum_sched_runtime;
	unsigned long maj_flt;
	unsigned long maxrss; /* in pages; of earlier programs, and of the last one once the process exits */
};

struct pid_namespace {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	u32 level;
	struct upid numbers[1];
};

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name;
	u64 id;
};
/* Since 6.15 the parent is protected by RCU and called __parent. */
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};

/* System V IPC. */
struct kern_ipc_perm {
	int id;
	int key;
	kuid_t uid;
	kuid_t cuid;
	u16 mode;
};
struct shmid_kernel {
	struct kern_ipc_perm shm_perm;
	struct task_struct *shm_creator;
};
struct xa_node {
	u8 shift;
	void *slots[];
};
struct xarray {
	void *xa_head;
};
struct idr {
	struct xarray idr_rt;
};
struct ipc_ids {
	unsigned short seq;
	int last_idx;
	struct idr ipcs_idr;
};
struct ipc_namespace {
	struct ipc_ids ids[3];
};
struct timens_offsets {
	struct timespec64 monotonic;
};
struct time_namespace {
	struct timens_offsets offsets;
};
struct nsproxy {
	struct ipc_namespace *ipc_ns;
	struct time_namespace *time_ns;
	struct mnt_namespace *mnt_ns;
};

/* TCP. */
struct in6_addr {
	u8 bytes[16];
};
typedef struct {
	s64 counter;
} atomic64_t;
struct sock_common {
	u16 skc_family;
	volatile unsigned char skc_state;
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	unsigned long skc_flags;
	atomic64_t skc_cookie;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
typedef struct {
	int owned;
} socket_lock_t;
struct socket;
struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	u16 sk_type;
	u16 sk_protocol;
	kuid_t sk_uid;
	int sk_err;
	struct socket *sk_socket;
};
struct inet_sock {
	struct sock sk;
	u32 inet_saddr;
	u16 inet_sport;
};
struct unix_address {
	int len; /* of name: the family and the path, with its NUL if it is that of a file */
	struct {
		u16 sun_family;
	} name[];
};
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};
struct netlink_sock {
	u32 portid;
};
struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};
struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue;
	void *icsk_ulp_data;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u64 bytes_received;
	u64 bytes_sent;
	u64 bytes_retrans;
	u32 total_retrans;
	u32 srtt_us;
	bool is_mptcp;
};
struct mptcp_sock {
	struct sock *first; /* the first TCP connection of an MPTCP socket */
};
struct mptcp_subflow_context {
	struct sock *conn; /* the MPTCP socket of a TCP connection */
};
typedef enum {
	SS_UNCONNECTED = 1,
} socket_state;
struct socket {
	socket_state state;
	struct sock *sk;
};
struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

/* Signals and seccomp. */
union __sifields {
	struct {
		void *_call_addr;
		int _syscall;
	} _sigsys;
};
struct kernel_siginfo {
	int si_signo;
	int si_errno;
	int si_code;
	union __sifields _sifields;
};
struct sigaction {
	void *sa_handler;
	unsigned long sa_flags;
};
struct k_sigaction {
	struct sigaction sa;
};
struct sighand_struct {
	struct k_sigaction action[64];
};
struct seccomp {
	int mode;
};
typedef struct {
	unsigned long sig[1];
} sigset_t;
struct sigpending {
	sigset_t signal;
};

struct sched_entity {
	u64 sum_exec_runtime;
};
struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	int exit_code;
	s32 pid;
	s32 tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	const struct cred *real_cred;
	const struct cred *cred;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct sighand_struct *sighand;
	struct seccomp seccomp;
	struct sigpending pending;
	struct list_head thread_node;
	u64 start_time;
	unsigned int __state;
	int on_cpu;
	unsigned int ptrace;
	unsigned long nvcsw, nivcsw;
	char comm[16];
	struct sched_entity se;
	u64 utime, stime;
	unsigned long maj_flt;
	int exit_state;
};

struct linux_binprm {
	const char *filename;
};

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

/* on_cpu says whether a task runs: it does until its registers and stack are saved. Without SMP only the current one. */
#define on_cpu(task) (bpf_core_field_exists((task)->on_cpu) && *(volatile int *)&(task)->on_cpu)

#define SIGNAL_GROUP_EXIT 0x4 /* include/linux/sched/signal.h */

/* include/linux/sched.h */
#define PF_EXITING 0x00000004
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000 /* since 6.4 */
#define PF_KTHREAD 0x00200000
#define TASK_RUNNING 0
#define TASK_DEAD 0x80
#define TASK_NOT_SLEEPING 0xfc /* stopped, traced, dead, parked */

/* HOT functions run for every event and are inlined; COLD ones run rarely and are called. */
#define HOT static __always_inline
#define COLD static __noinline

/* Since 6.2: makes any address a pointer to a kernel type, from which programs can load; a load that faults gives 0. */
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym __weak;
const volatile bool can_cast; /* set by the loader; if false, it has also removed the calls of bpf_rdonly_cast */

/*
 * load_u64 loads 8 bytes from a kernel address, 0 if it faults. It uses bpf_rdonly_cast where possible: reading by a
 * helper would cost as much as the rest of the entry of a call without its timestamp. The other way is expected not to
 * be taken: so it is at the end of the function, and the verifier removes it together with those of all other loads.
 */
HOT u64 load_u64(u64 at)
{
	u64 value = 0;

	if (__builtin_expect(can_cast, true)) {
		struct timespec64 *any = bpf_rdonly_cast((void *)at, bpf_core_type_id_kernel(struct timespec64));

		return any->tv_sec;
	}
	bpf_probe_read_kernel(&value, sizeof(value), (void *)at);
	return value;
}

/* FIELD loads 8 bytes at a member of a kernel struct; a caller whose member is shorter uses the low bytes. */
#define FIELD(at, type, member) load_u64((u64)(at) + bpf_core_field_offset(type, member))

/*
 * untrusted returns a pointer to the same task whose members have no trust to inherit. For a pointer that is loaded from
 * a trusted one the verifier looks up to four types of the kernel up by name, in a linear search, which takes as long
 * as the verification of a thousand instructions. It costs no instruction.
 */
HOT struct task_struct *untrusted(struct task_struct *task)
{
	return __builtin_expect(can_cast, true) ? bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct)) : task;
}

/* ARG is argument n of a tp_btf, fentry or LSM program, whose context is an array of 8-byte words. */
#define ARG(ctx, n, type) ((type)((ctx)[n]))

#endif
