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

HOT void read_object(struct ipc_object *o, struct kern_ipc_perm *perm)
{
	o->key = BPF_CORE_READ(perm, key);
	o->id = BPF_CORE_READ(perm, id);
	o->owner = BPF_CORE_READ(perm, uid.val);
	o->creator = BPF_CORE_READ(perm, cuid.val);
	o->mode = BPF_CORE_READ(perm, mode);
}

/* emit_ipc writes a row; uid is the effective user id that was checked. */
HOT void emit_ipc(struct task_struct *task, struct task_state *st, struct ipc_object *o, u64 ts, u32 uid, s32 flag)
{
	task_id id = identity(task, st);
	struct ipc_event *e = reserve(KIND_ipc, sizeof(*e));

	if (!e)
		return;
	e->kind = KIND_ipc;
	e->task = id;
	e->ts = ts;
	e->key = o->key;
	e->id = o->id;
	e->uid = uid;
	e->owner = o->owner;
	e->creator = o->creator;
	e->mode = o->mode;
	e->flag = flag;
	submit(e);
}

/* effective_uid is what ipcperms compares: of the credentials that the task acts with, also while they are overridden. */
HOT u32 effective_uid(struct task_struct *task)
{
	return BPF_CORE_READ(task, cred, euid.val);
}

HOT int ipc_checked(struct kern_ipc_perm *perm, s32 flag)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct ipc_object o;
	struct task_state *st;

	if (task->tgid == recorder_tgid)
		ipc_fired = 1;
	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_ipc);
		return 0;
	}
	if (!recorded(task, st))
		return 0;
	read_object(&o, perm);
	emit_ipc(task, st, &o, bpf_ktime_get_ns(), effective_uid(task), flag);
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

/*
 * By the system calls. The object and the access that is checked are found at the entry of a call, when the check is made;
 * its error says at the exit whether the call came that far. This follows ipc/{shm,sem,msg,util}.c, which are the same in
 * this respect in Linux 6.1 and 6.12.
 */

/* include/uapi/linux/{ipc,shm,sem,msg,stat}.h */
enum {
	IPC_PRIVATE = 0,
	IPC_CREAT = 01000,
	IPC_EXCL = 02000,
	IPC_NOWAIT = 04000,
	IPC_STAT = 2,
	IPC_64 = 0x100,
	SHM_STAT = 13,
	MSG_STAT = 11,
	SEM_STAT = 18,
	SEM_STAT_ANY = 20,
	MSG_STAT_ANY = 13,
	GETPID = 11,
	GETVAL = 12,
	GETALL = 13,
	GETNCNT = 14,
	GETZCNT = 15,
	SETVAL = 16,
	SETALL = 17,
	SHM_RDONLY = 010000,
	SHM_RND = 020000,
	SHM_REMAP = 040000,
	SHM_EXEC = 0100000,
	MSG_EXCEPT = 020000,
	MSG_COPY = 040000,
	S_IRWXUGO = 0777,
	S_IRUGO = 0444,
	S_IWUGO = 0222,
	S_IXUGO = 0111,
};
enum ipc_type { IPC_SEM, IPC_MSG, IPC_SHM, IPC_NONE }; /* ipc/util.h */


/* IPCMNI_SHIFT, how many bits of an id are its index; 24 with the boot option ipcmni_extend. Set by the loader. */
const volatile u32 ipc_index_bits = 15;

/* ids_of returns the table of the task's IPC objects of a type. */
HOT struct ipc_ids *ids_of(struct task_struct *task, u32 type)
{
	struct ipc_namespace *ns = BPF_CORE_READ(task, nsproxy, ipc_ns);

	/* CO-RE relocates only constant indices: ids[type] would use the size of this file's struct ipc_ids. */
	return (void *)&ns->ids[0] + (type < IPC_NONE ? type : 0) * bpf_core_type_size(struct ipc_ids);
}

#define XA_CHUNK 64

/* object_at looks up an object by its index in the radix tree of the namespace (lib/xarray.c); NULL: there is none. */
COLD struct kern_ipc_perm *object_at(struct task_struct *task, u32 type, u32 index)
{
	struct ipc_ids *ids = ids_of(task, type);
	u64 entry = (u64)BPF_CORE_READ(ids, ipcs_idr.idr_rt.xa_head);

	if ((entry & 3) != 2 && index)
		return NULL;
	for (int i = 0; i < 4 && (entry & 3) == 2; i++) {
		struct xa_node *node = (void *)(entry & ~3ULL);
		u32 shift = BPF_CORE_READ(node, shift) & 31;
		void **slot = (void **)((u64)node + bpf_core_field_offset(struct xa_node, slots));

		if (!i && index >> shift >= XA_CHUNK)
			return NULL;
		if (bpf_probe_read_kernel(&entry, sizeof(entry), slot + ((index >> shift) & (XA_CHUNK - 1))))
			return NULL;
	}
	return (void *)entry;
}

/* object_of looks up an object by its id; NULL: there is none. */
HOT struct kern_ipc_perm *object_of(struct task_struct *task, u32 type, s32 id)
{
	struct kern_ipc_perm *perm = object_at(task, type, id & ((1 << ipc_index_bits) - 1));

	return perm && BPF_CORE_READ(perm, id) == id ? perm : NULL;
}

#if defined(__TARGET_ARCH_x86)
/* demultiplex sets *r to the call that a call of ipc(2) makes (ipc/syscall.c). */
COLD int demultiplex(struct call *call, struct ipc_request *r)
{
	s64 first = call->arg[1], second = call->arg[2], third = call->arg[3], ptr = call->arg[4];
	u32 version = (u32)call->arg[0] >> 16, does = DOES_OTHER;

	r->arg[0] = first;
	r->arg[1] = second;
	r->arg[2] = third;
	switch (call->arg[0] & 0xffff) {
	case 1: /* SEMOP */
	case 4: /* SEMTIMEDOP */
		does = DOES_SEMOP;
		r->arg[1] = ptr;
		r->arg[2] = second;
		break;
	case 2: /* SEMGET */
		does = DOES_SEMGET;
		break;
	case 3: /* SEMCTL */
		does = ptr ? DOES_SEMCTL : DOES_OTHER;
		r->arg[2] = third & ~IPC_64;
		r->indirect = ptr;
		break;
	case 11: /* MSGSND */
		does = DOES_MSGSND;
		break;
	case 12: /* MSGRCV */
		if ((s32)second >= 0 && (version || ptr))
			does = DOES_MSGRCV;
		r->arg[2] = second;
		r->arg[4] = third;
		r->indirect = version ? 0 : ptr;
		break;
	case 13: /* MSGGET */
		does = DOES_MSGGET;
		break;
	case 14: /* MSGCTL */
		does = DOES_MSGCTL;
		r->arg[1] = second & ~IPC_64;
		break;
	case 21: /* SHMAT */
		does = version == 1 ? DOES_OTHER : DOES_SHMAT;
		r->arg[1] = ptr;
		r->arg[2] = second;
		break;
	case 23: /* SHMGET */
		does = DOES_SHMGET;
		break;
	case 24: /* SHMCTL */
		does = DOES_SHMCTL;
		r->arg[1] = second & ~IPC_64;
		break;
	}
	r->does = does;
	return 0;
}
#endif

struct sembuf {
	u16 num;
	short op;
	short flg;
};

#define SEMBUFS 32

/* sembufs_flag is semop_flag for at most SEMBUFS operations. */
__noinline int sembufs_flag(u64 sops, u32 n)
{
	u64 at = sops + __builtin_offsetof(struct sembuf, op);

	for (u32 i = 0; i < SEMBUFS; i++) {
		short op;

		if (i >= n)
			break;
		if (bpf_probe_read_user(&op, sizeof(op), (void *)at))
			return 0;
		if (op)
			return S_IWUGO;
		at += sizeof(struct sembuf);
	}
	return S_IRUGO;
}

/*
 * semop_flag is the access that semop checks: write if an operation changes a semaphore, else read. 0: the operations
 * cannot be read, because they are not in memory yet or nowhere. Both are global functions, so that the verifier checks
 * a few turns of two loops, and not all turns of one, once for each program.
 */
__noinline int semop_flag(u64 sops, u32 n)
{
	for (u32 i = 0; i < 512; i += SEMBUFS) { /* the kernel's default limit is 500 */
		s32 flag;

		if (i >= n)
			return S_IRUGO;
		flag = sembufs_flag(sops + i * sizeof(struct sembuf), n - i);
		if (flag != S_IRUGO)
			return flag;
	}
	return S_IWUGO;
}

/* shmat_flag is the access that shmat checks; 0: it does not come to that. */
HOT s32 shmat_flag(struct ipc_request *r, bool compat)
{
	u64 align = page_size, addr = r->arg[1];
	s32 flag = r->arg[2];

#if defined(__TARGET_ARCH_arm64)
	if (compat)
		align *= 4; /* COMPAT_SHMLBA */
#endif
	if (!addr && flag & SHM_REMAP)
		return 0;
	if (addr & (align - 1)) {
		if (flag & SHM_RND) {
			if (addr < align && flag & SHM_REMAP)
				return 0;
		} else if (addr & (page_size - 1)) {
			return 0;
		}
	}
	return S_IRUGO | (flag & SHM_RDONLY ? 0 : S_IWUGO) | (flag & SHM_EXEC ? S_IXUGO : 0);
}

/* semctl_flag is the access that semctl checks; 0: none. */
HOT s32 semctl_flag(s32 cmd, bool compat)
{
	s32 masked = compat ? cmd & ~IPC_64 : cmd; /* the kernel masks it for the 32-bit ABI, but only to find the case */

	if (masked == SETVAL || cmd == SETALL)
		return S_IWUGO;
	if (masked == IPC_STAT || masked == SEM_STAT || (masked >= GETPID && masked <= GETZCNT) || masked == SETALL)
		return S_IRUGO;
	return masked == SEM_STAT_ANY && cmd != masked ? S_IRUGO : 0;
}

/* msgctl_flag is the access that msgctl checks; 0: none. Masks as in semctl_flag. */
HOT s32 msgctl_flag(s32 cmd, bool compat)
{
	s32 masked = compat ? cmd & ~IPC_64 : cmd;

	if (masked == IPC_STAT || masked == MSG_STAT)
		return S_IRUGO;
	return masked == MSG_STAT_ANY && cmd != masked ? S_IRUGO : 0;
}

/*
 * ipc_requested returns the access that a call checks and sets *type to the type of the object. 0: it checks nothing, or
 * it is a ...get, or a semop whose operations cannot be read yet. *by_index is set if the id is only an index.
 */
HOT s32 ipc_requested(struct ipc_request *r, bool compat, u32 *type, bool *by_index)
{
	s64 size = compat ? (s32)r->arg[2] : r->arg[2];
	s32 cmd = r->arg[1], flag = r->arg[4];

	switch (r->does) {
	case DOES_SHMAT:
		*type = IPC_SHM;
		return shmat_flag(r, compat);
	case DOES_SHMCTL:
		*type = IPC_SHM;
		*by_index = cmd == SHM_STAT;
		return cmd == IPC_STAT || cmd == SHM_STAT ? S_IRUGO : 0;
	case DOES_MSGCTL:
		*type = IPC_MSG;
		*by_index = cmd == MSG_STAT;
		return msgctl_flag(cmd, compat);
	case DOES_SEMCTL:
		*type = IPC_SEM;
		*by_index = (s32)r->arg[2] == SEM_STAT;
		return semctl_flag(r->arg[2], compat);
	case DOES_SEMOP:
		*type = IPC_SEM;
		return semop_flag(r->arg[1], r->arg[2]);
	case DOES_MSGSND:
		*type = IPC_MSG;
		return S_IWUGO;
	case DOES_MSGRCV:
		*type = IPC_MSG;
		if (size < 0 || (flag & MSG_COPY && (flag & MSG_EXCEPT || !(flag & IPC_NOWAIT))))
			return 0;
		return S_IRUGO;
	default:
		*type = IPC_NONE;
		return 0;
	}
}

/* ipc_type_of_get returns the type of object that a ...get call creates or finds; IPC_NONE: it is another call. */
HOT u32 ipc_type_of_get(u32 does)
{
	switch (does) {
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

COLD int ipc_call_begin(struct task_struct *task, struct task_state *st)
{
	struct ipc_request *r = &st->ipc;
	bool compat = st->call.class & CALL_COMPAT, by_index = false;
	struct kern_ipc_perm *perm;
	u32 type;

	r->does = call_does(st->call.class);
	r->ts = st->call.ts;
	r->found = false;
	r->indirect = 0;
	for (int i = 0; i < 5; i++)
		r->arg[i] = st->call.arg[i];
#if defined(__TARGET_ARCH_x86)
	if (r->does == DOES_IPC)
		demultiplex(&st->call, r);
#endif
	type = ipc_type_of_get(r->does);
	if (type < IPC_NONE) {
		struct ipc_ids *ids = ids_of(task, type);

		r->last_id = (BPF_CORE_READ(ids, seq) << ipc_index_bits) + BPF_CORE_READ(ids, last_idx);
		return 0;
	}
	r->flag = ipc_requested(r, compat, &type, &by_index);
	if ((!r->flag && r->does != DOES_SEMOP) || (s32)r->arg[0] < 0 || type >= IPC_NONE)
		return 0;
	if (by_index)
		perm = object_at(task, type, r->arg[0] & ((1 << ipc_index_bits) - 1));
	else
		perm = object_of(task, type, r->arg[0]);
	if (!perm)
		return 0;
	read_object(&r->object, perm);
	r->uid = effective_uid(task);
	r->found = true;
	return 0;
}

/* failed_before says whether a call failed with this error before its check, or because that refused it. */
HOT bool failed_before(struct ipc_request *r, s32 err)
{
	bool copies = r->does == DOES_MSGRCV && r->arg[4] & MSG_COPY;
	s32 cmd = r->arg[2] & ~IPC_64;
	u32 word;

	switch (err) {
	case EACCES:
	case ENOSYS:
		return true;
	case E2BIG:
	case EFBIG:
		return r->does == DOES_SEMOP;
	case ENOMEM:
		return r->does == DOES_SEMOP || r->does == DOES_MSGSND || copies;
	case ERANGE:
		return r->does == DOES_SEMCTL && cmd == SETVAL;
	case EINVAL:
		return !(r->does == DOES_SHMAT || copies || (r->does == DOES_SEMCTL && cmd != SETVAL && cmd != IPC_STAT));
	case EFAULT:
		if (r->does == DOES_SEMOP || r->does == DOES_MSGSND || copies)
			return true;
		return r->indirect && bpf_probe_read_user(&word, sizeof(word), (void *)r->indirect);
	}
	return false;
}

/*
 * made_by says whether a ...get call created the object, so that nothing was checked. Ids grow, so it did not if the
 * object is older than the call. Otherwise another task may have created it meanwhile: a segment has its creator; a set
 * or a queue is taken to be of this call if it looks so.
 */
HOT bool made_by(struct task_struct *task, struct ipc_request *r, u32 type, struct kern_ipc_perm *perm, s32 flag)
{
	u32 newer = (BPF_CORE_READ(perm, id) - r->last_id) & 0x7fffffff;

	if (!(flag & IPC_CREAT) || !newer || newer > 0x3fffffff)
		return false;
	if (flag & IPC_EXCL)
		return true;
	if (type == IPC_SHM)
		return BPF_CORE_READ((struct shmid_kernel *)perm, shm_creator) == task;
	return BPF_CORE_READ(perm, cuid.val) == effective_uid(task) &&
	       (BPF_CORE_READ(perm, mode) & S_IRWXUGO) == (flag & S_IRWXUGO);
}

HOT int ipc_get_end(struct task_struct *task, struct task_state *st, u32 type, s32 id)
{
	struct ipc_request *r = &st->ipc;
	s32 flag = r->does == DOES_MSGGET ? r->arg[1] : r->arg[2];
	struct kern_ipc_perm *perm;

	if ((s32)r->arg[0] == IPC_PRIVATE)
		return 0;
	perm = object_of(task, type, id);
	if (!perm || made_by(task, r, type, perm, flag))
		return 0;
	read_object(&r->object, perm);
	emit_ipc(task, st, &r->object, r->ts, effective_uid(task), (short)flag);
	return 0;
}

COLD int ipc_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	struct ipc_request *r = &st->ipc;
	u32 type = ipc_type_of_get(r->does);
	s32 flag;

	if (type < IPC_NONE) {
		if (ret >= 0)
			ipc_get_end(task, st, type, ret);
		return 0;
	}
	if (!r->found || (ret < 0 && ret >= -4095 && failed_before(r, -ret)))
		return 0;
	flag = r->flag ? r->flag : semop_flag(r->arg[1], r->arg[2]);
	if (flag)
		emit_ipc(task, st, &r->object, r->ts, r->uid, flag);
	return 0;
}

#endif
