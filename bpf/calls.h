/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* System call numbers and registers of each architecture, with the names that the kernel uses. */
#ifndef FLETCH_CALLS_H
#define FLETCH_CALLS_H

#include "kernel.h"

#define NR_COMPAT 0x20000000 /* flag in nr: a call of the 32-bit ABI, which has other numbers */

#if defined(__TARGET_ARCH_x86)
enum {
	NR_read = 0,
	NR_write = 1,
	NR_pread64 = 17,
	NR_pwrite64 = 18,
	NR_shmget = 29,
	NR_shmat = 30,
	NR_shmctl = 31,
	NR_connect = 42,
	NR_accept = 43,
	NR_execve = 59,
	NR_exit = 60,
	NR_semget = 64,
	NR_semop = 65,
	NR_semctl = 66,
	NR_msgget = 68,
	NR_msgsnd = 69,
	NR_msgrcv = 70,
	NR_msgctl = 71,
	NR_semtimedop = 220,
	NR_exit_group = 231,
	NR_accept4 = 288,
	NR_execveat = 322,
	COMPAT_exit = 1,
	COMPAT_read = 3,
	COMPAT_write = 4,
	COMPAT_execve = 11,
	COMPAT_exit_group = 252,
};
#define TS_COMPAT 0x2 /* arch/x86/include/asm/thread_info.h */

HOT bool in_compat(u64 task)
{
	return FIELD(task, struct task_struct, thread_info.status) & TS_COMPAT;
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

/* Arguments and result of a function, in the context of a kprobe or kretprobe. */
#define PARM0(ctx) ((ctx)->di)
#define PARM1(ctx) ((ctx)->si)
#define PARM2(ctx) ((ctx)->dx)
#define PARM3(ctx) ((ctx)->cx)
#define RESULT(ctx) ((ctx)->ax)
#define CALL_NR(regs) BPF_CORE_READ(regs, orig_ax)
#define CALL_IP(regs) BPF_CORE_READ(regs, ip)
#elif defined(__TARGET_ARCH_arm64)
enum {
	NR_read = 63,
	NR_write = 64,
	NR_pread64 = 67,
	NR_pwrite64 = 68,
	NR_exit = 93,
	NR_exit_group = 94,
	NR_msgget = 186,
	NR_msgctl = 187,
	NR_msgrcv = 188,
	NR_msgsnd = 189,
	NR_semget = 190,
	NR_semctl = 191,
	NR_semtimedop = 192,
	NR_semop = 193,
	NR_shmget = 194,
	NR_shmctl = 195,
	NR_shmat = 196,
	NR_accept = 202,
	NR_connect = 203,
	NR_execve = 221,
	NR_accept4 = 242,
	NR_execveat = 281,
	COMPAT_exit = 1,
	COMPAT_read = 3,
	COMPAT_write = 4,
	COMPAT_execve = 11,
	COMPAT_exit_group = 248,
};
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */

HOT bool in_compat(u64 task)
{
	return FIELD(task, struct task_struct, thread_info.flags) & (1UL << TIF_32BIT);
}

HOT void read_args(struct pt_regs *regs, bool compat, s64 *arg)
{
	for (int i = 0; i < 6; i++)
		arg[i] = compat ? (u32)regs->regs[i] : regs->regs[i];
}

#define PARM0(ctx) ((ctx)->regs[0])
#define PARM1(ctx) ((ctx)->regs[1])
#define PARM2(ctx) ((ctx)->regs[2])
#define PARM3(ctx) ((ctx)->regs[3])
#define RESULT(ctx) ((ctx)->regs[0])
#define CALL_NR(regs) BPF_CORE_READ(regs, syscallno)
#define CALL_IP(regs) BPF_CORE_READ(regs, pc)
#endif

HOT bool is_exec(s32 nr)
{
	return nr == NR_execve || nr == NR_execveat || nr == (NR_COMPAT | COMPAT_execve);
}

#define NR_TABLE_SIZE 512 /* of tables by native call number; all numbers are lower */

/*
 * What a native call needs besides its row of table syscall. Calls of the 32-bit ABI have all classes: what each of
 * them needs is then decided by its number.
 */
enum call_class {
	CALL_FILE = 1,
	CALL_IPC = 2,
	CALL_TCP = 4,
	CALL_LAST = 8,  /* it never returns */
	CALL_EXEC = 16, /* it may start the command that is recorded */
	CALL_ANY = 31,
};
const volatile u8 call_class[NR_TABLE_SIZE] = {
	[NR_read] = CALL_FILE, [NR_write] = CALL_FILE, [NR_pread64] = CALL_FILE, [NR_pwrite64] = CALL_FILE,
	[NR_semget] = CALL_IPC, [NR_semop] = CALL_IPC, [NR_semtimedop] = CALL_IPC, [NR_semctl] = CALL_IPC,
	[NR_msgget] = CALL_IPC, [NR_msgsnd] = CALL_IPC, [NR_msgrcv] = CALL_IPC, [NR_msgctl] = CALL_IPC,
	[NR_shmget] = CALL_IPC, [NR_shmat] = CALL_IPC, [NR_shmctl] = CALL_IPC,
	[NR_connect] = CALL_TCP, [NR_accept] = CALL_TCP, [NR_accept4] = CALL_TCP,
	[NR_exit] = CALL_LAST, [NR_exit_group] = CALL_LAST, [NR_execve] = CALL_EXEC, [NR_execveat] = CALL_EXEC,
};

HOT bool never_returns(s32 nr)
{
	return nr == NR_exit_group || nr == NR_exit || nr == (NR_COMPAT | COMPAT_exit) ||
	       nr == (NR_COMPAT | COMPAT_exit_group);
}

#endif
