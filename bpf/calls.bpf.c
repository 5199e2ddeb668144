//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls. The entry stores the call in the CPU's slot (rings.h); a context switch moves it to task storage; the
 * exit writes one row. A call whose task dies before it returns, or that is in flight when the recording ends, becomes
 * a row of `pending`.
 *
 * Other families use system calls where the kernel has no better hook for them; their code is in their own files. Their
 * calls are in task storage from the start, except for reads and writes.
 */
#include "calls.h"
#include "task.h"
#include "text.h"
#include "descriptor.h"
#include "file.bpf.c"
#include "ipc.bpf.c"
#include "tcp.bpf.c"
#include "seccomp.bpf.c"

#define ARG_OFFSET __builtin_offsetof(struct syscall_event, arg)

/*
 * emit_call writes the row of a call, whose texts have been read, if it is asked for; without room the row is counted as
 * lost.
 */
HOT void emit_call(struct cpu *c, u32 cpu, struct call *call, task_id id, s64 ret, u64 duration)
{
	u32 args = call->args, size = ARG_OFFSET + args * sizeof(call->arg[0]);
	struct syscall_event *e;
	u64 head;

	if (!selected_call(call, ret, duration))
		return;
	if (want_strings && call->names & NAMES_READ)
		size = sizeof(*e);
	e = call_ring_reserve(c, cpu, RING_SYSCALL, KIND_syscall, sizeof(*e), &head);
	if (!e)
		return;
	e->kind = KIND_syscall | size << 16;
	e->task = id;
	e->ts = call->ts;
	e->nr = call->nr;
	e->flags = call->class >> CALL_FLAGS;
	e->ret = ret;
	e->duration_ns = duration;
	e->path = call->path[0];
	e->path2 = call->path[1];
	if (size == sizeof(*e)) {
		for (int i = 0; i < 6; i++)
			e->arg[i] = i < args ? call->arg[i] : 0;
		e->str = call->str[0];
		e->str2 = call->str[1];
		e->dir = call->dir[0];
		e->dir2 = call->dir[1];
	} else {
		for (int i = 0; i < 6; i++) {
			if (i >= args)
				break;
			e->arg[i] = call->arg[i];
		}
	}
	call_ring_submit(c, cpu, RING_SYSCALL, KIND_syscall, head, size);
}

/*
 * count_unattributed counts a call as lost whose task is unknown, because its task storage could not be created. With a
 * filter the call might not be recorded anyway, and is not counted.
 */
HOT void count_unattributed(struct slot *slot)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32, cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);

	if (!c || want_comm || want_owner || want_failed || slower_ns ||
	    (want_tree && !bpf_map_lookup_elem(&targets, &tgid)))
		return;
	if (want_syscall && !(slot->call.class & CALL_LEFT_OUT))
		c->lost[KIND_syscall]++;
	if (want_file_calls && slot->call.class & CALL_FILE && slot->file.file)
		c->lost[KIND_file]++;
}

/*
 * refresh_slot updates id and verdict for the task that runs on this CPU, and returns the task's state, NULL if there
 * is none. They stay valid until a context switch or a change of identity_version. If the id could not be announced
 * they are left invalid, so that the next call tries again.
 */
COLD struct task_state *refresh_slot(struct slot *slot, struct task_struct *task)
{
	u64 now = identity_version();
	struct task_state *st = state_of(task);

	slot->version = 0;
	if (!st)
		return NULL;
	slot->verdict = recorded(task, st) ? RECORD : IGNORE;
	if (slot->verdict == RECORD) {
		slot->id = identity_inline(task, st);
		if (st->announced != epoch + 1)
			return st;
	}
	slot->version = now;
	return st;
}

/* include/linux/errno.h */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTART_RESTARTBLOCK 516
/* include/uapi/asm-generic/signal-defs.h */
#define SA_RESTART 0x10000000
#define SIG_IGN 1

/* interrupted says whether a call returned one of the errors ERESTART*, 512 to 514 and 516. */
HOT bool interrupted(s64 ret)
{
	return (u64)(ret + ERESTART_RESTARTBLOCK) <= ERESTART_RESTARTBLOCK - ERESTARTSYS;
}

/* call_interrupted notes that the next call may continue this one, and makes its entry look for that. */
COLD int call_interrupted(s32 nr, s64 ret)
{
	struct task_state *st = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot = bpf_map_lookup_elem(&slots, &cpu);

	if (!st || !slot)
		return 0;
	slot->version = 0;
	st->restart = RESTART_NEXT;
	st->restart_nr = nr;
	st->restart_error = ret;
	return 0;
}

#define HANDLER_CALLS 64 /* a handler that makes more calls may never return: it may have jumped out */

/*
 * continued is called at the entry of a call if an interrupted one may be continued: by the same number, or by
 * restart_syscall. It returns FLAG_RESTARTED if this is it.
 */
COLD u32 continued(struct slot *slot, struct task_state *st, s32 nr, u32 class)
{
	if (st->restart != RESTART_HANDLER && (nr == st->restart_nr || call_does(class) == DOES_RESTART)) {
		st->restart = RESTART_NONE;
		st->restarted = 1;
		slot->version = 0; /* the next entry ends that */
		return FLAG_RESTARTED;
	}
	if (st->restart == RESTART_NEXT || ++st->handler_calls > HANDLER_CALLS) {
		st->restart = RESTART_NONE;
		return 0;
	}
	st->restart = call_does(class) == DOES_SIGRETURN ? RESTART_RETURNED : RESTART_HANDLER;
	slot->version = 0; /* the next entry has to look again */
	return 0;
}

/* A signal handler is about to run: it decides whether the call that the signal interrupted is continued after it. */
SEC("tp_btf/signal_deliver")
int calls_signal(u64 *ctx)
{
	struct k_sigaction *action = ARG(ctx, 2, struct k_sigaction *);
	struct task_state *st;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	if (!st || !st->restart || (u64)action->sa.sa_handler <= SIG_IGN)
		return 0;
	if (st->restart == RESTART_NEXT) {
		st->handler_calls = 0;
		if (st->restart_error != -ERESTARTNOINTR &&
		    !(st->restart_error == -ERESTARTSYS && action->sa.sa_flags & SA_RESTART)) {
			st->restart = RESTART_NONE; /* it returns EINTR */
			return 0;
		}
	}
	st->restart = RESTART_HANDLER;
	return 0;
}

/*
 * Calls that began before their task was recorded. They have an exit without an entry. When the recording begins the
 * iterator finds those of tasks that are off their CPUs; of the others only the registers at the exit tell.
 */

/* call_of_registers sets *call to the call that the registers of a task describe; false: they describe none. */
COLD bool call_of_registers(struct task_struct *task, struct task_state *st, struct pt_regs *regs, struct call *call)
{
	struct current_call c;

	current_call_of(task, regs, &c);
	if (c.nr & NR_INVALID)
		return false;
	call->ts = st->recorded_since ? st->recorded_since : started;
	call->nr = c.nr;
	call->task = 0;
	call->args = c.args;
	call->class = c.class | FLAG_BEFORE << CALL_FLAGS;
	call->names = c.names;
	call->announced = 0;
	call->path[0] = call->path[1] = 0;
	for (int i = 0; i < 6; i++)
		call->arg[i] = c.arg[i];
#if defined(__TARGET_ARCH_arm64)
	call->arg[0] = c.class & CALL_COMPAT ? (u32)regs->orig_x0 : regs->orig_x0; /* in regs[0] may be the result */
#endif
	return true;
}

/*
 * find_begun looks for the call that a task is in, if it has neither entered nor left one since its recording began.
 * Registers on a stack are only those of the call as long as the task does not run: it is off its CPU before and after
 * they are read, and was not switched in between. The last step fails if the task has woken up since, and left the call.
 * The result is st->begun.
 */
COLD u32 find_begun(struct task_struct *task, struct task_state *st)
{
	u64 switches = task->nvcsw + task->nivcsw;
	u32 state = task->__state;
	struct pt_regs *regs;
	u64 file = 0;

	if (st->begun != BEGUN_UNKNOWN || state & TASK_NOT_SLEEPING || on_cpu(task) ||
	    task->flags & (PF_EXITING | PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return st->begun;
	if (state == TASK_RUNNING && task->seccomp.mode == SECCOMP_MODE_FILTER)
		return st->begun; /* it may be about to be denied, before its entry is traced */
	regs = (void *)bpf_task_pt_regs(task);
	if (!IN_CALL(regs, state) || !call_of_registers(task, st, regs, &st->begun_call))
		return st->begun;
	if (want_file && st->begun_call.class & CALL_FILE)
		file = file_of_fd((u64)task, st->begun_call.arg[0]);
	st->begun_file = file;
	barrier();
	if (!on_cpu(task) && *(volatile unsigned long *)&task->nvcsw + *(volatile unsigned long *)&task->nivcsw == switches)
		__sync_val_compare_and_swap(&st->begun, BEGUN_UNKNOWN, BEGUN_CALL);
	return st->begun;
}

/*
 * may_have_begun says whether an exit without an entry, the first event of its task, is the end of a call that began
 * before. It may also be the return of a clone in the child; what a seccomp filter, a tracer, or the supervisor of a
 * filter has decided; or an execve, whose arguments are gone.
 */
COLD bool may_have_begun(struct task_struct *task, struct task_state *st, struct pt_regs *regs, s64 ret)
{
	struct call *call = &st->begun_call;
	enum call_does does;

	st->begun_file = 0;
	if (task->seccomp.mode == SECCOMP_MODE_FILTER || task->ptrace || !call_of_registers(task, st, regs, call))
		return false;
	does = call_does(call->class);
	return task->start_time < call->ts && (ret != 0 || (does != DOES_EXEC && does != DOES_FORK));
}

/* begun_call_end writes the rows of a call that began before the recording. */
HOT void begun_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	struct call *call = &st->begun_call;
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	u64 duration = bpf_ktime_get_ns() - call->ts;
	task_id id = identity(task, st);

	if (!c)
		return;
	if (want_strings && call->names & NAMES_TEXTS && !(call->names & NAMES_READ))
		lack_texts(call);
	if (want_syscall) {
		end_paths(call, ret);
		emit_call(c, cpu, call, id, ret, duration);
	}
	if (want_file && call->class & CALL_FILE)
		begun_file_end(task, st, id, ret, duration);
	if (want_tcp && call->class & CALL_TCP) {
		st->call = *call;
		st->call.ts = 0;
		tcp_call_accepted(task, st, ret);
	}
	if (interrupted(ret))
		call_interrupted(call->nr, ret);
}

/* exit_without_entry is the exit of a call that began before the recording, or that a filter denied; see may_have_begun. */
HOT int exit_without_entry(struct task_struct *task, struct pt_regs *regs, s64 ret)
{
	struct task_state *st = state_of(task);
	bool on;
	u32 begun;

	if (!st)
		return 0;
	on = recorded(task, st); /* perhaps only since this call, and then its begin is unknown */
	begun = __sync_val_compare_and_swap(&st->begun, BEGUN_UNKNOWN, BEGUN_NONE);
	if (begun == BEGUN_CALL)
		st->begun = BEGUN_NONE;
	if (!on)
		return 0;
	if (begun == BEGUN_CALL || (begun == BEGUN_UNKNOWN && may_have_begun(task, st, regs, ret)))
		begun_call_end(task, st, ret);
	else if (want_seccomp && (begun == BEGUN_NONE || task->start_time >= started))
		seccomp_denied(task, st, regs, ret);
	return 0;
}

/* leave_past is called at the entry of a call: what is known of the calls before it is over. */
HOT void leave_past(struct task_state *st)
{
	st->begun = BEGUN_NONE;
	st->restarted = 0;
	st->call.ts = 0;
}

/*
 * look_again is called at the entry of a call of a task that is not recorded. After one that may change the task's user
 * it is found out again whether it is.
 */
HOT void look_again(struct slot *slot, u32 class)
{
	if (want_owner && class & CALL_WHO)
		slot->version = 0;
}

/*
 * call_begin is the entry of a call that is kept in task storage, for a family other than syscall and file. Its texts are
 * read after that, by task_texts.
 */
COLD int call_begin(struct pt_regs *regs, s32 nr, u32 args, u32 class, u32 names)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 cpu = bpf_get_smp_processor_id();
	struct slot *slot = bpf_map_lookup_elem(&slots, &cpu);
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct task_state *st;

	if (!slot || !c)
		return 0;
	slot->call.ts = 0;
	st = refresh_slot(slot, task);
	if (!st) {
		slot->call.class = 0;
		if (task->tgid != recorder_tgid)
			count_unattributed(slot);
		return 0;
	}
	leave_past(st);
	st->call.task = slot->id;
	if (st->restart)
		class |= continued(slot, st, nr, class) << CALL_FLAGS;
	if (slot->verdict != RECORD) {
		look_again(slot, class);
		if (st->tree != TREE_ARMED || !(class & CALL_EXEC))
			return 0;
		begin_command(st);
		if (!recorded(task, st))
			return 0;
		st->call.task = 0;
	}
	st->call.nr = nr;
	st->call.args = args;
	st->call.class = class;
	st->call.names = names;
	st->call.announced = 0;
	st->call.path[0] = st->call.path[1] = 0;
	read_args(regs, class & CALL_COMPAT, st->call.arg);
	if (want_syscall && !(want_calls && class & CALL_LEFT_OUT) && names & (NAMES_FD1 | FD_BY_ARGS))
		name_given_slow(&st->call);
	st->call.ts = bpf_ktime_get_ns();
	if (want_ipc_calls && class & CALL_IPC)
		ipc_call_begin(task, st);
	if (want_tcp_connects && class & CALL_TCP)
		tcp_call_begin(task, st);
	if (class & CALL_LAST) {
		if (want_syscall)
			emit_call(c, cpu, &st->call, st->call.task, 0, (u64)-1); /* it has no duration */
		st->call.ts = 0;
	}
	return 0;
}

/* wanted_classes removes the classes that no recorded family needs. */
HOT u32 wanted_classes(u32 class)
{
	u32 want = ~CALL_ANY | CALL_LAST | CALL_EXEC | CALL_WHO;

	if (want_file_calls)
		want |= CALL_FILE;
	if (want_ipc_calls)
		want |= CALL_IPC;
	if (want_tcp || want_tcp_connects)
		want |= CALL_TCP;
	if (want_strings)
		want |= CALL_MOVES;
	return class & want;
}

SEC("tp_btf/sys_enter")
int calls_enter(u64 *ctx)
{
	struct pt_regs *regs = ARG(ctx, 0, struct pt_regs *);
	s32 nr = ARG(ctx, 1, s32);
	u32 cpu = bpf_get_smp_processor_id();
	u32 compat, index, args, class;
	struct task_state *st;
	struct slot *slot;

	if (!enabled)
		return 0;
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0; /* for the verifier: each CPU has one */
	if (!slot->version)
		slot->task = bpf_get_current_task();
	compat = in_compat(slot->task);
	index = call_index(nr, compat) & (CALLS_END - 1);
	class = wanted_classes(call_class[index] | compat * CALL_COMPAT);
	args = arity_of(index, &class);
	nr = number_of(nr, compat);
	if (slot->version == identity_version()) {
		if (slot->verdict != RECORD && !(class & CALL_EXEC)) {
			look_again(slot, class);
			return 0;
		}
	} else if (!(class & CALL_ANY & ~CALL_FILE)) {
		slot->call.ts = 0;
		st = refresh_slot(slot, bpf_get_current_task_btf());
		if (st) {
			leave_past(st);
			if (st->restart)
				class |= continued(slot, st, nr, class) << CALL_FLAGS;
			if (slot->verdict != RECORD)
				return 0;
		} else {
			/* This entry interrupted the creation of a task storage. resolve_at_exit tries again. */
			if (bpf_get_current_pid_tgid() >> 32 == recorder_tgid)
				return 0;
			slot->id = 0;
		}
	}
	if (class & CALL_ANY & ~CALL_FILE) {
		call_begin(regs, nr, args, class, call_names[index]);
		if (want_strings && call_names[index] & NAMES_TEXTS && !(class & CALL_LEFT_OUT))
			task_texts(0, TEXT_AT_ENTRY, 0);
		return 0;
	}
	slot->call.task = slot->id;
	slot->call.class = class;
	slot->call.nr = nr;
	if ((!want_syscall || (want_calls && class & CALL_LEFT_OUT)) && !(class & CALL_ANY)) {
		slot->call.ts = 1; /* not 0: seccomp looks for exits without an entry */
		slot->call.names = 0;
		return 0;
	}
	slot->call.args = args;
	slot->call.names = call_names[index];
	slot->call.path[0] = slot->call.path[1] = 0;
	read_args(regs, compat, slot->call.arg);
	if (slot->call.names & (NAMES_FD1 | FD_BY_ARGS)) {
		u64 file = name_given(slot, &slot->call);

		if (want_file_calls && class & CALL_FILE)
			file_call_begin(&slot->call, &slot->file, file);
	}
	slot->call.ts = bpf_ktime_get_ns();
	return 0;
}

/* include/uapi/linux/prctl.h */
enum { PR_SET_MM = 35, PR_SET_MM_EXE_FILE = 13, PR_SET_MM_MAP = 14 };

/* who_call_end is the exit of a call that may have changed the identity of its task, from the next call on. */
HOT void who_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	s64 *arg = st->call.arg;

	if (call_does(st->call.class) == DOES_PRCTL && arg[0] == PR_SET_MM && !ret &&
	    (arg[1] == PR_SET_MM_EXE_FILE || arg[1] == PR_SET_MM_MAP))
		st->execs++; /* another executable, without an exec */
	stale_slot(task);
}

/* call_end is the exit, at the time now, of a call that is in task storage, whose texts have been read, or has no entry. */
COLD int call_end(struct pt_regs *regs, s64 ret, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	struct task_state *st;
	u64 duration;
	task_id id;

	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!c)
		return 0;
	if (!st || !st->call.ts)
		return exit_without_entry(task, regs, ret);
	id = st->call.task;
	if (id)
		reannounce(st, id);
	else
		id = identity(task, st);
	duration = now - st->call.ts;
	if (want_syscall) {
		end_paths(&st->call, ret);
		emit_call(c, cpu, &st->call, id, ret, duration);
	}
	if (want_file_calls && st->call.class & CALL_FILE)
		file_call_end(c, cpu, &st->call, &st->file[0], id, ret, duration);
	st->call.ts = 0;
	if (interrupted(ret))
		call_interrupted(st->call.nr, ret);
	if (want_ipc_calls && st->call.class & CALL_IPC)
		ipc_call_end(task, st, ret);
	if (want_tcp && st->call.class & CALL_TCP)
		tcp_call_accepted(task, st, ret);
	if (want_tcp_connects && st->call.class & CALL_TCP)
		tcp_call_end(task, st, ret);
	if (st->call.class & CALL_WHO)
		who_call_end(task, st, ret);
	return 0;
}

/* resolve_at_exit finds the task of a call whose entry did not, and says whether the call is recorded. */
COLD bool resolve_at_exit(struct slot *slot)
{
	struct task_state *st = refresh_slot(slot, bpf_get_current_task_btf());

	if (!st) {
		count_unattributed(slot);
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
	if (want_rename_calls && !ARG(ctx, 1, s64))
		rename_call_end(ARG(ctx, 0, struct pt_regs *));
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0;
	began = slot->call.ts;
	if (!began) {
		if (slot->version == identity_version() && slot->verdict != RECORD)
			return 0;
		began = bpf_ktime_get_ns();
		if (want_strings)
			task_texts(ARG(ctx, 1, s64), TEXT_AT_EXIT, began);
		return call_end(ARG(ctx, 0, struct pt_regs *), ARG(ctx, 1, s64), began);
	}
	if (want_syscall || (want_file_calls && slot->call.class & CALL_FILE)) {
		u64 duration = bpf_ktime_get_ns() - began;
		struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
		s64 ret = ARG(ctx, 1, s64);

		if (c && (slot->call.task || resolve_at_exit(slot))) {
			if (want_strings && slot->call.names & NAMES_TEXTS && selected_call(&slot->call, ret, duration))
				read_texts(&slot->call, ret, TEXT_AT_EXIT);
			if (want_syscall) {
				end_paths(&slot->call, ret);
				emit_call(c, cpu, &slot->call, slot->call.task, ret, duration);
			}
			if (want_file_calls && slot->call.class & CALL_FILE)
				file_call_end(c, cpu, &slot->call, &slot->file, slot->call.task, ret, duration);
		}
		if (interrupted(ret))
			call_interrupted(slot->call.nr, ret);
	}
	slot->call.ts = 0;
	return 0;
}

/*
 * move_call moves a call out of a slot. Its time is copied last and then removed: snapshot_pending, which reads both from
 * another CPU, the slot first, finds it at least once.
 */
HOT void move_call(struct call *to, struct call *from)
{
	u64 began = from->ts;

	to->nr = from->nr;
	to->task = from->task;
	to->args = from->args;
	to->class = from->class;
	to->names = from->names;
	to->announced = from->announced;
	for (int i = 0; i < 6; i++)
		to->arg[i] = from->arg[i];
	for (int i = 0; i < 2; i++) {
		to->path[i] = from->path[i];
		to->str[i] = from->str[i];
		to->dir[i] = from->dir[i];
	}
	barrier();
	*(volatile u64 *)&to->ts = began;
	*(volatile u64 *)&from->ts = 0;
}

/* At a context switch the in-flight call of the old task moves from the slot to its task storage. */
SEC("tp_btf/sched_switch")
int calls_switch(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 1, struct task_struct *);
	u32 cpu = bpf_get_smp_processor_id();
	struct task_state *st;
	struct slot *slot;

	if (!enabled)
		return 0;
	if (want_process && task->__state == TASK_DEAD)
		process_left(task);
	slot = bpf_map_lookup_elem(&slots, &cpu);
	if (!slot)
		return 0;
	slot->version = 0;
	if (!slot->call.ts)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (st) {
		if (want_strings && slot->call.names & NAMES_TEXTS && !(slot->call.class & CALL_LEFT_OUT))
			read_texts(&slot->call, 0, TEXT_AT_SWITCH);
		move_call(&st->call, &slot->call);
		if (want_file_calls && slot->call.class & CALL_FILE)
			st->file[0] = slot->file;
	} else {
		count_unattributed(slot); /* the entry could not create the storage */
		slot->call.ts = 0;
	}
	return 0;
}

/* selected_pending says whether the row of a call that has not returned is asked for. */
HOT bool selected_pending(struct call *call)
{
	if (call->class & CALL_LEFT_OUT || want_failed)
		return false;
	return !slower_ns || bpf_ktime_get_ns() - call->ts >= slower_ns;
}

HOT void fill_pending(struct pending_event *e, struct call *call, task_id id)
{
	e->kind = KIND_pending;
	e->task = call->task ? call->task : id;
	e->ts = call->ts;
	e->nr = call->nr;
	e->flags = call->class >> CALL_FLAGS;
	for (int i = 0; i < 6; i++)
		e->arg[i] = i < call->args ? call->arg[i] : 0;
	e->path = call->path[0];
	e->path2 = call->path[1];
	e->str = e->str2 = e->dir = e->dir2 = 0;
	if (!want_strings || !(call->names & NAMES_TEXTS))
		return;
	if (call->names & NAMES_READ) {
		e->str = call->str[0];
		e->str2 = call->str[1];
		e->dir = call->dir[0];
		e->dir2 = call->dir[1];
	} else if (!(call->names & NAMES_OUT)) {
		e->flags |= FLAG_UNREADABLE;
	}
}

/* A task dies inside a call, without returning from it. (One that a signal kills first returns, with an error.) */
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
	if (slot->call.ts)
		move_call(&st->call, &slot->call);
	if (!st->call.ts && st->begun == BEGUN_CALL && recorded(task, st))
		st->call = st->begun_call;
	st->begun = BEGUN_NONE;
	if (!st->call.ts)
		return 0;
	e = selected_pending(&st->call) ? reserve(KIND_pending, sizeof(*e)) : NULL;
	if (e) {
		fill_pending(e, &st->call, identity(task, st));
		submit(e);
	}
	st->call.ts = 0;
	return 0;
}
