/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Identities. A task gets an id before its first event, and a row in the table task once in every epoch. A task that
 * changes its comm or its executable gets a new id. Its task storage also holds whether the task is recorded, and its
 * in-flight system call.
 */
#ifndef FLETCH_TASK_H
#define FLETCH_TASK_H

#include "walk.h"

/* Set by the loader before the programs start. */
const volatile u32 recorder_tgid; /* record(1) itself is never recorded; in the initial pid namespace */
const volatile bool want_tree;    /* record only `targets` or a command, and their descendants */
const volatile bool want_comm;    /* record only tasks named comm_filter */
const volatile comm_t comm_filter;

/* Which families are recorded, some by mechanism. The verifier removes the code for the others. */
const volatile bool want_process; /* fork, exec and exit; identities are always kept */
const volatile bool want_syscall;
const volatile bool want_seccomp;
const volatile bool want_file;         /* reads and writes */
const volatile bool want_file_calls;   /* reads and writes, as system calls */
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
volatile u32 identity_changes; /* identities ended + verdicts invalidated */
volatile u32 joined; /* processes added to `targets` by the programs - processes removed from it */

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

struct task_state {
	task_id id;    /* 0: none */
	u32 announced; /* the last epoch in which id was announced, plus 1; 0: never */
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

/* The announced cgroups. If the map is full, no more are announced. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
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

COLD bool comm_matches(struct task_struct *task)
{
	comm_t comm = {};

	bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
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

/* decide sets the verdict of a task. */
COLD void decide(struct task_struct *task, struct task_state *st)
{
	u32 tgid = task->tgid;
	bool on = tgid != recorder_tgid;

	if (want_tree) {
		if (st->tree == TREE_UNKNOWN)
			st->tree = bpf_map_lookup_elem(&targets, &tgid) ? TREE_INSIDE : TREE_OUTSIDE;
		on = on && st->tree == TREE_INSIDE;
	}
	if (on && want_comm)
		on = comm_matches(task);
	st->verdict = on ? RECORD : IGNORE;
}

/* recorded says whether the task is recorded. */
HOT bool recorded(struct task_struct *task, struct task_state *st)
{
	if (st->verdict == UNDECIDED)
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

/*
 * begin_recording is called when a task may be recorded from now on that was not before. The call that it is in, if it is
 * in one, began before.
 */
HOT void begin_recording(struct task_state *st)
{
	st->recorded_since = bpf_ktime_get_ns();
	st->begun = BEGUN_UNKNOWN;
}

/* begin_command is called at the first execve of a command: its recording begins here. */
HOT void begin_command(struct task_state *st)
{
	st->tree = TREE_INSIDE;
	join_tree(bpf_get_current_pid_tgid() >> 32);
	invalidate_verdict(st);
}

/* cgroup_step is path_step for the path of a cgroup. */
__noinline int cgroup_step(u32 key)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	struct kernfs_node *kn;
	u64 parent;

	if (!s)
		return STEP_CUT;
	kn = (void *)s->walk.at;
	if (bpf_core_field_exists(kn->parent))
		parent = FIELD(kn, struct kernfs_node, parent);
	else
		parent = FIELD(kn, struct kernfs_node___rcu, __parent);
	if (!parent)
		return STEP_TOP;
	if (!put_name(s, FIELD(kn, struct kernfs_node, name)))
		return STEP_CUT;
	s->walk.at = parent;
	return STEP_MORE;
}

/* append_cgroup is append_path for the path of a cgroup. */
COLD u32 append_cgroup(struct scratch *s, u32 off, struct kernfs_node *kn, struct ref *r)
{
	enum step step = STEP_MORE;

	s->walk.at = (u64)kn;
	s->walk.off = off;
	for (int i = 0; i < DPATH_DEPTH && step == STEP_MORE; i++)
		step = cgroup_step(s->key);
	r->flags = step == STEP_TOP ? 0 : REF_CUT;
	r->off = off;
	r->len = s->walk.off - off;
	return s->walk.off;
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

/* build_task builds the row of a task in the scratch buffer, and returns its length. */
COLD u32 build_task(struct scratch *s, struct task_struct *task, task_id id)
{
	struct task_event *e = (void *)s->data;
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	u32 len = sizeof(*e);

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_task;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->tid = task->pid;
	e->pid = task->tgid;
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->uid = BPF_CORE_READ(task, cred, uid.val);
	e->gid = BPF_CORE_READ(task, cred, gid.val);
	e->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), task->comm);
	put_pid_namespace(e, task);
	if (exe)
		len = append_path(s, len, BPF_CORE_READ(exe, f_path.dentry), BPF_CORE_READ(exe, f_path.mnt), &e->exe);
	return len;
}

/* build_cgroup builds the row of the task's cgroup in the scratch buffer, and returns its length. */
COLD u32 build_cgroup(struct scratch *s, struct task_struct *task)
{
	struct cgroup_event *e = (void *)s->data;
	struct kernfs_node *kn = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
	u32 len = sizeof(*e);

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_cgroup;
	e->cgroup = BPF_CORE_READ(kn, id);
	len = append_cgroup(s, len, kn, &e->name);
	e->container = e->name;
	return len;
}

/*
 * claim gives the task an id if it has none, and says whether the caller has to announce it in this epoch. A caller
 * that fails to must restore st->announced to *before, so that the next event tries again.
 */
HOT bool claim(struct task_state *st, u32 *before)
{
	u32 now = epoch + 1;

	*before = st->announced;
	if (!st->id)
		__sync_val_compare_and_swap(&st->id, 0, (task_id)(__sync_fetch_and_add(&last_task, 1) + 1));
	return *before != now && __sync_val_compare_and_swap(&st->announced, *before, now) == *before;
}

/* new_cgroup says whether the caller has to announce the task's cgroup. */
COLD bool new_cgroup(struct task_struct *task, cgroup_id *id)
{
	u32 one = 1;

	*id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	if (bpf_map_lookup_elem(&cgroups, id))
		return false;
	return bpf_map_update_elem(&cgroups, id, &one, BPF_NOEXIST) == 0;
}

/*
 * announce_task writes the row of a task, unless this epoch has it, and that of its cgroup, unless the recording has
 * it.
 */
HOT void announce_task(struct task_struct *task, struct task_state *st)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s;
	cgroup_id id;
	u32 len, before;

	if (!claim(st, &before))
		return;
	s = scratch_get();
	if (!s) {
		st->announced = before;
		return;
	}
	len = build_task(s, task, st->id);
	if (output(s, len))
		count(cpu, KIND_task, true);
	else
		st->announced = before;
	if (new_cgroup(task, &id)) {
		len = build_cgroup(s, task);
		if (output(s, len))
			count(cpu, KIND_cgroup, true);
		else
			bpf_map_delete_elem(&cgroups, &id);
	}
	scratch_put(s);
}

/*
 * announce is announce_task for the current task. It is a global function, so that the verifier checks it only once for
 * each program: inlined everywhere, it made verification half a second longer.
 */
__noinline int announce(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (st)
		announce_task(task, st);
	return 0;
}

/* identity returns the id of the current task, after announcing it in this epoch if there was room. */
HOT task_id identity(struct task_struct *task, struct task_state *st)
{
	if (st->announced != epoch + 1)
		announce();
	return st->id;
}

/* end_identity makes the task's next event use a new id. An id that was never announced is counted as a lost row. */
HOT void end_identity(struct task_state *st)
{
	if (st->id && !st->announced)
		count_lost(KIND_task);
	st->id = 0;
	st->announced = 0;
	__sync_fetch_and_add(&identity_changes, 1);
}

#endif
