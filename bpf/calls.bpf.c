//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls. Entry and exit meet in what their CPU holds of the task that runs (rings.h), or in task storage if
 * the task did not run all the time; so a call is one row, written when it returns. A call that its task does not live
 * to see return, or that is still out when the recording ends, is `pending`.
 *
 * Other families look at calls too, where they have no better means; what they want of them is in their own
 * files. Those calls go through task storage, reads and writes only when the task leaves its CPU.
 */
#include "calls.h"
#include "task.h"
#include "file.bpf.c"
#include "ipc.bpf.c"
#include "tcp.bpf.c"
#include "seccomp.bpf.c"

/* Arguments each native call takes; what lies past them in registers is noise. Set by the loader. */
const volatile u8 arity[CALLS];

#define ARG0 __builtin_offsetof(struct syscall_event, arg)

/* emit_call writes the call's row, which is counted. */
HOT void emit_call(struct cpu *c, u32 cpu, struct call *call, task_id id, s64 ret, u64 duration)
{
	u32 args = call->args, size = ARG0 + args * sizeof(call->arg[0]);
	struct syscall_event *e;
	u64 head;

	e = own_reserve(c, cpu, OWN_CALLS, KIND_syscall, sizeof(*e), &head);
	if (!e)
		return;
	e->kind = KIND_syscall | size << 16;
	e->task = id;
	e->ts = call->ts;
	e->nr = call->nr;
	e->pad_nr = 0;
	e->ret = ret;
	e->duration_ns = duration;
	for (int i = 0; i < 6; i++) {
		if (i >= args)
			break;
		e->arg[i] = call->arg[i];
	}
	own_submit(c, cpu, OWN_CALLS, KIND_syscall, head, size);
}

/* lose counts a call that nobody is known to have made, if it is certain that it would have been recorded. */
HOT void lose(struct slot *slot)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);

	if (!c || want_comm || (want_tree && !bpf_map_lookup_elem(&targets, &tgid)))
		return;
	if (want_syscall)
		c->lost[KIND_syscall]++;
	if (want_file_calls && slot->call.class & CALL_FILE && slot->file.file)
		c->lost[KIND_file]++;
}

/*
 * who finds out who runs here: whether it is recorded, and as what. What it found is good until the task is switched
 * out or some identity ends; not at all while the identity could not be announced, so that the next call tries again.
 */
COLD struct task_state *who(struct slot *slot, struct task_struct *task)
{
	u64 now = identities();
	struct task_state *st = state_of(task);

	slot->known = 0;
	if (!st)
		return NULL;
	slot->verdict = recorded(task, st) ? RECORD : IGNORE;
	if (slot->verdict == RECORD) {
		slot->id = identity(task, st);
		if (st->announced != epoch + 1)
			return st;
	}
	slot->known = now;
	return st;
}

/* A call that somebody else than the tables of calls and files looks at: it goes through task storage. */
COLD int call_begin(struct pt_regs *regs, s32 nr, u32 args, u32 class)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot = bpf_map_lookup_elem(&slots, &cpu);
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct task_state *st;

	if (!slot || !c)
		return 0;
	slot->call.ts = 0;
	st = who(slot, task);
	if (!st) {
		slot->call.class = 0;
		if (task->tgid != own_tgid)
			lose(slot);
		return 0;
	}
	st->seen = 1;
	st->call.task = slot->id;
	if (slot->verdict != RECORD) {
		if (st->tree != TREE_ARMED || !is_exec(nr))
			return 0;
		begin_command(st);
		if (!recorded(task, st))
			return 0;
		st->call.task = 0;
	}
	st->call.nr = nr;
	st->call.args = args;
	st->call.class = class;
	read_args(regs, nr & NR_COMPAT, st->call.arg);
	st->call.ts = bpf_ktime_get_ns();
	if (want_file_calls && class & CALL_FILE)
		file_call_begin(slot, &st->call, &st->file[0]);
	if (want_ipc_calls && class & CALL_IPC)
		ipc_call_begin(task, st, nr);
	if (want_tcp_connects && class & CALL_TCP)
		tcp_call_begin(task, st, nr);
	if (class & CALL_LAST && never_returns(nr)) {
		if (want_syscall)
			emit_call(c, cpu, &st->call, st->call.task, 0, 0);
		st->call.ts = 0;
	}
	return 0;
}

/* Of what the tables say, what anybody here wants. */
HOT u32 wanted(u32 class)
{
	u32 want = CALL_LAST | CALL_EXEC;

	if (want_file_calls)
		want |= CALL_FILE;
	if (want_ipc_calls)
		want |= CALL_IPC;
	if (want_tcp || want_tcp_connects)
		want |= CALL_TCP;
	return class & want;
}

SEC("tp_btf/sys_enter")
int calls_enter(u64 *ctx)
{
	struct pt_regs *regs = ARG(ctx, 0, struct pt_regs *);
	s32 nr = ARG(ctx, 1, s32);
	u32 cpu = bpf_get_smp_processor_id();
	u32 args = 6, class = CALL_ANY;
	struct task_state *st;
	struct slot *slot;
	u64 index;

	if (!enabled)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0; /* there is one for every CPU */
	if (!slot->known)
		slot->task = bpf_get_current_task();
	if (in_compat(slot->task))
		nr |= NR_COMPAT;
	index = (u32)nr;
	barrier_var(index); /* compare all 64 bits: verifiers until 6.1 think that a 32-bit OR makes all of them unknown */
	if (index < CALLS) {
		args = arity[index];
		class = wanted(call_class[index]);
	}
	if (slot->known == identities()) {
		if (slot->verdict != RECORD && !(class & CALL_EXEC))
			return 0;
	} else if (!(class & ~CALL_FILE)) {
		slot->call.ts = 0;
		st = who(slot, bpf_get_current_task_btf());
		if (st) {
			st->seen = 1;
			st->call.ts = 0;
			if (slot->verdict != RECORD)
				return 0;
		} else {
			/* Its storage cannot be made now: somebody who does so was interrupted. Who it is can wait for the return. */
			if (bpf_get_current_pid_tgid() >> 32 == own_tgid)
				return 0;
			slot->id = 0;
		}
	}
	if (class & ~CALL_FILE)
		return call_begin(regs, nr, args, class);
	slot->call.task = slot->id;
	slot->call.class = class;
	if (!want_syscall && !class) {
		slot->call.ts = 1; /* it has begun, and that is all anybody wants of it */
		return 0;
	}
	slot->call.nr = nr;
	slot->call.args = args;
	read_args(regs, false, slot->call.arg);
	if (want_file_calls && class & CALL_FILE)
		file_call_begin(slot, &slot->call, &slot->file);
	slot->call.ts = bpf_ktime_get_ns();
	return 0;
}

/* The task did not run all the time, or the call is one that somebody else than files looks at as well. */
COLD int call_end(struct pt_regs *regs, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct task_state *st;
	u64 duration;
	task_id id;

	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!c || !st)
		return 0;
	if (!st->call.ts) {
		/* No entry: it began before the recording, is the child's half of a clone - or was denied. */
		if (want_seccomp)
			seccomp_denied(task, st, regs, ret);
		st->seen = 1;
		return 0;
	}
	st->seen = 1;
	id = st->call.task;
	if (!id || st->announced != epoch + 1) {
		task_id now = identity(task, st);

		if (!id)
			id = now;
	}
	duration = bpf_ktime_get_ns() - st->call.ts;
	if (want_syscall)
		emit_call(c, cpu, &st->call, id, ret, duration);
	if (want_file_calls && st->call.class & CALL_FILE)
		file_call_end(c, cpu, &st->call, &st->file[0], id, ret, duration);
	st->call.ts = 0;
	if (want_ipc_calls && st->call.class & CALL_IPC)
		ipc_call_end(task, st, ret);
	if (want_tcp && st->call.class & CALL_TCP)
		tcp_call_accepted(task, st, ret);
	if (want_tcp_connects && st->call.class & CALL_TCP)
		tcp_call_end(task, st, ret);
	return 0;
}

/* late finds out who made a call after it returned; one that nobody is known to have made is lost. */
COLD bool late(struct slot *slot)
{
	struct task_state *st = who(slot, bpf_get_current_task_btf());

	if (!st) {
		lose(slot);
		return false;
	}
	slot->call.task = slot->id;
	return slot->verdict == RECORD;
}

SEC("tp_btf/sys_exit")
int calls_exit(u64 *ctx)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot;
	u64 began;

	if (!enabled)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0;
	began = slot->call.ts;
	if (!began) {
		if (slot->known == identities() && slot->verdict != RECORD)
			return 0;
		return call_end(ARG(ctx, 0, struct pt_regs *), ARG(ctx, 1, s64));
	}
	if (want_syscall || (want_file_calls && slot->call.class & CALL_FILE)) {
		u64 duration = bpf_ktime_get_ns() - began;
		struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
		s64 ret = ARG(ctx, 1, s64);

		if (c && (slot->call.task || late(slot))) {
			if (want_syscall)
				emit_call(c, cpu, &slot->call, slot->call.task, ret, duration);
			if (want_file_calls && slot->call.class & CALL_FILE)
				file_call_end(c, cpu, &slot->call, &slot->file, slot->call.task, ret, duration);
		}
	}
	slot->call.ts = 0;
	return 0;
}

/* Another task runs here from now on. */
SEC("tp_btf/sched_switch")
int calls_switch(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 1, struct task_struct *);
	u32 cpu = bpf_get_smp_processor_id();
	struct task_state *st;
	struct slot *slot;

	if (!enabled)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0;
	slot->known = 0;
	if (!slot->call.ts)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (st) {
		st->call = slot->call;
		if (want_file_calls && slot->call.class & CALL_FILE)
			st->file[0] = slot->file;
	} else {
		lose(slot); /* it has one since its call began, unless that failed */
	}
	slot->call.ts = 0;
	return 0;
}

HOT void fill_pending(struct pending_event *e, struct call *call, task_id id)
{
	e->kind = KIND_pending;
	e->task = call->task ? call->task : id;
	e->ts = call->ts;
	e->nr = call->nr;
	e->pad_nr = 0;
	for (int i = 0; i < 6; i++)
		e->arg[i] = i < call->args ? call->arg[i] : 0;
}

/*
 * A task that dies inside a call: it does not return from it. (One that a signal kills does return first, with
 * the error that says so.)
 */
SEC("tp_btf/sched_process_exit")
int calls_death(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	u32 cpu = bpf_get_smp_processor_id();
	struct pending_event *e;
	struct task_state *st;
	struct slot *slot;

	if (!enabled || !want_syscall)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!st || !slot)
		return 0;
	if (slot->call.ts) {
		st->call = slot->call;
		slot->call.ts = 0;
	}
	if (!st->call.ts)
		return 0;
	e = reserve(KIND_pending, sizeof(*e));
	if (e) {
		fill_pending(e, &st->call, st->id);
		submit(e);
	}
	st->call.ts = 0;
	return 0;
}
