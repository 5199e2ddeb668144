//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Processes: fork, exec with its arguments, and exit. These programs also keep the identities of tasks. */
#include "text.h"
#include "used.h"

/*
 * Set by the loader: sched_process_exit says whether the thread is the last one, and comes while it still has its
 * memory (since 6.16).
 */
const volatile bool exit_tells_last;
const volatile bool without_args; /* command lines are not to be recorded */

/* The tracepoint comes before the change. The task's next event finds the new name and announces it. */
SEC("tp_btf/task_rename")
int process_rename(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	struct task_state *st;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st)
		return 0;
	if (want_comm && st->verdict == IGNORE)
		begin_recording(st);
	if (want_comm && st->verdict != UNDECIDED)
		decide_named(task, st, ARG(ctx, 1, const char *));
	stale_slot(task);
	return 0;
}

/* Somebody moved a task, or a process with all its threads, to another cgroup. */
SEC("tp_btf/cgroup_attach_task")
int process_moved(u64 *ctx)
{
	__sync_fetch_and_add(&identity_changes, 1);
	return 0;
}

/* The same, for tasks whose CPUs or memory nodes have gone (cpuset of cgroup v1). */
SEC("tp_btf/cgroup_transfer_tasks")
int process_transferred(u64 *ctx)
{
	__sync_fetch_and_add(&identity_changes, 1);
	return 0;
}

/* A cgroup was made. If it has a name that is recorded (a service starts again), it is recorded as well. */
SEC("tp_btf/cgroup_mkdir")
int process_cgroup_made(u64 *ctx)
{
	struct cgroup *cgroup = ARG(ctx, 0, struct cgroup *);
	struct scratch *s;
	u32 one = 1;
	u64 id;

	if (!want_cgroups || BPF_CORE_READ(cgroup, root, hierarchy_id) != cgroup_hierarchy)
		return 0;
	s = scratch_get();
	if (!s)
		return 0;
	__builtin_memset(s->data, 0, CGROUP_NAME_MAX);
	id = BPF_CORE_READ(cgroup, kn, id);
	if (bpf_probe_read_kernel_str(s->data, CGROUP_NAME_MAX, ARG(ctx, 1, const char *)) > 0 &&
	    bpf_map_lookup_elem(&selected_names, s->data))
		bpf_map_update_elem(&selected_cgroups, &id, &one, BPF_ANY);
	scratch_put(s);
	return 0;
}

/* Only cgroup v1 can rename. The names of all cgroups below change too, so every id changes. */
SEC("tp_btf/cgroup_rename")
int process_cgroup_renamed(u64 *ctx)
{
	if (!enabled)
		return 0;
	__sync_fetch_and_add(&cgroup_renames, CGROUP_RENAME);
	__sync_fetch_and_add(&identity_changes, 1);
	return 0;
}

/*
 * announce_child announces a process before it runs. Without exit_tells_last its executable cannot be read any more when
 * it exits, which may be its first event.
 */
COLD int announce_child(struct task_struct *child)
{
	struct task_state *st = state_of(child);

	if (!st)
		count_lost(KIND_task);
	else if (recorded(child, st))
		identity_of(child, st);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int process_fork(u64 *ctx)
{
	struct task_struct *parent = ARG(ctx, 0, struct task_struct *);
	struct task_struct *child = ARG(ctx, 1, struct task_struct *);
	bool is_process = child->pid == child->tgid;
	u32 tgid = child->tgid, ptgid = parent->tgid;
	struct task_state *st, *cst;
	struct process_event *e;
	task_id id;

	if (want_tree && is_process && (enabled || following))
		leave_tree(tgid);
	if (!enabled) {
		if (want_tree && is_process && following && bpf_map_lookup_elem(&targets, &ptgid))
			join_tree(tgid);
		return 0;
	}
	if (ptgid == recorder_tgid) {
		if (command_armed && is_process) {
			cst = state_of(child);
			if (cst)
				cst->tree = TREE_ARMED;
			else
				count_lost(KIND_process);
		}
		return 0;
	}
	st = state_of(parent);
	if (!st) {
		count_lost(KIND_process);
		return 0;
	}
	recorded(parent, st);
	if (want_tree && st->tree == TREE_INSIDE) {
		bool joins = !is_process || join_tree(tgid);

		cst = state_of(child);
		if (cst) {
			cst->tree = TREE_INSIDE;
			cst->verdict = UNDECIDED; /* a signal to it may have come before */
		} else if (!joins) {
			count_lost(KIND_process);
		}
	}
	if (st->verdict != RECORD || !is_process || !want_process)
		return 0;
	if (!exit_tells_last)
		announce_child(child);
	id = identity(parent, st);
	e = reserve_of(bpf_get_current_uid_gid(), KIND_process, sizeof(*e));
	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_process;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->op = PROCESS_fork;
	e->pid = child->tgid;
	e->ppid = BPF_CORE_READ(child, real_parent, tgid); /* CLONE_PARENT: the parent's parent */
	submit(e);
	return 0;
}

#define CROWDED_TEXT 256 /* bytes of a text that are kept while the ring is crowded */
#define EXEC_TEXT 64 /* about how many bytes the texts of most execs take */

/*
 * append_args appends the command line, as the new program will see it, at off, sets *r to it, and returns its end. It
 * keeps `most` bytes, ARGS_MAX at most.
 */
COLD u32 append_args(struct scratch *s, u32 off, struct task_struct *task, struct ref *r, u64 most)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long end = BPF_CORE_READ(task, mm, arg_end);
	u64 want = end - start;
	u32 got = 0;

	r->off = off;
	r->len = 0;
	r->flags = 0;
	if (end <= start)
		return off;
	if (want > most) {
		want = most;
		r->flags = REF_CUT;
	}
	barrier_var(off); /* else the compiler drops the next test, which the verifier until 6.12 needs */
	if (off > SCRATCH_MAX - ARGS_MAX - 1)
		return off;
	if (bpf_probe_read_user(&s->data[off], want & (2 * ARGS_MAX - 1), (void *)start) == 0) {
		got = want;
	} else {
		/* Part of it is not in memory: keep what comes before. */
		for (int i = 0; i < ARGS_MAX / 512; i++) {
			if (got + 512 > want)
				break;
			if (off + got > SCRATCH_MAX - 512 || bpf_probe_read_user(&s->data[off + got], 512, (void *)(start + got)))
				break;
			got += 512;
		}
		r->flags = REF_CUT;
	}
	r->len = got;
	return off + got;
}

/*
 * announce_executed announces who the current task is after an exec, under an id of its own, and returns that: another
 * CPU holds its identity, because it sends this task a signal. The next event changes the identity, unless the task is
 * killed first; then its memory is gone.
 */
COLD task_id announce_executed(struct task_struct *task, struct task_state *st)
{
	struct scratch *s = scratch_get();
	struct task_event *e;
	struct who now;
	task_id id;
	u32 len;

	if (!s)
		return st->id;
	read_who(task, st, &now);
	len = build_task(s, task, st);
	e = (void *)s->data;
	id = new_id();
	e->task = id;
	e->uid = now.uid;
	e->gid = now.gid;
	e->euid = now.euid;
	e->egid = now.egid;
	e->cgroup = now.cgroup;
	e->mntns = now.mntns;
	__builtin_memcpy(e->comm, now.comm, sizeof(e->comm));
	if (output(s, len, KIND_task)) {
		count(bpf_get_smp_processor_id(), KIND_task, true);
		st->executed = id;
	}
	scratch_put(s);
	return st->executed == id ? id : st->id;
}

SEC("tp_btf/sched_process_exec")
int process_exec(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	struct linux_binprm *bprm = ARG(ctx, 2, struct linux_binprm *);
	struct process_event *e;
	struct task_state *st;
	struct scratch *s;
	task_id id;
	bool few;
	u32 len, most;
	long n;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_process);
		return 0;
	}
	if (st->tree == TREE_ARMED) /* no system calls are recorded: else call_begin has already done this */
		begin_command(st);
	st->execs++;
	stale_slot(task);
	if (!recorded(task, st))
		return 0;
	identity(task, st);
	if (want_strings)
		exec_text((u64)BPF_CORE_READ(bprm, filename));
	if (!want_process)
		return 0;
	id = st->who.execs == st->execs ? st->id : announce_executed(task, st);

	few = crowded();
	s = displaces(bpf_get_current_uid_gid(), sizeof(*e) + EXEC_TEXT) ? NULL : scratch_get();
	if (!s) {
		count_lost(KIND_process);
		return 0;
	}
	e = (void *)s->data;
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_process;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->op = PROCESS_exec;
	e->pid = task->tgid;
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	len = sizeof(*e);
	most = few ? CROWDED_TEXT : FILENAME_MAX_;
	n = bpf_probe_read_kernel_str(&s->data[sizeof(*e)], most, BPF_CORE_READ(bprm, filename));
	if (n > 1 && n <= FILENAME_MAX_) {
		e->filename.off = len;
		e->filename.len = n - 1;
		e->filename.flags = n == most && few ? REF_CUT : 0;
		len += n;
	}
	if (!without_args)
		len = append_args(s, len, task, &e->args, few ? CROWDED_TEXT : ARGS_MAX);
	count(bpf_get_smp_processor_id(), KIND_process, output(s, len, KIND_process));
	scratch_put(s);
	return 0;
}

/*
 * A process whose last thread is ending. Its row is written when its threads have left their CPUs for ever. Only then has
 * the kernel counted what they have used: the time since a thread came onto its CPU, which is all of a short process, and
 * the end itself, which frees the memory.
 */
struct leaving {
	task_id id;
	s32 pid;
	s32 ppid;
	u32 code; /* as wait(2) has it */
	u64 start_time;
	struct used others; /* what threads other than the last one, self, had used when that began to end */
};

/* By the address of signal_struct, which each of the threads holds. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64);
	__type(value, struct leaving);
} leaving SEC(".maps");

volatile u32 leavers; /* entries in `leaving` */

HOT void fill_exit(struct process_event *e, struct leaving *l)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_process;
	e->task = l->id;
	e->ts = bpf_ktime_get_ns();
	e->op = PROCESS_exit;
	e->pid = l->pid;
	e->ppid = l->ppid;
	e->exit_code = (l->code >> 8) & 0xff;
	e->signal = l->code & 0x7f;
	e->duration_ns = e->ts - l->start_time;
}

/* begin_leaving is called when the last thread of a process ends. Without room its row is written at once. */
COLD int begin_leaving(struct task_struct *task, struct task_struct *leader, task_id id)
{
	u64 key = (u64)untrusted(task)->signal;
	struct leaving l = { .id = id, .others = { .signal = key, .self = (u64)task } };
	struct signal_struct *signal = untrusted(leader)->signal;
	struct process_event *e;

	l.code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	l.pid = leader->tgid;
	l.ppid = BPF_CORE_READ(leader, real_parent, tgid);
	l.start_time = leader->start_time;
	sum_used(&l.others);
	l.others.cpu -= task->se.sum_exec_runtime;
	l.others.utime -= task->utime;
	l.others.stime -= task->stime;
	l.others.faults -= task->maj_flt;
	if (!bpf_map_update_elem(&leaving, &key, &l, BPF_NOEXIST)) {
		__sync_fetch_and_add(&leavers, 1);
		return 0;
	}
	e = reserve_of(bpf_get_current_uid_gid(), KIND_process, sizeof(*e));
	if (e) {
		fill_exit(e, &l);
		put_used(e, NULL, most_rss(key, 0));
		submit(e);
	}
	return 0;
}

HOT u64 greater(u64 a, u64 b)
{
	return a > b ? a : b;
}

/*
 * process_left is called when an ended thread leaves its CPU, and writes the row of its process if no other thread is
 * still ending. The last thread may have been released before, as soon as somebody waits for the process; then
 * signal_struct lacks what it has used since, and what the others had used before is added to that.
 */
COLD int process_left(struct task_struct *task)
{
	u64 key = (u64)untrusted(task)->signal;
	struct leaving *found = bpf_map_lookup_elem(&leaving, &key), l;
	struct process_event *e;
	struct used u = { .signal = key, .self = (u64)task };
	bool all;

	if (!found)
		return 0;
	all = sum_used(&u);
	if (u.others)
		return 0;
	l = *found;
	if (bpf_map_delete_elem(&leaving, &key))
		return 0; /* another thread writes it */
	__sync_fetch_and_sub(&leavers, 1);
	if (l.others.self == u.self) {
		u.cpu = greater(u.cpu, l.others.cpu + task->se.sum_exec_runtime);
		u.utime = greater(u.utime, l.others.utime + task->utime);
		u.stime = greater(u.stime, l.others.stime + task->stime);
		u.faults = greater(u.faults, l.others.faults + task->maj_flt);
	}
	e = reserve_of(bpf_get_current_uid_gid(), KIND_process, sizeof(*e));
	if (!e)
		return 0;
	fill_exit(e, &l);
	put_used(e, all ? &u : NULL, most_rss(key, 0));
	submit(e);
	return 0;
}

/* count_unannounced counts the row of a thread that ends before there was room for it: nobody will try again. */
COLD int count_unannounced(struct task_struct *task)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (!st || !st->id || st->announced)
		return 0;
	announce(false);
	if (!st->announced)
		count_lost(KIND_task);
	return 0;
}

/*
 * A process exits with its last thread, under the identity of its leader, which may have ended before. (In an exec by
 * another thread, that thread becomes the leader.) Without exit_tells_last, two threads that end together both find
 * that no other is left; then the first to be here counts.
 */
SEC("tp_btf/sched_process_exit")
int process_exit(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *), *leader;
	struct task_state *st;
	task_id id;
	bool last;

	if (!enabled || !want_process)
		return 0;
	count_unannounced(task);
	last = exit_tells_last ? (u8)ctx[1] : untrusted(task)->signal->live.counter == 0;
	leader = task->group_leader;
	if (!last && leader != task)
		return 0;
	st = state_of(leader);
	if (!st) {
		count_lost(KIND_process);
		return 0;
	}
	if (!recorded(leader, st))
		return 0;
	if (st->executed && st->who.execs != st->execs)
		id = st->executed; /* it has done nothing since */
	else /* while it has namespaces and memory: when the process exits it may have none */
		id = identity_of(leader, st);
	if (!last)
		return 0;
	if (!__sync_val_compare_and_swap(&st->exited, 0, 1))
		begin_leaving(task, leader, id);
	return 0;
}
