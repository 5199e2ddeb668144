/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Identities. Every task that does something gets an id, kept in its task storage and announced once in the table task;
 * a new comm or a new executable is a new id. The same storage holds whether the task is recorded at all, and the system
 * call that it is in.
 */
#ifndef FLETCH_TASK_H
#define FLETCH_TASK_H

#include "rings.h"

/* Set by the loader before the programs start. */
const volatile u32 own_tgid;        /* the recorder: never recorded */
const volatile bool want_tree;      /* only `targets`, a command, and what they start */
const volatile bool want_comm;      /* only tasks named comm_filter */
const volatile comm_t comm_filter;

/* Which tables are recorded, and some by which mechanism: the verifier removes what is switched off. */
const volatile bool want_process; /* identities are kept in any case */
const volatile bool want_syscall;
const volatile bool want_seccomp;
const volatile bool want_file_calls;   /* reads and writes, as system calls */
const volatile bool want_ipc_calls;    /* permission checks, as the system calls that make them */
const volatile bool want_tcp;          /* accepts */
const volatile bool want_tcp_connects; /* connects that fail before the first packet, as system calls */

/* Set by the loader while they run. */
volatile u32 enabled;
volatile u32 command_armed; /* the next process the recorder forks is the command */
volatile u32 epoch;         /* what was announced in an earlier one is announced again */

volatile u32 last_task; /* the last task id given */
volatile u32 identity_changes; /* how many identities have ended or verdicts were invalidated */

enum verdict { UNDECIDED, RECORD, IGNORE };
enum tree {
	TREE_UNKNOWN,
	TREE_OUTSIDE,
	TREE_INSIDE,
	TREE_ARMED, /* forked by the recorder; inside from its execve on */
};

/* A connect in flight. */
struct connect_call {
	u64 ts; /* 0: none */
	addr_t daddr;
	u16 dport;
	u16 family; /* of the address: AF_* */
	u32 sent;   /* the state changes tell the rest */
};

struct task_state {
	task_id id;    /* 0: none given yet */
	u32 announced; /* the epoch in which it was, plus 1; 0: never */
	u32 verdict;
	u32 tree;
	struct call call;         /* while the task does not run, or when others than the calls' own table look at it */
	struct file_call file[2]; /* a read or write may cause another one; if they are calls, the first is the call's */
	struct connect_call connect;
	u32 file_depth;
	s32 ipc_in_use; /* objects before a ...get */
	u32 seen;       /* it entered a call, or returned from one, since the recording began */
	u32 killed;     /* a seccomp filter's signal was recorded */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} tasks SEC(".maps");

/* Process ids given with -p, and those of what was started by them when it could be given no storage. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u32);
} targets SEC(".maps");

/* cgroups announced. Full: further ones are counted as lost, not announced twice. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, cgroup_id);
	__type(value, u32);
} cgroups SEC(".maps");

/*
 * state_of makes a task's storage if it has none. That fails when another CPU does so for the same task at the same moment,
 * and the second time there is one.
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

COLD void decide(struct task_struct *task, struct task_state *st)
{
	u32 tgid = task->tgid;
	bool on = tgid != own_tgid;

	if (want_tree) {
		if (st->tree == TREE_UNKNOWN)
			st->tree = bpf_map_lookup_elem(&targets, &tgid) ? TREE_INSIDE : TREE_OUTSIDE;
		on = on && st->tree == TREE_INSIDE;
	}
	if (on && want_comm)
		on = comm_matches(task);
	st->verdict = on ? RECORD : IGNORE;
}

HOT bool recorded(struct task_struct *task, struct task_state *st)
{
	if (st->verdict == UNDECIDED)
		decide(task, st);
	return st->verdict == RECORD;
}

/* identity_version changes whenever what a slot holds of its task may be stale. Never 0. */
HOT u64 identity_version(void)
{
	return (u64)(epoch + 1) << 32 | identity_changes;
}

/* invalidate_verdict has it decided anew whether the task is recorded. */
HOT void invalidate_verdict(struct task_state *st)
{
	st->verdict = UNDECIDED;
	__sync_fetch_and_add(&identity_changes, 1);
}

/* The recording of a command begins with its execve. */
HOT void begin_command(struct task_state *st)
{
	st->tree = TREE_INSIDE;
	invalidate_verdict(st);
}

enum step {
	STEP_MORE,     /* there are more components */
	STEP_TOP,      /* the path is complete */
	STEP_DETACHED, /* the last component is in no directory */
	STEP_CUT,      /* it is longer, or cannot be read */
};

/* put_name puts a component where the walk is. */
HOT bool put_name(struct scratch *s, u64 name)
{
	u32 off = s->walk.off;
	long n;

	if (off > DPATH_MAX - 256)
		return false;
	n = bpf_probe_read_kernel_str(&s->data[off & (DPATH_MAX - 1)], 256, (void *)name);
	if (n <= 0)
		return false;
	s->walk.off = off + (n & 511);
	return true;
}

/*
 * path_step adds one component of a path to the scratch. It is a global function, which is verified once in each program: as
 * part of the loop around it, it took three quarters of all verification time. The deepest call chain to it, from a
 * call's exit through reannounce_path, has seven frames of the eight that are allowed (MAX_CALL_FRAMES).
 */
__noinline int path_step(u32 key)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	u64 dentry, mnt, parent;

	if (!s)
		return STEP_CUT;
	dentry = s->walk.at;
	mnt = s->walk.mnt;
	/* A mount on the root of a mount (a bind mount, an initramfs) stacks: two steps serve all in use. */
	for (int i = 0; i < 2; i++) {
		if (dentry == FIELD(mnt, struct mount, mnt.mnt_root)) {
			u64 up = FIELD(mnt, struct mount, mnt_parent);

			if (up == mnt)
				return STEP_TOP;
			dentry = FIELD(mnt, struct mount, mnt_mountpoint);
			mnt = up;
		}
	}
	parent = FIELD(dentry, struct dentry, d_parent);
	if (!dentry || !put_name(s, FIELD(dentry, struct dentry, d_name.name)))
		return STEP_CUT;
	s->walk.at = parent;
	s->walk.mnt = mnt;
	return parent == dentry ? STEP_DETACHED : STEP_MORE;
}

/* append_path adds the components of a path, leaf first, and says where in r. Returns the new end. */
COLD u32 append_path(struct scratch *s, u32 off, struct dentry *dentry, struct vfsmount *vfsmnt, struct ref *r)
{
	enum step step = STEP_MORE;

	r->flags = REF_CUT;
	if (dentry && !BPF_CORE_READ(dentry, d_hash.pprev) && dentry != BPF_CORE_READ(dentry, d_parent))
		r->flags |= REF_DELETED;
	s->walk.at = (u64)dentry;
	s->walk.mnt = (u64)container_of(vfsmnt, struct mount, mnt);
	s->walk.off = off;
	for (int i = 0; i < DPATH_DEPTH && step == STEP_MORE; i++)
		step = path_step(s->key);
	if (step == STEP_TOP)
		r->flags &= ~REF_CUT;
	if (step == STEP_DETACHED)
		r->flags = REF_DELETED; /* a memfd, a shared memory segment: /proc shows it as if at the root */
	r->off = off;
	r->len = s->walk.off - off;
	return s->walk.off;
}

/* cgroup_step is path_step of a cgroup. */
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

/* build_task puts the task's record into the scratch; its length. */
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
	if (exe)
		len = append_path(s, len, BPF_CORE_READ(exe, f_path.dentry), BPF_CORE_READ(exe, f_path.mnt), &e->exe);
	return len;
}

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
 * claim gives the task an id and says whether the caller has to announce it in this epoch. A caller that cannot puts
 * *before back into st->announced, so that the next event tries again.
 */
HOT bool claim(struct task_state *st, u32 *before)
{
	u32 now = epoch + 1;

	*before = st->announced;
	if (!st->id)
		__sync_val_compare_and_swap(&st->id, 0, (task_id)(__sync_fetch_and_add(&last_task, 1) + 1));
	return *before != now && __sync_val_compare_and_swap(&st->announced, *before, now) == *before;
}

/* new_cgroup says whether the task's cgroup is to be announced by the caller. */
COLD bool new_cgroup(struct task_struct *task, cgroup_id *id)
{
	u32 one = 1;

	*id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	if (bpf_map_lookup_elem(&cgroups, id))
		return false;
	return bpf_map_update_elem(&cgroups, id, &one, BPF_NOEXIST) == 0;
}

/* announce_task writes a task's row, and that of its cgroup, the first time in each epoch. */
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
		st->announced = before; /* its next event tries again */
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
 * announce is announce_task of the current task. It is a global function, which is verified once in each program: inlined at
 * every caller, verification took half a second more.
 */
__noinline int announce(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (st)
		announce_task(task, st);
	return 0;
}

/* identity is the id that the events of the current task carry, announced before the first of them where there is room. */
HOT task_id identity(struct task_struct *task, struct task_state *st)
{
	if (st->announced != epoch + 1)
		announce();
	return st->id;
}

/* end_identity: the next event of the task begins a new one. An id that was never announced is counted as a lost row. */
HOT void end_identity(struct task_state *st)
{
	if (st->id && !st->announced)
		count_lost(KIND_task);
	st->id = 0;
	st->announced = 0;
	__sync_fetch_and_add(&identity_changes, 1);
}

#endif
