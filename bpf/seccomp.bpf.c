//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What seccomp filters deny. A call denied with an errno has an exit and no entry; a trap or a kill is a forced SIGSYS;
 * a call that is only logged is seen in audit_seccomp.
 */
#ifndef FLETCH_SECCOMP
#define FLETCH_SECCOMP

#include "calls.h"
#include "task.h"

enum {
	SECCOMP_MODE_FILTER = 2, /* 3 for a task that a filter has killed */
	SIGKILL = 9,
	SIGSYS = 31,
	SYS_SECCOMP = 1,         /* si_code */
	SA_IMMUTABLE = 0x800000, /* include/linux/signal_types.h; a kill sets it, a trap does not (since 5.16) */
};
#define VSYSCALL 0xffffffffff600000ULL /* of amd64: calls there are emulated, so they have no exit */
#define SECCOMP_RET_ACTION 0xffff0000U
#define SECCOMP_RET_LOG 0x7ffc0000U

/* emit_seccomp writes a row; nr is the number as the kernel has it. */
HOT void emit_seccomp(struct task_struct *task, struct task_state *st, s32 nr, u32 action, s32 code, u64 ip)
{
	task_id id = identity(task, st);
	struct seccomp_event *e = reserve(KIND_seccomp, sizeof(*e));

	if (!e)
		return;
	e->kind = KIND_seccomp;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->nr = number_of(nr, in_compat((u64)task));
	e->action = action;
	e->code = code;
	e->pad_code = 0;
	e->ip = ip;
	submit(e);
}

/*
 * by_tracer says whether a tracer is why a call has no entry: it emulates the calls (PTRACE_SYSEMU), a filter asked it
 * (SECCOMP_RET_TRACE) and it skipped the call, or the task was killed while it waited for the tracer.
 */
HOT bool by_tracer(struct task_struct *task, struct pt_regs *regs)
{
	if (!task->ptrace)
		return false;
	return CALL_NR(regs) == -1 || EMULATED(task) || untrusted(task)->signal->flags & SIGNAL_GROUP_EXIT ||
	       task->pending.signal.sig[0] & 1UL << (SIGKILL - 1);
}

/*
 * seccomp_denied is called at an exit without an entry that is not the end of a call. A clone in the child returns 0. A
 * trap restores the registers, so that the number of the call looks like its result. A call that waited for a supervisor
 * (SECCOMP_RET_USER_NOTIF) and was interrupted by a signal is not denied: it begins again.
 */
HOT void seccomp_denied(struct task_struct *task, struct task_state *st, struct pt_regs *regs, s64 ret)
{
	bool trapped = st->trapped;

	st->trapped = 0;
	if (ret >= 0 || ret == -ERESTARTSYS || trapped || task->seccomp.mode != SECCOMP_MODE_FILTER ||
	    by_tracer(task, regs))
		return;
	emit_seccomp(task, st, CALL_NR(regs), SECCOMP_errno, -ret, CALL_IP(regs));
}

SEC("tp_btf/signal_generate")
int seccomp_signal(u64 *ctx)
{
	s32 sig = ARG(ctx, 0, s32);
	struct kernel_siginfo *info = ARG(ctx, 1, struct kernel_siginfo *);
	struct task_struct *task = bpf_get_current_task_btf();
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot = bpf_map_lookup_elem(&slots, &cpu);
	struct sighand_struct *sighand;
	struct task_state *st;
	bool kill;
	u64 ip;

	/* info may be one of two constants instead of an address: SEND_SIG_NOINFO, SEND_SIG_PRIV. */
	if (!enabled || sig != SIGSYS || (u64)info <= 2 || BPF_CORE_READ(info, si_code) != SYS_SECCOMP)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_seccomp);
		return 0;
	}
	if (!recorded(task, st))
		return 0;
	/* Filters run before the entry: a signal that looks so, from within a call, is sent by the task itself. */
	if (st->call.ts || !slot || slot->call.ts)
		return 0;
	sighand = BPF_CORE_READ(task, sighand);
	kill = BPF_CORE_READ(sighand, action[SIGSYS - 1].sa.sa_flags) & SA_IMMUTABLE;
	ip = (u64)BPF_CORE_READ(info, _sifields._sigsys._call_addr);
	st->killed = kill;
	st->trapped = !kill && ip < VSYSCALL;
	emit_seccomp(task, st, BPF_CORE_READ(info, _sifields._sigsys._syscall), kill ? SECCOMP_kill : SECCOMP_trap,
		     SIGSYS, ip);
	return 0;
}

/* A filter that kills one thread of several does so without a signal: the thread exits with the code of SIGSYS. */
SEC("tp_btf/sched_process_exit")
int seccomp_exit(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);
	struct task_state *st;
	struct pt_regs *regs;

	if (!enabled || task->seccomp.mode < SECCOMP_MODE_FILTER || (task->exit_code & 0x7f) != SIGSYS)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st || st->killed || !recorded(task, st))
		return 0;
	if (untrusted(task)->signal->flags & SIGNAL_GROUP_EXIT)
		return 0; /* another thread's signal */
	regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	emit_seccomp(task, st, CALL_NR(regs), SECCOMP_kill, SIGSYS, CALL_IP(regs));
	return 0;
}

HOT int emit_logged(s64 nr, u32 action)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;
	struct pt_regs *regs;

	if (!enabled || (action & SECCOMP_RET_ACTION) != SECCOMP_RET_LOG)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_seccomp);
		return 0;
	}
	if (!recorded(task, st))
		return 0;
	regs = (void *)bpf_task_pt_regs(task);
	emit_seccomp(task, st, nr, SECCOMP_log, 0, CALL_IP(regs));
	return 0;
}

SEC("fentry/audit_seccomp")
int seccomp_fentry(u64 *ctx)
{
	return emit_logged(ctx[0], ctx[2]);
}

SEC("kprobe/audit_seccomp")
int seccomp_kprobe(struct pt_regs *ctx)
{
	return emit_logged(PARM0(ctx), PARM2(ctx));
}

#endif
