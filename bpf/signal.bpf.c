//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Signals: sender, target, and whether the signal was queued. The tracepoint comes when the kernel has decided that. A
 * signal from the kernel itself (a fault, a timer, a broken pipe, the end of a child) has no sender, although some task
 * is current.
 */
#include "calls.h"
#include "task.h"

/* include/uapi/asm-generic/siginfo.h */
enum {
	SI_USER = 0,
	SI_KERNEL = 0x80,
	SI_TKILL = -6,
};
/* Values of info that are no addresses (include/linux/sched/signal.h). */
enum { SEND_SIG_NOINFO = 0, SEND_SIG_PRIV = 1 };

#define THREAD_SIZE_MAX 0x10000 /* of a kernel stack; 16 KiB on most kernels */

/*
 * sent_by says whether the current task sends the signal: it is in a system call that sends this number, and the siginfo
 * is on the task's kernel stack, where these calls build it. An interrupt may send a signal of the same number at the same
 * time, and its code may be one that the call can choose too; but the siginfo of a timer is in memory of its own, and
 * others have none.
 */
COLD bool sent_by(struct task_struct *task, s32 sig, u64 info, s32 code)
{
	struct current_call call;
	u64 stack;

	stack = (u64)BPF_CORE_READ(task, stack);
	if (info < stack || info >= stack + THREAD_SIZE_MAX || task->flags & PF_KTHREAD)
		return false;
	current_call_of(task, (void *)bpf_task_pt_regs(task), &call);
	switch (call_does(call.class)) {
	case DOES_KILL:
		return code == SI_USER && (s32)call.arg[1] == sig;
	case DOES_TKILL:
		return code == SI_TKILL && (s32)call.arg[1] == sig;
	case DOES_TGKILL:
		return code == SI_TKILL && (s32)call.arg[2] == sig;
	case DOES_QUEUE_SIGNAL:
		return (s32)call.arg[1] == sig;
	case DOES_TGQUEUE_SIGNAL:
		return (s32)call.arg[2] == sig;
	default:
		return false;
	}
}

SEC("tp_btf/signal_generate")
int signal_sent(u64 *ctx)
{
	s32 sig = ARG(ctx, 0, s32), result = ARG(ctx, 4, s32), code;
	struct task_struct *to = ARG(ctx, 2, struct task_struct *), *from = bpf_get_current_task_btf();
	struct task_state *st, *sender = NULL;
	u64 info = ctx[1];
	struct signal_event *e;
	task_id id, from_id = 0;

	if (!enabled)
		return 0;
	if (info == SEND_SIG_NOINFO)
		code = SI_USER;
	else if (info == SEND_SIG_PRIV)
		code = SI_KERNEL;
	else
		code = BPF_CORE_READ((struct kernel_siginfo *)info, si_code);
	st = state_of(to);
	if (sent_by(from, sig, info, code))
		sender = state_of(from);
	if (!st) {
		count_lost(KIND_signal);
		return 0;
	}
	if (!recorded(to, st) && !(sender && recorded(from, sender)))
		return 0;
	id = identity_of(to, st);
	if (sender)
		from_id = identity(from, sender);
	e = reserve(KIND_signal, sizeof(*e));
	if (!e)
		return 0;
	e->kind = KIND_signal;
	e->task = from_id;
	e->ts = bpf_ktime_get_ns();
	e->to = id;
	e->to_pid = to->tgid;
	e->to_tid = to->pid;
	e->signal = sig;
	e->code = code;
	e->result = result;
	submit(e);
	return 0;
}
