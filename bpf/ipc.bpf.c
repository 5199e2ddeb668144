//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Permission checks on System V IPC objects: the LSM hook ipc_permission, the function that calls it, or the system
 * calls that cause it. The hook comes after the check of the mode bits. What the mode bits deny has no row of table
 * ipc, only EACCES in the row of the system call.
 */
#ifndef FLETCH_IPC
#define FLETCH_IPC

#include "calls.h"
#include "task.h"

/* Set by a permission check of record(1), which makes one to see whether the hook is called at all. */
volatile u32 ipc_fired;

HOT void emit_ipc(struct task_struct *task, struct task_state *st, struct kern_ipc_perm *perm, s32 flag)
{
	task_id id = identity(task, st);
	struct ipc_event *e = reserve(KIND_ipc, sizeof(*e));

	if (!e)
		return;
	e->kind = KIND_ipc;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->key = BPF_CORE_READ(perm, key);
	e->id = BPF_CORE_READ(perm, id);
	e->uid = BPF_CORE_READ(task, cred, uid.val);
	e->owner = BPF_CORE_READ(perm, uid.val);
	e->creator = BPF_CORE_READ(perm, cuid.val);
	e->mode = BPF_CORE_READ(perm, mode);
	e->flag = flag;
	submit(e);
}

HOT int ipc_checked(struct kern_ipc_perm *perm, s32 flag)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;

	if (task->tgid == recorder_tgid)
		ipc_fired = 1;
	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st)
		count_lost(KIND_ipc);
	else if (recorded(task, st))
		emit_ipc(task, st, perm, flag);
	return 0;
}

SEC("lsm/ipc_permission")
int ipc_permission_lsm(u64 *ctx)
{
	ipc_checked(ARG(ctx, 0, struct kern_ipc_perm *), (short)ctx[1]);
	return 0;
}

SEC("fentry/security_ipc_permission")
int ipc_permission_fentry(u64 *ctx)
{
	return ipc_checked(ARG(ctx, 0, struct kern_ipc_perm *), (short)ctx[1]);
}

SEC("kprobe/security_ipc_permission")
int ipc_permission_kprobe(struct pt_regs *ctx)
{
	return ipc_checked((void *)PARM0(ctx), (short)PARM1(ctx));
}

/* include/uapi/linux/{ipc,shm,sem,msg,stat}.h */
enum {
	IPC_PRIVATE = 0,
	IPC_STAT = 2,
	IPC_64 = 0x100,
	SHM_STAT = 13,
	MSG_STAT = 11,
	SEM_STAT = 18,
	GETPID = 11,
	GETVAL = 12,
	GETALL = 13,
	GETNCNT = 14,
	GETZCNT = 15,
	SETVAL = 16,
	SETALL = 17,
	SHM_RDONLY = 010000,
	SHM_EXEC = 0100000,
	S_IRUGO = 0444,
	S_IWUGO = 0222,
	S_IXUGO = 0111,
};
enum ipc_type { IPC_SEM, IPC_MSG, IPC_SHM, IPC_NONE }; /* ipc/util.h */

/* ids_of returns the table of the task's IPC objects of a type. */
HOT struct ipc_ids *ids_of(struct task_struct *task, u32 type)
{
	struct ipc_namespace *ns = BPF_CORE_READ(task, nsproxy, ipc_ns);

	/* CO-RE relocates only constant indices: ids[type] would use the size of this file's struct ipc_ids. */
	return (void *)&ns->ids[0] + type * bpf_core_type_size(struct ipc_ids);
}

#define IPC_INDEX_BITS 15 /* IPCMNI_SHIFT; 24 with the boot option ipcmni_extend */
#define XA_CHUNK 64

/* object_of looks up an object by its id in the radix tree of the namespace (lib/xarray.c); NULL: it is not there. */
COLD struct kern_ipc_perm *object_of(struct task_struct *task, u32 type, s32 id)
{
	struct ipc_ids *ids = ids_of(task, type < IPC_NONE ? type : 0);
	u64 entry = (u64)BPF_CORE_READ(ids, ipcs_idr.idr_rt.xa_head);
	u32 index = id & ((1 << IPC_INDEX_BITS) - 1);
	struct kern_ipc_perm *perm;

	for (int i = 0; i < 4 && (entry & 3) == 2; i++) {
		struct xa_node *node = (void *)(entry & ~3ULL);
		u32 shift = BPF_CORE_READ(node, shift);
		void **slot = (void **)((u64)node + bpf_core_field_offset(struct xa_node, slots));

		if (bpf_probe_read_kernel(&entry, sizeof(entry), slot + ((index >> (shift & 31)) & (XA_CHUNK - 1))))
			return NULL;
	}
	perm = (void *)entry;
	return perm && BPF_CORE_READ(perm, id) == id ? perm : NULL;
}

/* ipc_type_of_get returns the type of object that a ...get call creates or finds; IPC_NONE: it is another call. */
HOT u32 ipc_type_of_get(struct call *call)
{
	switch (call_does(call->class)) {
	case DOES_SEMGET:
		return IPC_SEM;
	case DOES_MSGGET:
		return IPC_MSG;
	case DOES_SHMGET:
		return IPC_SHM;
	default:
		return IPC_NONE;
	}
}

HOT void ipc_call_begin(struct task_struct *task, struct task_state *st)
{
	u32 type = ipc_type_of_get(&st->call);
	struct ipc_ids *ids;

	if (type >= IPC_NONE)
		return;
	ids = ids_of(task, type);
	st->ipc_in_use = BPF_CORE_READ(ids, in_use);
}

struct sembuf {
	u16 num;
	short op;
	short flg;
};

/* semop_flag is the access that semop checks: write if an operation changes a semaphore, else read. */
HOT s32 semop_flag(u64 sops, u64 n)
{
	for (u32 i = 0; i < 8; i++) {
		struct sembuf b = {};

		if (i >= n)
			break;
		bpf_probe_read_user(&b, sizeof(b), (void *)(sops + i * sizeof(b)));
		if (b.op)
			return S_IWUGO;
	}
	return S_IRUGO;
}

/*
 * ipc_requested returns the access that a call checked, as in ipc/{shm,sem,msg}.c, with type and id of the object. 0:
 * the call is a ...get, whose id is the result; or it checked nothing.
 */
HOT s32 ipc_requested(struct task_state *st, s64 ret, u32 *type, s32 *id)
{
	s32 cmd;

	*id = st->call.arg[0];
	switch (call_does(st->call.class)) {
	case DOES_SHMAT:
		*type = IPC_SHM;
		return (st->call.arg[2] & SHM_RDONLY ? S_IRUGO : S_IRUGO | S_IWUGO) |
		       (st->call.arg[2] & SHM_EXEC ? S_IXUGO : 0);
	case DOES_SEMOP:
		*type = IPC_SEM;
		return semop_flag(st->call.arg[1], st->call.arg[2]);
	case DOES_MSGSND:
		*type = IPC_MSG;
		return S_IWUGO;
	case DOES_MSGRCV:
		*type = IPC_MSG;
		return S_IRUGO;
	case DOES_SHMCTL:
		*type = IPC_SHM;
		cmd = st->call.arg[1] & ~IPC_64;
		return cmd == IPC_STAT ? S_IRUGO : 0;
	case DOES_MSGCTL:
		*type = IPC_MSG;
		cmd = st->call.arg[1] & ~IPC_64;
		return cmd == IPC_STAT ? S_IRUGO : 0;
	case DOES_SEMCTL:
		*type = IPC_SEM;
		cmd = st->call.arg[2] & ~IPC_64;
		if (cmd == SETVAL || cmd == SETALL)
			return S_IWUGO;
		return cmd == IPC_STAT || (cmd >= GETPID && cmd <= GETZCNT) ? S_IRUGO : 0;
	default:
		break;
	}
	*type = ipc_type_of_get(&st->call);
	*id = ret;
	return 0;
}

/* ipc_call_check writes the row of a call that succeeded. A ...get that created the object made no check. */
COLD int ipc_call_check(struct task_struct *task, struct task_state *st, s64 ret)
{
	struct kern_ipc_perm *perm;
	struct ipc_ids *ids;
	u32 type = IPC_NONE;
	s32 id, flag;

	flag = ipc_requested(st, ret, &type, &id);
	if (!flag) {
		if (ipc_type_of_get(&st->call) >= IPC_NONE || (s32)st->call.arg[0] == IPC_PRIVATE)
			return 0;
		ids = ids_of(task, type < IPC_NONE ? type : 0);
		if (BPF_CORE_READ(ids, in_use) > st->ipc_in_use)
			return 0;
		flag = (short)(call_does(st->call.class) == DOES_MSGGET ? st->call.arg[1] : st->call.arg[2]);
	}
	perm = object_of(task, type, id);
	if (perm)
		emit_ipc(task, st, perm, flag);
	return 0;
}

HOT void ipc_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	if (ret >= 0)
		ipc_call_check(task, st, ret);
}

#endif
