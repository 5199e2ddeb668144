/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Identities. A task gets an id before its first event, and a row in the table task once in every epoch. The id stands
 * for the values in that row: a task that changes its name, users, cgroup, mount namespace or executable gets another
 * one. Its task storage also holds whether the task is recorded, and its in-flight system call.
 */
#ifndef FLETCH_TASK_H
#define FLETCH_TASK_H

#include "walk.h"

/* Set by the loader before the programs start. */
const volatile u32 recorder_tgid; /* record(1) itself is never recorded; in the initial pid namespace */
const volatile bool want_tree;    /* record only `targets` or a command, and their descendants */
const volatile bool want_comm;    /* record only tasks named comm_filter */
const volatile comm_t comm_filter;
const volatile u32 page_size = 4096; /* bytes */
const volatile bool want_users;   /* record only tasks of the users in user_filter */
const volatile bool want_cgroups; /* record only tasks in `selected_cgroups`, and below */
#define USERS_MAX 64
const volatile u32 user_filter[USERS_MAX]; /* real user ids */
const volatile u32 user_count;
const volatile u32 cgroup_hierarchy; /* the kernel's id of the hierarchy that is recorded; 0: cgroup2 */
#define want_owner (want_users || want_cgroups)

/* Which families are recorded, some by mechanism. The verifier removes the code for the others. */
const volatile bool want_process; /* fork, exec and exit; identities are always kept */
const volatile bool want_syscall;
const volatile bool want_seccomp;
const volatile bool want_file;         /* reads and writes */
const volatile bool want_file_calls;   /* reads and writes, as system calls */
const volatile bool want_file_frames;  /* reads and writes, by kprobe */
const volatile bool want_rename_calls; /* successful renames, as system calls */
const volatile bool want_ipc_calls;    /* IPC permission checks, as the system calls that make them */
const volatile bool want_tcp;          /* the system calls accept and accept4 */
const volatile bool want_tcp_connects; /* connects that fail before the first packet, as system calls */

/* Set by record(1) at run time. */
volatile u32 enabled;
volatile u64 started; /* when the programs were enabled (CLOCK_MONOTONIC, ns) */
volatile u32 command_armed; /* the next process that record(1) forks is the command */
volatile u32 following;     /* what `targets` start becomes a target, even if nothing is recorded yet */
volatile u32 epoch;         /* tasks and paths announced in an earlier epoch are announced again */

volatile u32 last_task;        /* the last id given to a task */
volatile u32 joined; /* processes added to `targets` by the programs - processes removed from it */
volatile u32 identity_changes; /* verdicts invalidated + changes to identities of tasks that are not current */

/*
 * Set by the loader: where struct css_set has the state of the controller whose hierarchy (cgroup v1) is recorded; 0:
 * cgroup2. Ids of cgroups are unique only within a hierarchy, so a recording uses one.
 */
const volatile u32 cgroup_controller;

/*
 * Added to the ids of cgroups: CGROUP_RENAME for each cgroup that was renamed since the recording began. So names before
 * and after belong to different ids, for eight million renames. The kernel's ids have an inode number in the lower half,
 * and in the upper half a generation that grows when these numbers begin anew; they are not used again.
 */
#define CGROUP_RENAME (1ULL << 40)
volatile u64 cgroup_renames;

/* Whether a task is recorded. */
enum verdict { UNDECIDED, RECORD, IGNORE };

/* With want_tree: whether a task is in one of the process trees that are recorded. */
enum tree {
	TREE_UNKNOWN,
	TREE_OUTSIDE,
	TREE_INSIDE,
	TREE_ARMED, /* forked by record(1) as the command; inside from its execve on */
};

/* What is known of the call that a task was in when the recording began. */
enum begun {
	BEGUN_UNKNOWN, /* the task has neither entered nor left a call since: its next exit may be the end of such a call */
	BEGUN_CALL,    /* it is in task_state.begun_call */
	BEGUN_NONE,    /* there was none, or it has ended */
};

/* Whether the next call of a task continues one that a signal interrupted. */
enum restart {
	RESTART_NONE,
	RESTART_NEXT,     /* the next call does, if it has the same number */
	RESTART_HANDLER,  /* a signal handler runs; it is continued after that */
	RESTART_RETURNED, /* a handler has returned: perhaps this one, perhaps one that interrupted it */
};

/* An in-flight connect. */
struct connect_call {
	u64 ts;       /* when it began; 0: no connect */
	u64 sk;       /* address of the socket; 0: one that the call creates */
	u64 addr;     /* where the remote address is */
	s32 len;      /* of the remote address, in bytes */
	u16 family;   /* of the socket: AF_* */
	u16 syn_sent; /* the socket's state changes will report the result */
};

/* A System V object, as it was when it was checked. */
struct ipc_object {
	s64 key;
	s32 id;
	u32 owner;
	u32 creator;
	s32 mode;
};

/* An in-flight System V call. */
struct ipc_request {
	u64 ts;
	u32 does; /* enum call_does */
	u32 uid;  /* the effective one */
	s64 arg[5]; /* in the order of the call's own prototype, also if it is made by ipc(2) */
	u64 indirect; /* address of an argument of ipc(2) in user memory; 0: none */
	struct ipc_object object; /* if found */
	bool found;
	s32 flag;    /* the access that is checked; 0: not known yet */
	s32 last_id; /* of the objects that were there at the entry of a ...get */
};

/* What an id stands for. Values, because addresses of credentials and cgroups are used again. */
struct who {
	u64 comm[2];
	cgroup_id cgroup;
	u32 uid; /* of real_cred: the kernel overrides cred, for example in overlayfs */
	u32 gid;
	u32 euid;
	u32 egid;
	u32 mntns;
	u32 execs;      /* task_state.execs */
	task_id thread; /* the first id of the thread */
	u32 pad_thread;
};

struct task_state {
	task_id id;    /* 0: none */
	u32 announced; /* the last epoch in which id was announced, plus 1; 0: never */
	struct who who;
	u32 execs;    /* how often the executable has changed */
	u32 changes;  /* identity_changes before the cgroup in who was last compared */
	u32 changing; /* a program changes or announces the identity */
	u32 exited;   /* the last thread of the process has ended; only in its leader */
	task_id executed; /* who it was at the exec that who lacks; see announce_executed */
	u32 verdict;   /* enum verdict */
	u32 tree;      /* enum tree */
	struct call call; /* the in-flight call, if it was switched out or its class has more than CALL_FILE */
	/* In-flight reads and writes. A vfs_read may be inside another one; for system calls only the first is used. */
	struct file_call file[2];
	struct connect_call connect;
	u32 file_depth;
	struct ipc_request ipc;
	u32 killed;     /* the SIGSYS of a seccomp kill was recorded */
	u32 trapped;    /* a seccomp filter has trapped the call that the task is in */
	u32 begun;      /* enum begun; only a compare and swap changes BEGUN_UNKNOWN to BEGUN_CALL */
	u32 restart;    /* enum restart */
	u32 restart_nr; /* the call that was interrupted */
	s32 restart_error; /* what it returned: -ERESTART* */
	u32 handler_calls; /* calls of the handler so far */
	u32 restarted;  /* the read or write that the task is in continues another one */
	u64 recorded_since; /* when this task began to be recorded; 0: when the others did */
	struct call begun_call;
	u64 begun_file; /* address of the struct file of its first argument, if it is a read or write; 0: none */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

/*
 * The processes in the recorded trees that run: those of option -p and what they had started, which the loader adds, or
 * the command; and what these start. By process id. If the map is full, `tree` alone says it of a task.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
} targets SEC(".maps");

/*
 * The cgroups that are recorded, with those below them, by the kernel's id. The loader adds those that there are, and
 * process_cgroup_made those that are made later under one of `selected_names`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, u32);
} selected_cgroups SEC(".maps");

#define CGROUP_NAME_MAX 256
struct cgroup_name {
	char path[CGROUP_NAME_MAX]; /* padded with NULs */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cgroup_name);
	__type(value, u32);
} selected_names SEC(".maps");

/*
 * The earlier identities of threads. A server that takes its client's user id for each request, and its own in between,
 * comes back under the same ids, however many clients there are. A thread whose identity was evicted gets a new id.
 */
struct known {
	task_id thread; /* as in who */
	task_id id;
	u32 announced; /* as in task_state */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct who);
	__type(value, struct known);
} identities SEC(".maps");

/* The last epoch in which each cgroup was announced, plus 1. One that was evicted is announced again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, cgroup_id);
	__type(value, u32);
} cgroups SEC(".maps");

/*
 * state_of returns a task's state, and creates it if necessary; NULL: that failed. It tries twice, because the first
 * attempt fails if another CPU creates the state at the same time.
 */
HOT struct task_state *state_of(struct task_struct *task)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!st)
		st = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return st;
}

COLD bool comm_matches(const char *name)
{
	comm_t comm = {};

	bpf_probe_read_kernel_str(comm, sizeof(comm), name);
	for (int i = 0; i < 16; i++) {
		if (comm[i] != comm_filter[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

/* join_tree makes a process one of `targets`; false: there is no room. */
HOT bool join_tree(u32 tgid)
{
	u32 one = 1;

	if (bpf_map_update_elem(&targets, &tgid, &one, BPF_NOEXIST))
		return bpf_map_lookup_elem(&targets, &tgid);
	__sync_fetch_and_add(&joined, 1);
	return true;
}

/* leave_tree is called when a process has ended, and for a new process, whose id may be that of an earlier one. */
HOT void leave_tree(u32 tgid)
{
	if (!bpf_map_delete_elem(&targets, &tgid))
		__sync_fetch_and_sub(&joined, 1);
}

HOT u64 parent_of(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return FIELD(kn, struct kernfs_node, parent);
	return FIELD(kn, struct kernfs_node___rcu, __parent);
}

/* cgroup_of returns the node of a task's cgroup in the hierarchy that is recorded. */
HOT struct kernfs_node *cgroup_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css;

	if (!cgroup_controller)
		return BPF_CORE_READ(set, dfl_cgrp, kn);
	css = (void *)load_u64((u64)set + cgroup_controller);
	return BPF_CORE_READ(css, cgroup, kn);
}

#define CGROUP_DEPTH 64 /* a cgroup that is deeper is not found in selected_cgroups */

/* in_selected_cgroup says whether a cgroup is recorded. It is global, so that the verifier checks it once a program. */
__noinline int in_selected_cgroup(u64 kn)
{
	for (int i = 0; i < CGROUP_DEPTH && kn; i++) {
		u64 id = FIELD(kn, struct kernfs_node, id);

		if (bpf_map_lookup_elem(&selected_cgroups, &id))
			return 1;
		kn = parent_of((void *)kn);
	}
	return 0;
}

/* selected_user says whether the tasks of a user are recorded. */
COLD bool selected_user(u32 uid)
{
	for (u32 i = 0; i < USERS_MAX && i < user_count; i++) {
		if (user_filter[i] == uid)
			return true;
	}
	return false;
}

/* selected_owner says whether tasks of this one's user, in its cgroup, are recorded. */
HOT bool selected_owner(struct task_struct *task)
{
	const struct cred *cred = untrusted(task)->real_cred;

	if (want_users && !(cred && selected_user(cred->uid.val)))
		return false;
	return !want_cgroups || in_selected_cgroup((u64)cgroup_of(task));
}

/* stale_slot makes the next call of a task find out who it is. */
HOT void stale_slot(struct task_struct *task)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot;

	if (task != bpf_get_current_task_btf()) {
		__sync_fetch_and_add(&identity_changes, 1);
		return;
	}
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (slot)
		slot->version = 0;
}

/*
 * begin_recording is called when a task may be recorded from now on that was not before. The call that it is in, if it is
 * in one, began before.
 */
HOT void begin_recording(struct task_state *st)
{
	st->recorded_since = bpf_ktime_get_ns();
	st->begun = BEGUN_UNKNOWN;
}

/* decide_named sets the verdict of a task of that name. */
COLD void decide_named(struct task_struct *task, struct task_state *st, const char *name)
{
	u32 tgid = task->tgid;
	bool on = tgid != recorder_tgid;

	if (want_tree) {
		if (st->tree == TREE_UNKNOWN)
			st->tree = bpf_map_lookup_elem(&targets, &tgid) ? TREE_INSIDE : TREE_OUTSIDE;
		on = on && st->tree == TREE_INSIDE;
	}
	if (on && want_comm)
		on = comm_matches(name);
	if (on && want_owner)
		on = selected_owner(task);
	if (on && want_owner && st->verdict == IGNORE) {
		begin_recording(st); /* it has changed its user or cgroup */
		stale_slot(task);
	}
	st->verdict = on ? RECORD : IGNORE;
}

/* decide sets the verdict of a task. */
HOT void decide(struct task_struct *task, struct task_state *st)
{
	decide_named(task, st, task->comm);
}

/* recorded says whether the task is recorded. */
HOT bool recorded(struct task_struct *task, struct task_state *st)
{
	if (st->verdict == UNDECIDED || want_owner)
		decide(task, st);
	return st->verdict == RECORD;
}

/* identity_version changes when the id or verdict in a slot may have become stale. It is never 0. */
HOT u64 identity_version(void)
{
	return (u64)(epoch + 1) << 32 | identity_changes;
}

/* invalidate_verdict makes the next event decide again whether the task is recorded. */
HOT void invalidate_verdict(struct task_state *st)
{
	st->verdict = UNDECIDED;
	__sync_fetch_and_add(&identity_changes, 1);
}

/* begin_command is called at the first execve of a command: its recording begins here. */
HOT void begin_command(struct task_state *st)
{
	st->tree = TREE_INSIDE;
	join_tree(bpf_get_current_pid_tgid() >> 32);
	invalidate_verdict(st);
}

/* cgroup_component is component for the path of a cgroup. */
HOT enum step cgroup_component(struct scratch *s)
{
	struct kernfs_node *kn = (void *)s->walk.at;
	u64 parent = parent_of(kn);

	if (!parent)
		return STEP_TOP;
	if (!put_name(s, FIELD(kn, struct kernfs_node, name)))
		return STEP_CUT;
	s->walk.at = parent;
	return STEP_MORE;
}

/* cgroup_step is path_step for the path of a cgroup. */
__noinline int cgroup_step(u32 key)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	enum step step = STEP_MORE;

	if (!s)
		return STEP_CUT;
	for (int i = 0; i < STEPS && step == STEP_MORE; i++)
		step = cgroup_component(s);
	return step;
}

/* append_cgroup is append_path for the path of a cgroup. */
COLD u32 append_cgroup(struct scratch *s, u32 off, struct kernfs_node *kn, struct ref *r)
{
	enum step step = STEP_MORE;

	s->walk.at = (u64)kn;
	s->walk.off = off;
	for (int i = 0; i < DPATH_DEPTH / STEPS && step == STEP_MORE; i++)
		step = cgroup_step(s->key);
	r->flags = step == STEP_TOP ? 0 : REF_CUT;
	r->off = off;
	r->len = s->walk.off - off;
	return s->walk.off;
}

HOT cgroup_id cgroup_id_of(struct kernfs_node *kn)
{
	return (BPF_CORE_READ(kn, id) + cgroup_renames) & ~(1ULL << 63); /* columns are signed, and ids above 0 */
}

/* has_left says whether another task is ending: its namespaces may be freed while a program reads them. */
HOT bool has_left(struct task_struct *task)
{
	return task->flags & PF_EXITING && task != bpf_get_current_task_btf();
}

/*
 * mntns_of returns the mount namespace of a task. One that has left, or has ended and so has no namespaces any more,
 * keeps what its state says.
 */
HOT u32 mntns_of(struct task_struct *task, struct task_state *st, bool left)
{
	struct nsproxy *ns = untrusted(task)->nsproxy;
	u32 mntns = st->who.mntns;

	barrier_var(mntns); /* else both loads become one, which the verifier refuses */
	if (ns && !left)
		mntns = ns->mnt_ns->ns.inum;
	return mntns;
}

/* read_who sets *who to what a task is now. */
HOT void read_who(struct task_struct *task, struct task_state *st, struct who *who)
{
	const struct cred *cred = untrusted(task)->real_cred;

	*who = st->who; /* all bytes: it is compared, and is a key */
	bpf_probe_read_kernel(who->comm, sizeof(who->comm), task->comm);
	who->cgroup = cgroup_id_of(cgroup_of(task));
	if (cred) {
		who->uid = cred->uid.val;
		who->gid = cred->gid.val;
		who->euid = cred->euid.val;
		who->egid = cred->egid.val;
	}
	who->mntns = mntns_of(task, st, has_left(task));
	who->execs = st->execs;
}

/*
 * same_identity says whether a task, which may have left, is still who its state says. It does not read the cgroup:
 * process_moved tells of changes.
 */
HOT bool same_identity(struct task_struct *task, struct task_state *st, bool left)
{
	const struct cred *cred = untrusted(task)->real_cred;
	u64 *comm = (void *)task->comm;
	u64 differs;

	if (!cred)
		return false;
	differs = comm[0] ^ st->who.comm[0];
	differs |= comm[1] ^ st->who.comm[1];
	differs |= cred->uid.val ^ st->who.uid;
	differs |= cred->gid.val ^ st->who.gid;
	differs |= cred->euid.val ^ st->who.euid;
	differs |= cred->egid.val ^ st->who.egid;
	differs |= mntns_of(task, st, left) ^ st->who.mntns;
	differs |= st->execs ^ st->who.execs;
	differs |= st->changes ^ identity_changes;
	return !differs;
}

/* put_pid_namespace sets the ids that a task has in its own pid namespace. */
HOT void put_pid_namespace(struct task_event *e, struct task_struct *task)
{
	struct pid *tid = BPF_CORE_READ(task, thread_pid), *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	u64 at = bpf_core_field_offset(struct pid, numbers) + BPF_CORE_READ(tid, level) * bpf_core_type_size(struct upid);
	struct pid_namespace *ns;

	if (!tid)
		return; /* the task has ended */
	e->nstid = FIELD((u64)tid + at, struct upid, nr);
	if (pid)
		e->nspid = FIELD((u64)pid + at, struct upid, nr);
	ns = (void *)FIELD((u64)tid + at, struct upid, ns);
	e->pidns = BPF_CORE_READ(ns, ns.inum);
}

/*
 * memory_of returns the address of a task's memory; of a first thread that has ended before the process, that of another
 * thread, unless several are just ending. A kernel thread has none.
 */
COLD u64 memory_of(struct task_struct *task)
{
	struct task_struct *current = bpf_get_current_task_btf();
	u64 mm = (u64)BPF_CORE_READ(task, mm), head, node;

	if (!mm && task->tgid == current->tgid)
		mm = (u64)BPF_CORE_READ(current, mm);
	head = (u64)BPF_CORE_READ(task, signal) + bpf_core_field_offset(struct signal_struct, thread_head);
	node = FIELD(head, struct list_head, next);
	for (int i = 0; i < 4 && !mm && node != head; i++) {
		mm = FIELD(node - bpf_core_field_offset(struct task_struct, thread_node), struct task_struct, mm);
		node = FIELD(node, struct list_head, next);
	}
	return mm;
}

/* build_task builds the row of a task's identity in the scratch buffer, and returns its length. */
HOT u32 build_task(struct scratch *s, struct task_struct *task, struct task_state *st)
{
	struct task_event *e = (void *)s->data;
	struct mm_struct *mm = (void *)memory_of(task);
	struct file *exe;
	u32 len = sizeof(*e);

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_task;
	e->task = st->id;
	e->ts = bpf_ktime_get_ns();
	e->tid = task->pid;
	e->pid = task->tgid;
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->uid = st->who.uid;
	e->gid = st->who.gid;
	e->euid = st->who.euid;
	e->egid = st->who.egid;
	e->cgroup = st->who.cgroup;
	e->mntns = st->who.mntns;
	__builtin_memcpy(e->comm, st->who.comm, sizeof(e->comm));
	put_pid_namespace(e, task);
	exe = BPF_CORE_READ(mm, exe_file);
	if (exe)
		len = append_path(s, len, BPF_CORE_READ(exe, f_path.dentry), BPF_CORE_READ(exe, f_path.mnt), &e->exe);
	return len;
}

/* build_cgroup builds the row of a cgroup in the scratch buffer, and returns its length. */
HOT u32 build_cgroup(struct scratch *s, struct kernfs_node *kn, cgroup_id id)
{
	struct cgroup_event *e = (void *)s->data;
	u32 len = sizeof(*e);

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_cgroup;
	e->cgroup = id;
	len = append_cgroup(s, len, kn, &e->name);
	e->container = e->name;
	return len;
}

HOT task_id new_id(void)
{
	return __sync_fetch_and_add(&last_task, 1) + 1;
}

/* lock_identity says whether the caller may change and announce the identity, which it then has to unlock. */
HOT bool lock_identity(struct task_state *st)
{
	if (__sync_val_compare_and_swap(&st->changing, 0, 1) == 0)
		return true;
	if (!st->id)
		__sync_val_compare_and_swap(&st->id, 0, new_id());
	__sync_fetch_and_add(&identity_changes, 1); /* a slot is not filled with what is being changed */
	return false;
}

HOT void unlock_identity(struct task_state *st)
{
	barrier();
	st->changing = 0;
}

/*
 * find_known returns what *who was known as in *copy. The kernel may give the memory of an evicted element to another
 * thread at any time: it writes the first word first, which tells.
 */
HOT bool find_known(struct who *who, struct known *copy)
{
	volatile struct known *k = bpf_map_lookup_elem(&identities, who);
	task_id thread;

	if (!k)
		return false;
	copy->announced = k->announced;
	barrier();
	copy->id = k->id;
	barrier();
	thread = k->thread;
	return thread == who->thread;
}

/*
 * change_identity makes *now what a locked state says, under the id that the thread had the last time it was that. An
 * id that was never announced is counted as a lost row.
 */
COLD void change_identity(struct task_struct *task, struct task_state *st, struct who *now)
{
	struct known mine = { .thread = now->thread, .id = st->id, .announced = st->announced }, known = {};

	if (!mine.id || !now->thread) {
		__sync_val_compare_and_swap(&st->id, 0, new_id());
		now->thread = st->id;
		st->who = *now;
		return;
	}
	if (mine.announced)
		bpf_map_update_elem(&identities, &st->who, &mine, BPF_ANY);
	else
		count_lost(KIND_task);
	if (!find_known(now, &known)) {
		known.id = new_id();
		known.announced = 0;
	}
	st->announced = 0;
	st->who = *now;
	st->id = known.id;
	st->announced = known.announced;
	stale_slot(task);
}

/*
 * update_identity compares the identity of a locked state with what the task is now, and changes it if they differ. The
 * caller stores the result in st->changes. (Without a result, register 0 may have a pointer to the stack, which the
 * verifier refuses.)
 */
COLD u32 update_identity(struct task_struct *task, struct task_state *st)
{
	struct who now;
	u64 differs = 0;
	u32 changes = identity_changes;

	read_who(task, st, &now);
	for (int i = 0; i < sizeof(now) / sizeof(u64); i++)
		differs |= ((u64 *)&now)[i] ^ ((u64 *)&st->who)[i];
	if (differs || !now.thread)
		change_identity(task, st, &now);
	return changes;
}

/*
 * new_cgroup says whether the caller has to announce the cgroup of a locked state in this epoch. *kn is its node. If the
 * task has moved since the state was compared with it, the row of the old cgroup is lost, unless an earlier epoch has it.
 */
COLD bool new_cgroup(struct task_struct *task, struct task_state *st, struct kernfs_node **kn)
{
	cgroup_id id = st->who.cgroup;
	u32 now = epoch + 1, *announced = bpf_map_lookup_elem(&cgroups, &id), before = announced ? *announced : 0;

	if (before == now)
		return false;
	*kn = cgroup_of(task);
	if (cgroup_id_of(*kn) == id && bpf_map_update_elem(&cgroups, &id, &now, BPF_ANY) == 0)
		return true;
	if (!before)
		count_lost(KIND_cgroup);
	return false;
}

/* announce_locked writes the row of a task, and that of its cgroup unless the recording has it. */
COLD void announce_locked(struct task_struct *task, struct task_state *st)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = scratch_get();
	struct kernfs_node *kn;
	u32 len, now = epoch + 1;

	if (!s)
		return; /* the next event tries again */
	len = build_task(s, task, st);
	if (output(s, len, KIND_task)) {
		count(cpu, KIND_task, true);
		st->announced = now;
	}
	if (new_cgroup(task, st, &kn)) {
		cgroup_id id = st->who.cgroup;

		len = build_cgroup(s, kn, id);
		if (output(s, len, KIND_cgroup))
			count(cpu, KIND_cgroup, true);
		else
			bpf_map_delete_elem(&cgroups, &id);
	}
	scratch_put(s);
}

/*
 * announce_task writes the row of a task, unless this epoch has it. update: the task may have another identity now. If
 * another program is doing that for the same task, it does nothing: then the next event tries again.
 */
HOT void announce_task(struct task_struct *task, struct task_state *st, bool update)
{
	if (!lock_identity(st))
		return;
	if (update || !st->who.thread)
		st->changes = update_identity(task, st);
	if (st->announced != epoch + 1)
		announce_locked(task, st);
	unlock_identity(st);
}

/*
 * announce is announce_task for the current task, and returns its id. It is a global function, so that the verifier
 * checks it only once for each program: inlined everywhere, it made verification half a second longer.
 */
__noinline int announce(u32 update)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (!st)
		return 0;
	if (st->announced != epoch + 1 || (update && !same_identity(task, st, false)))
		announce_task(task, st, update);
	return st->id;
}

/* identity_inline returns the id of the current task, after announcing it in this epoch if there was room. */
HOT task_id identity_inline(struct task_struct *task, struct task_state *st)
{
	if (st->announced != epoch + 1 || !same_identity(task, st, false))
		announce(true);
	return st->id;
}

/* identity is identity_inline for code that is not hot: for the verifier it is a call. */
HOT task_id identity(struct task_struct *task, struct task_state *st)
{
	return announce(true);
}

/* identity_of is identity for any task. */
HOT task_id identity_of(struct task_struct *task, struct task_state *st)
{
	if (st->announced != epoch + 1 || !same_identity(task, st, has_left(task)))
		announce_task(task, st, true);
	return st->id;
}

/* reannounce announces the identity that a call had at its entry, if an epoch began since, and it is still known. */
HOT void reannounce(struct task_state *st, task_id id)
{
	if (st->announced != epoch + 1 && st->id == id)
		announce(false);
}

#endif
