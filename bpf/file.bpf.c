//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reads and writes: vfs_read and vfs_write by fentry and fexit, or by kprobe and kretprobe; on a kernel with neither,
 * the four system calls that call them.
 */
#ifndef FLETCH_FILE
#define FLETCH_FILE

#include "calls.h"
#include "path.h"

/* include/linux/fs.h */
#define FMODE_PREAD 0x8
#define FMODE_PWRITE 0x10
#define FMODE_PATH 0x4000
#define FMODE_STREAM 0x200000
#define O_APPEND 02000 /* include/uapi/asm-generic/fcntl.h */

#define OFFSET_STREAM (-1) /* the file has no position */
#define OFFSET_UNKNOWN (-2)

/* appends says whether a write to the file goes to its end, whatever its position is. */
HOT bool appends(u64 file)
{
	return FIELD(file, struct file, f_flags) & O_APPEND &&
	       (FIELD(FIELD(file, struct file, f_inode), struct inode, i_mode) & S_IFMT) == S_IFREG;
}

HOT s64 size_of(u64 file)
{
	return FIELD(FIELD(file, struct file, f_inode), struct inode, i_size);
}

/*
 * file_at returns the call in flight at a depth below 2. It keeps the compiler from multiplying the depth, whose bounds
 * the verifier until 6.1 forgets at the next call.
 */
HOT struct file_call *file_at(struct task_state *st, u32 depth)
{
	struct file_call *c = &st->file[0];

	barrier_var(depth);
	if (depth)
		c = &st->file[1];
	barrier_var(c);
	return c;
}

/*
 * A kretprobe misses the return of a function that more tasks are in than it has instances: two a CPU, at least ten.
 * Such a read or write is still in the state of its task. As the stack grows down, it has returned if it is not above
 * sp, the stack pointer now; it is counted as lost then.
 */
HOT void drop_missed(struct task_state *st, u64 sp)
{
	for (int i = 0; i < 8; i++) {
		u32 depth = st->file_depth;

		if (!depth || file_at(st, depth > 1)->frame > sp)
			return;
		st->file_depth = depth - 1;
		count_lost(KIND_file);
	}
}

HOT void file_begin(struct task_struct *task, struct task_state *st, u64 file, u32 op, s64 size, s64 *pos, u64 frame)
{
	struct file_call *c;
	u32 depth;

	if (frame)
		drop_missed(st, frame);
	depth = st->file_depth++;
	if (depth >= 2)
		return;
	c = file_at(st, depth);
	c->frame = frame;
	c->task = identity_inline(task, st);
	c->epoch = epoch;
	c->file = file;
	/* Through memory, so that the verifier sees a number: a pointer is not accepted by a global function. */
	c->path = path_of(*(volatile u64 *)&c->file);
	c->op = op;
	c->size = size;
	c->offset = pos ? (s64)load_u64((u64)pos) : OFFSET_STREAM;
	c->pos = pos && op == FILE_write && appends(file) ? (u64)pos : 0;
	c->ts = bpf_ktime_get_ns();
}

/*
 * vfs_offset returns where the bytes of a vfs_read or vfs_write went or came from. One that appends tells it when it
 * returns: then its position, which nobody else changes, is where they end. The files of some pseudo file systems do
 * not move it.
 */
HOT s64 vfs_offset(struct file_call *c, s64 ret)
{
	s64 after;

	if (!c->pos)
		return c->offset;
	if (ret <= 0)
		return OFFSET_UNKNOWN;
	after = load_u64(c->pos);
	if (after < ret || (after == c->offset && size_of(c->file) < after))
		return c->offset;
	return after - ret;
}

HOT void fill_file(struct file_event *e, struct file_call *c, u64 ts, task_id id, s64 offset, s64 ret, u64 duration)
{
	e->task = id;
	e->ts = ts;
	e->op = c->op;
	e->path = c->path;
	e->offset = offset;
	e->size = c->size;
	e->ret = ret;
	e->duration_ns = duration;
	e->pad_flags = 0;
}

/* FRAME_SLACK is more than the stack pointer of a function moves by its return, and less than a nested one needs. */
#define FRAME_SLACK 32

/* file_end writes the row of a read or write that returns; sp is the stack pointer if a kretprobe tells it, or 0. */
HOT void file_end(struct task_struct *task, struct task_state *st, s64 ret, u64 sp)
{
	u64 now = bpf_ktime_get_ns();
	struct file_event *e;
	struct file_call *c;
	u32 depth;

	if (sp)
		drop_missed(st, sp - FRAME_SLACK);
	depth = st->file_depth;
	if (!depth)
		return; /* it began before the recording did */
	if (sp && depth <= 2 && file_at(st, depth > 1)->frame > sp)
		return; /* likewise; it was called by one that did not */
	depth--;
	st->file_depth = depth;
	if (depth >= 2) {
		count_lost(KIND_file);
		return;
	}
	c = file_at(st, depth);
	if (c->epoch != epoch)
		c->path = path_of(c->file); /* a read may block past the epoch in which the path was announced */
	reannounce(st, c->task);
	e = reserve(KIND_file, sizeof(*e));
	if (!e)
		return;
	e->kind = KIND_file;
	fill_file(e, c, c->ts, c->task, vfs_offset(c, ret), ret, now - c->ts);
	e->flags = st->restarted ? FLAG_RESTARTED : 0;
	submit(e);
}

HOT int vfs_begin(struct file *file, u64 count, s64 *pos, u32 op, u64 frame)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_file);
		return 0;
	}
	if (recorded(task, st))
		file_begin(task, st, (u64)file, op, count, pos, frame);
	return 0;
}

HOT int vfs_end(s64 ret, u64 sp)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (st)
		file_end(task, st, ret, sp);
	return 0;
}

SEC("fentry/vfs_read")
int file_read_fentry(u64 *ctx)
{
	return vfs_begin(ARG(ctx, 0, struct file *), ctx[2], ARG(ctx, 3, s64 *), FILE_read, 0);
}

SEC("fexit/vfs_read")
int file_read_fexit(u64 *ctx)
{
	return vfs_end(ctx[4], 0);
}

SEC("fentry/vfs_write")
int file_write_fentry(u64 *ctx)
{
	return vfs_begin(ARG(ctx, 0, struct file *), ctx[2], ARG(ctx, 3, s64 *), FILE_write, 0);
}

SEC("fexit/vfs_write")
int file_write_fexit(u64 *ctx)
{
	return vfs_end(ctx[4], 0);
}

SEC("kprobe/vfs_read")
int file_read_kprobe(struct pt_regs *ctx)
{
	return vfs_begin((void *)PARM0(ctx), PARM2(ctx), (void *)PARM3(ctx), FILE_read, STACK(ctx));
}

SEC("kretprobe/vfs_read")
int file_read_kretprobe(struct pt_regs *ctx)
{
	return vfs_end(RESULT(ctx), STACK(ctx));
}

SEC("kprobe/vfs_write")
int file_write_kprobe(struct pt_regs *ctx)
{
	return vfs_begin((void *)PARM0(ctx), PARM2(ctx), (void *)PARM3(ctx), FILE_write, STACK(ctx));
}

SEC("kretprobe/vfs_write")
int file_write_kretprobe(struct pt_regs *ctx)
{
	return vfs_end(RESULT(ctx), STACK(ctx));
}

SEC("tp_btf/sched_process_exit")
int file_death(u64 *ctx)
{
	struct task_state *st = bpf_task_storage_get(&tasks, ARG(ctx, 0, struct task_struct *), 0, 0);

	if (enabled && st)
		drop_missed(st, ~0ULL);
	return 0;
}

/*
 * After a rename the file, and all files below it, have other paths: these are read again at their next use. Where the
 * kernel tells the address of rename_lock, no program has to see the renames.
 */
HOT int renamed(s64 ret)
{
	if (!ret)
		__sync_fetch_and_add(&renames, 1);
	return 0;
}

SEC("fexit/vfs_rename")
int file_rename_fexit(u64 *ctx)
{
	return renamed(ctx[1]);
}

SEC("kretprobe/vfs_rename")
int file_rename_kretprobe(struct pt_regs *ctx)
{
	return renamed(RESULT(ctx));
}

/* rename_call_end is called for each call that returned 0, also those of tasks that are not recorded. */
HOT void rename_call_end(struct pt_regs *regs)
{
	if (is_rename(TRACED_NR(regs)))
		renamed(0);
}

/*
 * file_call_begin sets *f to what the call reads or writes; file is that of its descriptor. f->file is 0 if it will not
 * reach vfs_read or vfs_write: it has no file, or a bad offset (the checks of fs/read_write.c).
 */
HOT void file_call_begin(struct call *call, struct file_call *f, u64 file)
{
	enum call_does does = call_does(call->class);
	bool has_offset = does == DOES_PREAD || does == DOES_PWRITE;
	u32 op = does == DOES_WRITE || does == DOES_PWRITE ? FILE_write : FILE_read;
	s64 offset;
	u32 mode;

	f->file = 0;
	if (!file)
		return;
	mode = FIELD(file, struct file, f_mode);
	if (mode & FMODE_PATH)
		return;
	offset = call->class & CALL_COMPAT ? COMPAT_OFFSET(call->arg) : call->arg[3];
	if (has_offset && (offset < 0 || !(mode & (op == FILE_read ? FMODE_PREAD : FMODE_PWRITE))))
		return;
	f->file = file;
	f->op = op;
	f->size = call->arg[2];
	f->pos = 0;
	f->append = op == FILE_write && appends(file);
	if (has_offset) {
		f->offset = offset;
	} else if (mode & FMODE_STREAM) {
		f->offset = OFFSET_STREAM;
	} else {
		f->pos = file + bpf_core_field_offset(struct file, f_pos);
		f->offset = load_u64(f->pos);
	}
	if (f->append)
		f->end = size_of(file);
	f->epoch = epoch;
	f->path = call->path[0];
}

/*
 * reannounce_path announces the path in a new epoch, into which a read has blocked, if the descriptor is still the
 * same.
 */
COLD int reannounce_path(struct file_call *f, u32 fd)
{
	u64 file = file_of_fd(bpf_get_current_task(), fd);

	if (file == f->file)
		f->path = path_of(file);
	return 0;
}

/* appended_offset is call_offset for a call that appends. */
COLD s64 appended_offset(struct file_call *f, s64 ret)
{
	s64 size = size_of(f->file), after = f->pos ? (s64)load_u64(f->pos) : size;

	if (ret <= 0)
		return OFFSET_UNKNOWN;
	if (f->pos && (after < ret || (after == f->offset && size < after)))
		return f->offset; /* a file of a pseudo file system, which does not move its position */
	return after - ret == f->end ? f->end : OFFSET_UNKNOWN;
}

/*
 * call_offset returns where the bytes of a call went or came from. The position of the file tells it, but others who
 * have the same open file may move it meanwhile: it has to be where the bytes end. A call that appends must have begun
 * at the end of the file as well: if another task has appended meanwhile, nothing shows which bytes are whose.
 */
HOT s64 call_offset(struct file_call *f, s64 ret)
{
	s64 after;

	if (f->append)
		return appended_offset(f, ret);
	if (!f->pos || ret <= 0)
		return f->offset;
	after = load_u64(f->pos);
	return after == f->offset + ret || after == f->offset ? f->offset : OFFSET_UNKNOWN;
}

/* file_call_end writes the row of a read or write call; without room the row is counted as lost. */
HOT void file_call_end(struct cpu *c, u32 cpu, struct call *call, struct file_call *f, task_id id, s64 ret,
		       u64 duration)
{
	struct file_event *e;
	u64 head;

	if (!f->file)
		return;
	if (!selected_result(ret, duration))
		return;
	if (f->epoch != epoch)
		reannounce_path(f, call->arg[0]);
	e = call_ring_reserve(c, cpu, RING_FILE, KIND_file, sizeof(*e), &head);
	if (!e)
		return;
	e->kind = KIND_file | sizeof(*e) << 16;
	fill_file(e, f, call->ts, id, call_offset(f, ret), ret, duration);
	e->flags = call->class >> CALL_FLAGS;
	call_ring_submit(c, cpu, RING_FILE, KIND_file, head, sizeof(*e));
}

/*
 * begun_file_end writes the row of a read or write that began before the recording. The file is known if it was in the
 * task's registers when the recording began and the descriptor is still the same; its position then is not known.
 */
HOT void begun_file_end(struct task_struct *task, struct task_state *st, task_id id, s64 ret, u64 duration)
{
	struct call *call = &st->begun_call;
	struct file_call f = { .size = call->arg[2], .offset = OFFSET_UNKNOWN };
	enum call_does does = call_does(call->class);
	struct file_event *e;
	u64 file;

	if (!selected_result(ret, duration))
		return;
	f.op = does == DOES_WRITE || does == DOES_PWRITE ? FILE_write : FILE_read;
	file = file_of_fd((u64)task, call->arg[0]);
	if (!file && !st->begun_file)
		return; /* no file: it failed */
	if (does == DOES_PREAD || (does == DOES_PWRITE && !appends(file)))
		f.offset = call->class & CALL_COMPAT ? COMPAT_OFFSET(call->arg) : call->arg[3];
	if (file && file == st->begun_file) {
		f.path = path_of(*(volatile u64 *)&st->begun_file);
		if ((u32)FIELD(file, struct file, f_mode) & FMODE_STREAM)
			f.offset = OFFSET_STREAM;
	}
	e = reserve(KIND_file, sizeof(*e));
	if (!e)
		return;
	e->kind = KIND_file;
	fill_file(e, &f, call->ts, id, f.offset, ret, duration);
	e->flags = call->class >> CALL_FLAGS;
	submit(e);
}

#endif
