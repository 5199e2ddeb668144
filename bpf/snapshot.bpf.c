//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tasks that run when a recording begins, and the calls that are in flight when it ends. Both programs iterate over
 * all tasks. They write records to the iterator's file, because many tasks could overflow a ring. Records are framed as
 * in a ring buffer: 4 bytes length, 4 bytes zero, the record, padding to a multiple of 8.
 */
#include "descriptor.h"
#include "used.h"

HOT void write_record(struct seq_file *seq, void *rec, u32 len)
{
	u32 frame[2] = { len, 0 };

	bpf_seq_write(seq, frame, sizeof(frame));
	bpf_seq_write(seq, rec, (len + 7) & ~7U);
}

/* write_built is write_record for a record in a scratch buffer, and counts it. */
HOT void write_built(struct seq_file *seq, struct scratch *s, u32 len, u32 kind)
{
	count(bpf_get_smp_processor_id(), kind, len < SCRATCH_MAX - 8);
	if (len < SCRATCH_MAX - 8)
		write_record(seq, s->data, len);
}

/* write_locked is announce_locked with rows that go to the iterator's file. */
COLD int write_locked(struct seq_file *seq, struct task_struct *task, struct task_state *st)
{
	struct scratch *s = scratch_get();
	struct kernfs_node *kn;

	if (!s)
		return 0; /* the next event tries again */
	write_built(seq, s, build_task(s, task, st), KIND_task);
	st->announced = epoch + 1;
	if (new_cgroup(task, st, &kn))
		write_built(seq, s, build_cgroup(s, kn, st->who.cgroup), KIND_cgroup);
	scratch_put(s);
	return 0;
}

/* write_task writes the row of a task; and of what it was at the entry of its call in flight, if that is another one. */
HOT void write_task(struct seq_file *seq, struct task_struct *task, struct task_state *st)
{
	if (!lock_identity(st))
		return; /* an event of the task announces it */
	if (st->call.ts && st->call.task == st->id && st->announced != epoch + 1)
		write_locked(seq, task, st);
	st->changes = update_identity(task, st);
	if (st->announced != epoch + 1)
		write_locked(seq, task, st);
	unlock_identity(st);
}

/* write_path is path_of for a file of another task, with a row that goes to the iterator's file. */
COLD path_id write_path(struct seq_file *seq, u64 file)
{
	struct path_name fresh = { .epoch = epoch }, *known;
	struct scratch *s = scratch_get();
	u64 hash;
	u32 len;

	if (!s)
		return 0;
	len = build_path(s, file, &hash);
	known = bpf_map_lookup_elem(&path_names, &hash);
	fresh.id = known ? known->id : __sync_fetch_and_add(&last_path, 1) + 1;
	if (!known || known->epoch != fresh.epoch) {
		((struct path_event *)s->data)->path = fresh.id;
		write_built(seq, s, len, KIND_path);
		bpf_map_update_elem(&path_names, &hash, &fresh, BPF_ANY);
	}
	scratch_put(s);
	return fresh.id;
}

/*
 * write_given writes the row of the path of a descriptor that a task's call was given, and returns its id; arg is that of
 * argument_fd, 0 for none. (A loop over both would be one in which Linux 6.1 refuses a jump.)
 */
COLD path_id write_given(struct seq_file *seq, u64 task, struct call *call, u32 arg)
{
	u64 file = arg & 7 ? file_of_fd(task, argument_fd(call, arg)) : 0;

	return file ? write_path(seq, file) : 0;
}

/*
 * write_paths writes the rows of the paths of a task's call, unless this epoch has them. Of a call that began before the
 * recording it finds them first: its descriptors are taken to be still the same.
 */
COLD int write_paths(struct seq_file *seq, struct task_struct *task, struct call *call)
{
	path_id first, second;

	if (!(call->names & NAMES_FD1) || call->announced == epoch + 1)
		return 0;
	first = write_given(seq, (u64)task, call, call->names);
	second = write_given(seq, (u64)task, call, call->names >> 3);
	if (!call->announced) {
		call->path[0] = first;
		call->path[1] = second;
	}
	call->announced = epoch + 1;
	return 0;
}

SEC("iter/task")
int snapshot_begin(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct task_state *st;

	if (!task)
		return 0;
	if (want_tree) {
		u32 tgid = task->tgid;

		/* It is neither a target nor a descendant of one. */
		if (!bpf_map_lookup_elem(&targets, &tgid) && !bpf_task_storage_get(&tasks, task, 0, 0))
			return 0;
	}
	st = state_of(task);
	if (!st) {
		count_lost(KIND_task);
		return 0;
	}
	if (!recorded(task, st))
		return 0;
	if (want_syscall || want_file || want_tcp)
		find_begun(task, st);
	write_task(seq, task, st);
	if (!want_syscall)
		return 0;
	if (st->begun == BEGUN_CALL)
		write_paths(seq, task, &st->begun_call);
	if (st->call.ts && st->call.announced)
		write_paths(seq, task, &st->call);
	return 0;
}

/*
 * write_pending writes the row of a call, unless it ends meanwhile: each call of a slot or a task has another time, which
 * is written last and removed first.
 */
COLD int write_pending(struct seq_file *seq, struct call *call, task_id id)
{
	struct pending_event e = {};
	u64 began = *(volatile u64 *)&call->ts;

	if (!began || !(call->task || id) || !selected_pending(call))
		return 0;
	barrier();
	fill_pending(&e, call, id);
	barrier();
	if (*(volatile u64 *)&call->ts != began)
		return 0;
	e.ts = began;
	write_record(seq, &e, sizeof(e)); /* which InFlight may drop, and Stop counts */
	return 0;
}

/* left_file says whether a task is off its CPU, and in no call that reads or writes. Of kernel threads nothing is known. */
COLD bool left_file(struct task_struct *task)
{
	struct pt_regs *regs;
	struct current_call c;

	if (on_cpu(task) || task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
		return false;
	regs = (void *)bpf_task_pt_regs(task);
	if (!IN_CALL(regs, task->__state))
		return true;
	current_call_of(task, regs, &c);
	return !(c.class & CALL_FILE);
}

/*
 * The calls in flight. At the end of the recording the programs are disabled, and a call in a slot is the one of the
 * task that ran on that CPU. While they are enabled a call may move from a slot to its task meanwhile, and be written
 * twice: the reader takes the last row of each task.
 */
SEC("iter/task")
int snapshot_pending(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct task_state *st;

	if (!task)
		return 0;
	if (want_file_frames && !enabled && left_file(task)) {
		st = bpf_task_storage_get(&tasks, task, 0, 0);
		if (st)
			drop_missed(st, ~0ULL);
	}
	if (!want_syscall)
		return 0;
	if (!ctx->meta->seq_num) {
		for (u32 i = 0; i < cpu_count; i++) {
			u32 key = i;
			struct slot *slot = bpf_map_lookup_elem(&slots, &key);

			if (slot && slot->call.task)
				write_pending(seq, &slot->call, 0);
		}
	}
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st)
		return 0;
	write_pending(seq, &st->call, st->id);
	if (!recorded(task, st) || find_begun(task, st) != BEGUN_CALL)
		return 0;
	write_pending(seq, &st->begun_call, identity_of(task, st));
	return 0;
}

/* The processes that are still ending when the recording has ended. What they use is not known yet. */
SEC("iter/bpf_map_elem")
int processes_leaving(struct bpf_iter__bpf_map_elem *ctx)
{
	struct leaving *found = ctx->value, l;
	struct process_event e;

	if (!found)
		return 0;
	l = *found;
	fill_exit(&e, &l);
	put_used(&e, NULL, ~0ULL);
	write_record(ctx->meta->seq, &e, sizeof(e));
	return 0;
}

/* has_ended says whether the row of a process's exit is written, or will be, before the recording ends. */
HOT bool has_ended(struct task_state *st, u64 signal)
{
	return st->exited && !(enabled && bpf_map_lookup_elem(&leaving, &signal));
}

/*
 * list_process writes the row of a process that is there. It announces nobody: tasks are listed before. What a thread has
 * used since it came onto its CPU is missing, as in /proc.
 */
HOT int list_process(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct process_event e = {};
	struct task_state *st;
	struct used u = {};
	u64 signal, mm;
	bool all;

	if (!task || task->pid != task->tgid)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	signal = (u64)untrusted(task)->signal;
	if (!st || !st->id || !recorded(task, st) || has_ended(st, signal))
		return 0;
	e.kind = KIND_process;
	e.task = st->id;
	e.ts = bpf_ktime_get_ns();
	e.op = PROCESS_end;
	e.pid = task->tgid;
	e.ppid = BPF_CORE_READ(task, real_parent, tgid);
	e.duration_ns = e.ts - task->start_time;
	u.signal = signal;
	all = sum_used(&u);
	mm = memory_of(task);
	put_used(&e, all ? &u : NULL, most_rss(signal, mm));
	write_record(seq, &e, sizeof(e));
	return 0;
}

/* The processes that are there at the end of the recording, or of a dump. */
SEC("iter/task")
int processes_end(struct bpf_iter__task *ctx)
{
	return list_process(ctx);
}

/* The same, when the recording or a generation begins, for what they have used. */
SEC("iter/task")
int processes_used(struct bpf_iter__task *ctx)
{
	return list_process(ctx);
}
