//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls. Entry and exit meet in task storage, so a call is one row, written when it returns. A call
 * that its task does not live to see return, or that is still out when the recording ends, is `pending`.
 */
#include "task.h"

#define ARITIES 512

/* Arguments each native call takes; what lies past them in registers is noise and is zeroed. */
const volatile u8 arity[ARITIES];

#define NR_COMPAT 0x20000000 /* the call came through the 32-bit ABI: its number is of that table */

#if defined(__TARGET_ARCH_x86)
#define NR_execve 59
#define NR_exit 60
#define NR_exit_group 231
#define NR_execveat 322
#define COMPAT_execve 11
#define COMPAT_exit 1
#define COMPAT_exit_group 252
#define TS_COMPAT 0x2 /* arch/x86/include/asm/thread_info.h */

HOT bool in_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

HOT void read_args(struct pt_regs *regs, bool compat, s64 *arg)
{
	if (compat) {
		arg[0] = (u32)regs->bx;
		arg[1] = (u32)regs->cx;
		arg[2] = (u32)regs->dx;
		arg[3] = (u32)regs->si;
		arg[4] = (u32)regs->di;
		arg[5] = (u32)regs->bp;
		return;
	}
	arg[0] = regs->di;
	arg[1] = regs->si;
	arg[2] = regs->dx;
	arg[3] = regs->r10;
	arg[4] = regs->r8;
	arg[5] = regs->r9;
}
#elif defined(__TARGET_ARCH_arm64)
#define NR_execve 221
#define NR_exit 93
#define NR_exit_group 94
#define NR_execveat 281
#define COMPAT_execve 11
#define COMPAT_exit 1
#define COMPAT_exit_group 248
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */

HOT bool in_compat(struct task_struct *task)
{
	return task->thread_info.flags & (1UL << TIF_32BIT);
}

HOT void read_args(struct pt_regs *regs, bool compat, s64 *arg)
{
	for (int i = 0; i < 6; i++)
		arg[i] = compat ? (u32)regs->regs[i] : regs->regs[i];
}
#endif

HOT bool is_exec(s32 nr)
{
	return nr == NR_execve || nr == NR_execveat || nr == (NR_COMPAT | COMPAT_execve);
}

HOT bool never_returns(s32 nr)
{
	return nr == NR_exit_group || nr == NR_exit || nr == (NR_COMPAT | COMPAT_exit) ||
	       nr == (NR_COMPAT | COMPAT_exit_group);
}

HOT void emit_call(struct task_state *st, task_id id, s64 ret, u64 duration)
{
	struct syscall_event *e = reserve(&bulk, KIND_syscall, sizeof(*e));

	if (!e)
		return;
	e->kind = KIND_syscall;
	e->task = id;
	e->ts = st->enter_ts;
	e->nr = st->nr;
	e->pad_nr = 0;
	e->ret = ret;
	e->duration_ns = duration;
	for (int i = 0; i < 6; i++)
		e->arg[i] = st->arg[i];
	submit(e);
}

SEC("tp_btf/sys_enter")
int syscall_enter(u64 *ctx)
{
	struct pt_regs *regs = ARG(ctx, 0, struct pt_regs *);
	s32 nr = ARG(ctx, 1, s32);
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	bool compat;
	u32 n = 6;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		if (!want_tree && !want_comm && task->tgid != own_tgid)
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

	st->nr = nr;
	read_args(regs, compat, st->arg);
	if ((u32)nr < ARITIES)
		n = arity[nr];
	for (u32 i = 0; i < 6; i++)
		if (i >= n)
			st->arg[i] = 0;
	st->enter_ts = bpf_ktime_get_ns();
	if (never_returns(nr)) {
		emit_call(st, st->call_task, 0, 0);
		st->enter_ts = 0;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int syscall_exit(u64 *ctx)
{
	s64 ret = ARG(ctx, 1, s64);
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	task_id id;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	/* No entry: the call began before the recording, or is the child's half of a clone. */
	if (!st || !st->enter_ts)
		return 0;
	id = st->call_task;
	if (!id)
		id = identity(task, st);
	emit_call(st, id, ret, bpf_ktime_get_ns() - st->enter_ts);
	st->enter_ts = 0;
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
		e->arg[i] = st->arg[i];
}

/* A task that dies in a call (another thread's exit_group or execve, a signal) will not return from it. */
SEC("tp_btf/sched_process_exit")
int syscall_death(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	struct pending_event *e;
	struct task_state *st;

	if (!enabled)
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
