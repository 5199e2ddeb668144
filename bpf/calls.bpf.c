//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls. Entry and exit meet in task storage, so a call is one row, written when it returns. A call
 * that its task does not live to see return, or that is still out when the recording ends, is `pending`.
 *
 * Other families look at calls too, where they have no better means; what they want of them is in their own
 * files, and goes with one look-up of the task here.
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

/* publish makes what is before head visible to record(1): all of it, before head is. */
HOT void publish(struct cpu *c, u64 head)
{
#if defined(__TARGET_ARCH_x86)
	barrier();
	*(volatile u64 *)&c->head = head;
#else
	__sync_lock_test_and_set(&c->head, head);
#endif
}

/*
 * emit_call writes the call's row, which is counted. The ring is this CPU's and nobody else's: a kernel that let these
 * programs be preempted would find it busy, and the row counted as lost.
 */
HOT void emit_call(struct task_state *st, task_id id, s64 ret, u64 duration)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	u64 head, tail, args = st->args, bytes = (u64)call_chunks * CHUNK;
	struct syscall_event *e;
	struct chunk *chunk;
	u32 key, off, size;

	if (!c)
		return;
	head = c->head;
	tail = *(volatile u64 *)&c->tail;
	off = head & (CHUNK - 1);
	if (off > CHUNK - sizeof(*e)) {
		head += CHUNK - off;
		off = 0;
	}
	key = cpu * call_chunks + ((head / CHUNK) & (call_chunks - 1));
	chunk = bpf_map_lookup_elem(&calls, &key);
	if (!chunk || c->busy || shed || head + sizeof(*e) - tail > bytes) {
		c->lost[KIND_syscall]++;
		return;
	}
	c->busy = 1;
	barrier();
	size = ARG0 + args * sizeof(e->arg[0]);
	e = (void *)&chunk->data[off];
	e->kind = KIND_syscall | size << 16;
	e->task = id;
	e->ts = st->enter_ts;
	e->nr = st->nr;
	e->pad_nr = 0;
	e->ret = ret;
	e->duration_ns = duration;
	for (int i = 0; i < 6; i++) {
		if (i >= args)
			break;
		e->arg[i] = st->arg[i];
	}
	publish(c, head + size);
	c->emitted[KIND_syscall]++;
	barrier();
	c->busy = 0;
	tail += call_mark;
	if (head + size >= tail && head < tail)
		wake(cpu);
}

SEC("tp_btf/sys_enter")
int calls_enter(u64 *ctx)
{
	struct pt_regs *regs = ARG(ctx, 0, struct pt_regs *);
	s32 nr = ARG(ctx, 1, s32);
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	u32 args = 6, class = CALL_ANY;
	bool compat;
	u64 index;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		if (want_syscall && !want_tree && !want_comm && task->tgid != own_tgid)
			count_lost(KIND_syscall);
		return 0;
	}
	compat = in_compat(task);
	if (compat)
		nr |= NR_COMPAT;
	if (!recorded(task, st)) {
		if (st->tree != TREE_ARMED || !is_exec(nr))
			return 0;
		begin_command(st);
		if (!recorded(task, st))
			return 0;
		st->call_task = 0;
	} else {
		st->call_task = identity(task, st);
	}

	index = (u32)nr;
	barrier_var(index); /* compare all 64 bits: verifiers until 6.1 think that a 32-bit OR makes all of them unknown */
	if (index < CALLS) {
		args = arity[index];
		class = call_class[index];
	}
	st->nr = nr;
	st->args = args;
	st->class = class;
	read_args(regs, compat, st->arg);
	st->enter_ts = bpf_ktime_get_ns();
	if (!class)
		return 0;
	if (want_file_calls && class & CALL_FILE)
		file_call_begin(task, st, nr);
	if (want_ipc_calls && class & CALL_IPC)
		ipc_call_begin(task, st, nr);
	if (want_tcp_connects && class & CALL_TCP)
		tcp_call_begin(task, st, nr);
	if (class & CALL_LAST && never_returns(nr)) {
		if (want_syscall)
			emit_call(st, st->call_task, 0, 0);
		st->enter_ts = 0;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int calls_exit(u64 *ctx)
{
	struct pt_regs *regs = ARG(ctx, 0, struct pt_regs *);
	s64 ret = ARG(ctx, 1, s64);
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	u64 entered;
	task_id id;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st)
		return 0;
	entered = st->enter_ts;
	if (!entered) {
		/* No entry: it began before the recording, is the child's half of a clone - or was denied. */
		if (want_seccomp)
			seccomp_denied(task, st, regs, ret);
		st->seen_exit = 1;
		return 0;
	}
	st->seen_exit = 1;
	id = st->call_task;
	if (!id || st->announced != epoch + 1) {
		task_id now = identity(task, st);

		if (!id)
			id = now;
	}
	if (want_syscall)
		emit_call(st, id, ret, bpf_ktime_get_ns() - entered);
	st->enter_ts = 0;
	if (!st->class)
		return 0;
	if (want_file_calls && st->class & CALL_FILE)
		file_call_end(task, st, ret);
	if (want_ipc_calls && st->class & CALL_IPC)
		ipc_call_end(task, st, ret);
	if (want_tcp && st->class & CALL_TCP)
		tcp_call_accepted(task, st, ret);
	if (want_tcp_connects && st->class & CALL_TCP)
		tcp_call_end(task, st, ret);
	return 0;
}

HOT void fill_pending(struct pending_event *e, struct task_state *st)
{
	e->kind = KIND_pending;
	e->task = st->call_task ? st->call_task : st->id;
	e->ts = st->enter_ts;
	e->nr = st->nr;
	e->pad_nr = 0;
	for (int i = 0; i < 6; i++)
		e->arg[i] = i < st->args ? st->arg[i] : 0;
}

/*
 * A task that dies inside a call: it does not return from it. (One that a signal kills does return first, with
 * the error that says so.)
 */
SEC("tp_btf/sched_process_exit")
int calls_death(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	struct pending_event *e;
	struct task_state *st;

	if (!enabled || !want_syscall)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st || !st->enter_ts)
		return 0;
	e = reserve(&rare, KIND_pending, sizeof(*e));
	if (e) {
		fill_pending(e, st);
		submit(e);
	}
	st->enter_ts = 0;
	return 0;
}
