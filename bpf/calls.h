/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * System calls of each ABI: what a number stands for, and in which registers its arguments are. A task has a native ABI
 * and a 32-bit one with other numbers, and whether a call is of the second is in the state of the task: the register
 * with the number can have any value.
 */
#ifndef FLETCH_CALLS_H
#define FLETCH_CALLS_H

#include "rings.h"
#include "numbers.h"

/* include/uapi/asm-generic/errno*.h, include/linux/errno.h */
enum {
	EINTR = 4,
	E2BIG = 7,
	ENOMEM = 12,
	EACCES = 13,
	EFAULT = 14,
	EINVAL = 22,
	EFBIG = 27,
	ERANGE = 34,
	ENOSYS = 38,
	ECANCELED = 125,
	ERESTARTSYS = 512,
	MAX_ERRNO = 4095, /* include/linux/err.h */
};

#define DEFINE_NATIVE(nr, name, args, names) NR_##name = nr,
#define DEFINE_COMPAT(nr, name, args, names) COMPAT_##name = nr,
enum { NATIVE_CALLS(DEFINE_NATIVE) };
enum { COMPAT_CALLS(DEFINE_COMPAT) };
#if defined(__TARGET_ARCH_x86)
#define DEFINE_X32(nr, name, args, names) X32_##name = nr,
enum { X32_CALLS(DEFINE_X32) };
#endif

#define NR_COMPAT 0x20000000 /* flag in column nr: a call of the 32-bit ABI */
#define NR_X32 0x40000000    /* the kernel's flag of a call of x32; such calls use native registers */
#define NR_INVALID (1 << 31) /* flag in column nr: no ABI has this number */

#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x2 /* arch/x86/include/asm/thread_info.h */

/* in_compat returns 1 if the task is in a call of the 32-bit ABI: one of a 32-bit program, or int 0x80 of any. */
HOT u32 in_compat(u64 task)
{
	return (FIELD(task, struct task_struct, thread_info.status) & TS_COMPAT) / TS_COMPAT;
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
#define STACK(ctx) ((ctx)->sp)
#define CALL_NR(regs) ((s32)BPF_CORE_READ(regs, orig_ax))
/*
 * A task that is off its CPU is in a call from the entry until the result replaces the error that the entry puts into ax.
 * In an exception or an interrupt, and after rt_sigreturn, there is no number.
 */
#define IN_CALL(regs, state) ((s32)(regs)->orig_ax >= 0 && (s64)(regs)->ax == -ENOSYS)
#define TRACED_NR(regs) ((s32)(regs)->orig_ax) /* CALL_NR for an argument of a tp_btf program */
#define CALL_IP(regs) BPF_CORE_READ(regs, ip)
#define EMULATED(task) (FIELD(task, struct task_struct, thread_info.syscall_work) >> 3 & 1) /* include/linux/thread_info.h */
#define COMPAT_OFFSET(arg) ((arg)[3] | (arg)[4] << 32) /* of pread64 and pwrite64 */
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */

/* in_compat returns 1 if the task is a 32-bit one, all of whose calls are of the 32-bit ABI. */
HOT u32 in_compat(u64 task)
{
	return FIELD(task, struct task_struct, thread_info.flags) >> TIF_32BIT & 1;
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
#define STACK(ctx) ((ctx)->sp)
#define CALL_NR(regs) BPF_CORE_READ(regs, syscallno)
/*
 * The result replaces the first argument, which orig_x0 keeps. A result that is the same cannot be told from it, so only
 * sleeping tasks count.
 */
#define IN_CALL(regs, state) ((regs)->syscallno >= 0 && (regs)->regs[0] == (regs)->orig_x0 && (state) != TASK_RUNNING)
#define TRACED_NR(regs) ((regs)->syscallno)
#define NR_rename NR_renameat /* it has no call of its own */
#define CALL_IP(regs) BPF_CORE_READ(regs, pc)
#define EMULATED(task) (FIELD(task, struct task_struct, thread_info.flags) >> 12 & 1) /* TIF_SYSCALL_EMU */
#define COMPAT_OFFSET(arg) ((arg)[4] | (arg)[5] << 32) /* of pread64 and pwrite64: it starts at an even register */
#endif

/* is_rename says whether a call is a rename. nr is what the register has. */
HOT bool is_rename(s32 nr)
{
	nr &= ~NR_X32;
	if (nr == COMPAT_rename || nr == COMPAT_renameat || nr == COMPAT_renameat2)
		return nr == NR_rename || in_compat(bpf_get_current_task());
	return nr == NR_rename || nr == NR_renameat || nr == NR_renameat2;
}

/*
 * number_of returns a number as column nr has it. The kernel takes the lowest 32 bits of the register. A number that could
 * be mistaken for one of the other ABI has bit 31 set, and so has −1, by which ptrace and seccomp skip a call.
 */
HOT s32 number_of(s32 nr, u32 compat)
{
	if ((u32)nr < NR_COMPAT)
		return nr | compat * NR_COMPAT;
#if defined(__TARGET_ARCH_x86)
	if (!compat && ((u32)nr & ~(NR_COMPAT - 1)) == NR_X32)
		return nr;
#endif
	return nr | NR_INVALID;
}

/*
 * The tables are indexed by call_index: native numbers, then those of the 32-bit ABI. Each has room for 512 numbers, all
 * that kernels have, and behind them for the few that an ABI has elsewhere: those of x32, and arm's private ones.
 */
#define CALLS_COMPAT 1024
#define CALLS_END 2048
#define CALLS_ELSEWHERE 512
#define CALL_UNKNOWN 1023

/* call_index returns the index of a call in the tables, below CALLS_END: CALL_UNKNOWN for a number that is in no table. */
HOT u32 call_index(s32 nr, u32 compat)
{
	u32 n = nr;

	if (n < CALLS_ELSEWHERE)
		return n + compat * CALLS_COMPAT;
#if defined(__TARGET_ARCH_x86)
	if (!compat && n - NR_X32 < CALL_UNKNOWN)
		return n - NR_X32;
#else
	if (compat && n - COMPAT_PRIVATE_BASE < CALLS_ELSEWHERE)
		return CALLS_COMPAT + CALLS_ELSEWHERE + n - COMPAT_PRIVATE_BASE;
#endif
	return CALL_UNKNOWN;
}

/*
 * How many arguments each call takes; the other argument registers hold stale values. Of a call that no table has, they
 * are all arguments.
 */
#define NATIVE_ARITY(nr, name, args, names) [nr] = args,
#define COMPAT_ARITY(nr, name, args, names) [CALLS_COMPAT + nr] = args,
#define PRIVATE_ARITY(nr, name, args, names) [CALLS_COMPAT + CALLS_ELSEWHERE + nr] = args,
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
const volatile u8 arity[CALLS_END] = {
	[0 ... CALLS_END - 1] = 6,
	NATIVE_CALLS(NATIVE_ARITY)
	COMPAT_CALLS(COMPAT_ARITY)
#if defined(__TARGET_ARCH_x86)
	X32_CALLS(NATIVE_ARITY)
#else
	COMPAT_PRIVATE_CALLS(PRIVATE_ARITY)
#endif
};
#pragma clang diagnostic pop

#define ARITY_LEFT_OUT 0x80 /* set by the loader in arity: the call was not asked for */

/*
 * Which arguments of a call have names, in the order of the arguments: its first two descriptors, and its first two texts.
 * The words are written by the generator of numbers.h, with these macros: an argument is its index, and -1 none.
 */
#define FD1(arg) ((arg) + 1)
#define FD2(arg) (((arg) + 1) << 3)
#define FD_RETURNED (1 << 6) /* the result is a descriptor */
#define FD1_ENDS (1 << 7)    /* the first descriptor is another file after the call, or none */
#define FD2_ENDS (1 << 8)
#define FD_BY_ARGS (1 << 29) /* some other arguments decide whether the call has, or returns, a descriptor */
#define NAMES_FD1 7
#define NAMES_FD2 (7 << 3)
#define TEXT1(kind, arg, aux) (TEXT_KIND_##kind << 9 | ((arg) + 1) << 13 | ((aux) + 1) << 16)
#define TEXT2(kind, arg, aux) (TEXT_KIND_##kind << 19 | ((arg) + 1) << 23 | ((aux) + 1) << 26)
#define NAMES_TEXT1 (15 << 9) /* the call has a first text */
#define NAMES_TEXT2 (15 << 19)
#define NAMES_AUX1 (7 << 16)
#define NAMES_TEXTS (NAMES_TEXT1 | NAMES_TEXT2)
#define NAMES_OUT (8 << 9)      /* the first text may be one that the call writes */
/* Of a call in flight: */
#define NAMES_STARTS (1U << 30) /* dir and dir2 have been found */
#define NAMES_READ (1U << 31)   /* the texts have been read */
enum text_kind {
	TEXT_KIND_PATH = 1,        /* from the directory of descriptor aux, or from the working directory */
	TEXT_KIND_STRING = 2,      /* any other text with a zero at its end */
	TEXT_KIND_CONFIG = 3,      /* likewise, if the command in aux, of fsconfig, takes one */
	TEXT_KIND_COUNTED = 4,     /* as many bytes as argument aux says */
	TEXT_KIND_ADDRESS = 5,     /* a struct sockaddr of as many bytes as aux says */
	TEXT_KIND_MESSAGE = 6,     /* the address of a struct msghdr, or of an array of struct mmsghdr */
	TEXT_KIND_ADDRESS_OUT = 8, /* likewise, but the call writes the address; aux is where its length is */
	TEXT_KIND_MESSAGE_OUT = 9,
	TEXT_KIND_SOCKETCALL = 10, /* i386: the arguments of one of the socket calls */
};

#define NATIVE_NAMES(nr, name, args, names) [nr] = names,
#define COMPAT_NAMES(nr, name, args, names) [CALLS_COMPAT + nr] = names,
const volatile u32 call_names[CALLS_END] = {
	NATIVE_CALLS(NATIVE_NAMES)
	COMPAT_CALLS(COMPAT_NAMES)
#if defined(__TARGET_ARCH_x86)
	X32_CALLS(NATIVE_NAMES)
#endif
};

/*
 * What a call needs besides its row of table syscall. A class is a set of these bits; what the call does, of enum
 * call_does; and CALL_COMPAT.
 */
enum call_class {
	CALL_FILE = 1,
	CALL_IPC = 2,
	CALL_TCP = 4,
	CALL_LAST = 8,  /* it never returns */
	CALL_EXEC = 16, /* it may start the command that is recorded */
	CALL_WHO = 32,  /* it may change the identity of its task */
	CALL_MOVES = 64, /* it changes the directory that the paths of others, and its own, start from */
	CALL_ANY = 255,
	CALL_COMPAT = 0x10000, /* of the 32-bit ABI; not in the table */
	CALL_LEFT_OUT = 0x20000, /* it gets no row in syscall and pending; not in the table */
};

/* What calls do that are alike in all ABIs. */
enum call_does {
	DOES_OTHER,
	DOES_READ,
	DOES_WRITE,
	DOES_PREAD,
	DOES_PWRITE,
	DOES_CONNECT,
	DOES_ACCEPT,
	DOES_SOCKETCALL, /* i386: one of the socket calls, by argument 0 */
	DOES_SHMGET,
	DOES_SHMAT,
	DOES_SHMCTL,
	DOES_SEMGET,
	DOES_SEMOP,
	DOES_SEMCTL,
	DOES_MSGGET,
	DOES_MSGSND,
	DOES_MSGRCV,
	DOES_MSGCTL,
	DOES_IPC, /* i386: one of the System V calls, by argument 0 */
	DOES_KILL,
	DOES_TKILL,
	DOES_TGKILL,
	DOES_QUEUE_SIGNAL, /* to a process */
	DOES_TGQUEUE_SIGNAL,
	DOES_EXEC,
	DOES_FORK, /* it also returns in the task that it has made */
	DOES_SIGRETURN,
	DOES_RESTART, /* it continues another call */
	DOES_PRCTL,
	DOES_FCNTL,
	DOES_BPF,
	DOES_SECCOMP,
	DOES_LANDLOCK,
};

#define CLASS(bits, does) ((bits) | (does) << 8)
HOT enum call_does call_does(u32 class)
{
	return class >> 8 & 0xff;
}

#define NATIVE(name, bits, does) [NR_##name] = CLASS(bits, does)
#define COMPAT(name, bits, does) [CALLS_COMPAT + COMPAT_##name] = CLASS(bits, does)
#define BOTH(name, bits, does) NATIVE(name, bits, does), COMPAT(name, bits, does)
const volatile u16 call_class[CALLS_END] = {
	BOTH(read, CALL_FILE, DOES_READ),
	BOTH(write, CALL_FILE, DOES_WRITE),
	BOTH(pread64, CALL_FILE, DOES_PREAD),
	BOTH(pwrite64, CALL_FILE, DOES_PWRITE),
	BOTH(exit, CALL_LAST, 0),
	BOTH(exit_group, CALL_LAST, 0),
	BOTH(execve, CALL_EXEC, DOES_EXEC),
	BOTH(execveat, CALL_EXEC, DOES_EXEC),
	BOTH(clone, 0, DOES_FORK),
	BOTH(clone3, 0, DOES_FORK),
	COMPAT(fork, 0, DOES_FORK),
	COMPAT(vfork, 0, DOES_FORK),
	BOTH(rt_sigreturn, 0, DOES_SIGRETURN),
	COMPAT(sigreturn, 0, DOES_SIGRETURN),
	BOTH(restart_syscall, 0, DOES_RESTART),
	BOTH(setuid, CALL_WHO, 0),
	BOTH(setgid, CALL_WHO, 0),
	BOTH(setreuid, CALL_WHO, 0),
	BOTH(setregid, CALL_WHO, 0),
	BOTH(setresuid, CALL_WHO, 0),
	BOTH(setresgid, CALL_WHO, 0),
	COMPAT(setuid32, CALL_WHO, 0), /* those without 32 have ids of 16 bits */
	COMPAT(setgid32, CALL_WHO, 0),
	COMPAT(setreuid32, CALL_WHO, 0),
	COMPAT(setregid32, CALL_WHO, 0),
	COMPAT(setresuid32, CALL_WHO, 0),
	COMPAT(setresgid32, CALL_WHO, 0),
	BOTH(setns, CALL_WHO, 0),
	BOTH(unshare, CALL_WHO, 0),
	BOTH(prctl, CALL_WHO, DOES_PRCTL),
	BOTH(chdir, CALL_MOVES, 0),
	BOTH(connect, CALL_TCP, DOES_CONNECT),
	BOTH(accept4, CALL_TCP, DOES_ACCEPT),
	NATIVE(accept, CALL_TCP, DOES_ACCEPT),
	BOTH(shmget, CALL_IPC, DOES_SHMGET),
	BOTH(shmat, CALL_IPC, DOES_SHMAT),
	BOTH(shmctl, CALL_IPC, DOES_SHMCTL),
	BOTH(semget, CALL_IPC, DOES_SEMGET),
	BOTH(semctl, CALL_IPC, DOES_SEMCTL),
	BOTH(msgget, CALL_IPC, DOES_MSGGET),
	BOTH(msgsnd, CALL_IPC, DOES_MSGSND),
	BOTH(msgrcv, CALL_IPC, DOES_MSGRCV),
	BOTH(msgctl, CALL_IPC, DOES_MSGCTL),
	NATIVE(semop, CALL_IPC, DOES_SEMOP),
	NATIVE(semtimedop, CALL_IPC, DOES_SEMOP),
	COMPAT(semtimedop_time64, CALL_IPC, DOES_SEMOP),
	BOTH(fcntl, 0, DOES_FCNTL),
	COMPAT(fcntl64, 0, DOES_FCNTL),
	BOTH(bpf, 0, DOES_BPF),
	BOTH(seccomp, 0, DOES_SECCOMP),
	BOTH(landlock_create_ruleset, 0, DOES_LANDLOCK),
	BOTH(kill, 0, DOES_KILL),
	BOTH(tkill, 0, DOES_TKILL),
	BOTH(tgkill, 0, DOES_TGKILL),
	BOTH(rt_sigqueueinfo, 0, DOES_QUEUE_SIGNAL),
	BOTH(pidfd_send_signal, 0, DOES_QUEUE_SIGNAL),
	BOTH(rt_tgsigqueueinfo, 0, DOES_TGQUEUE_SIGNAL),
#if defined(__TARGET_ARCH_x86)
	COMPAT(socketcall, CALL_TCP, DOES_SOCKETCALL),
	COMPAT(ipc, CALL_IPC, DOES_IPC),
	NATIVE(fork, 0, DOES_FORK),
	NATIVE(vfork, 0, DOES_FORK),
	[X32_execve] = CLASS(CALL_EXEC, DOES_EXEC),
	[X32_execveat] = CLASS(CALL_EXEC, DOES_EXEC),
	[X32_rt_sigreturn] = CLASS(0, DOES_SIGRETURN),
	[X32_rt_sigqueueinfo] = CLASS(0, DOES_QUEUE_SIGNAL),
	[X32_rt_tgsigqueueinfo] = CLASS(0, DOES_TGQUEUE_SIGNAL),
#else
	COMPAT(accept, CALL_TCP, DOES_ACCEPT),
	COMPAT(semop, CALL_IPC, DOES_SEMOP),
	COMPAT(semtimedop, CALL_IPC, DOES_SEMOP),
#endif
};

/* Set by the loader before the programs start: which calls get a row. */
const volatile bool want_calls;  /* only those that arity does not leave out */
const volatile bool want_failed; /* only those that return an error */
const volatile u64 slower_ns;    /* only those that take at least this long; 0: all */

/* arity_of returns how many arguments the call with that call_index takes, and sets CALL_LEFT_OUT in *class if it is. */
HOT u32 arity_of(u32 index, u32 *class)
{
	u32 args = arity[index & (CALLS_END - 1)];

	if (!want_calls)
		return args;
	if (args & ARITY_LEFT_OUT)
		*class |= CALL_LEFT_OUT;
	return args & (ARITY_LEFT_OUT - 1);
}

/* selected_result says whether the rows of a call are asked for, from what it returned and how long it took. */
HOT bool selected_result(s64 ret, u64 duration)
{
	if (want_failed && (u64)ret <= (u64)-MAX_ERRNO - 1)
		return false;
	return !slower_ns || (s64)duration >= (s64)slower_ns; /* exit has -1: it does not return */
}

/* selected_call says whether the row of a call that returned is asked for. */
HOT bool selected_call(struct call *call, s64 ret, u64 duration)
{
	return !(want_calls && call->class & CALL_LEFT_OUT) && selected_result(ret, duration);
}

/* The call that a task is in. */
struct current_call {
	s32 nr; /* as in column nr */
	u32 args;
	u32 class;
	u32 names;
	s64 arg[6];
};

/* current_call_of sets *c to the call that a task is in, which must be in one, from its saved registers. */
HOT void current_call_of(struct task_struct *task, struct pt_regs *regs, struct current_call *c)
{
	u32 compat = in_compat((u64)task), index;
	s32 nr = CALL_NR(regs);

	index = call_index(nr, compat) & (CALLS_END - 1);
	c->nr = number_of(nr, compat);
	c->class = call_class[index] | compat * CALL_COMPAT;
	c->args = arity_of(index, &c->class);
	c->names = call_names[index];
	read_args(regs, compat, c->arg);
}

#if defined(__TARGET_ARCH_x86)
/* include/uapi/linux/net.h */
enum {
	SOCKETCALL_SOCKET = 1,
	SOCKETCALL_CONNECT = 3,
	SOCKETCALL_ACCEPT = 5,
	SOCKETCALL_SOCKETPAIR = 8,
	SOCKETCALL_ACCEPT4 = 18,
};
#endif

/* calls_accept says whether a call is accept or accept4, from its class and arguments. */
HOT bool calls_accept(u32 class, s64 *arg)
{
#if defined(__TARGET_ARCH_x86)
	if (call_does(class) == DOES_SOCKETCALL)
		return arg[0] == SOCKETCALL_ACCEPT || arg[0] == SOCKETCALL_ACCEPT4;
#endif
	return call_does(class) == DOES_ACCEPT;
}

/*
 * calls_connect says whether a call is connect, from its class and arguments, and sets param to descriptor, address and
 * length of the address. It has to be called at the entry of the call: those of socketcall are in user memory.
 */
HOT bool calls_connect(u32 class, s64 *arg, u64 *param)
{
#if defined(__TARGET_ARCH_x86)
	if (call_does(class) == DOES_SOCKETCALL) {
		u32 at[3] = {};

		if (arg[0] != SOCKETCALL_CONNECT || bpf_probe_read_user(at, sizeof(at), (void *)arg[1]))
			return false;
		param[0] = at[0];
		param[1] = at[1];
		param[2] = at[2];
		return true;
	}
#endif
	param[0] = arg[0];
	param[1] = arg[1];
	param[2] = arg[2];
	return call_does(class) == DOES_CONNECT;
}

#endif
