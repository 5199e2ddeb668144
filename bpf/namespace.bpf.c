//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Numbers of tasks and times that pass between user space and the programs: the programs see those of the initial
 * namespaces, record(1) those of its own. This program runs before anything is recorded; it shares no map with others.
 */
#include "kernel.h"

/* What differs for the process that reads the iterator: the first bytes of its output. namespace.go reads them. */
struct own_numbers {
	u32 level; /* of its pid namespace; 0: the initial one */
	u32 pid;   /* its process id in the initial pid namespace */
	s64 sec, nsec; /* what its time namespace adds to CLOCK_MONOTONIC */
};

/* One for each thread in the reader's pid namespace, or in one below it. */
struct task_numbers {
	u32 own_tid, own_pid; /* in the reader's pid namespace */
	u32 pid, ppid;        /* in the initial one */
	u32 ended;            /* no thread of the process runs any more */
};

/* own_number is the number of a task in the pid namespace of this level; 0: the task has been released. */
HOT u32 own_number(struct task_struct *task, u32 level)
{
	u64 numbers = (u64)BPF_CORE_READ(task, thread_pid);
	u32 nr = 0;

	if (numbers)
		bpf_probe_read_kernel(&nr, sizeof(nr), (void *)(numbers + bpf_core_field_offset(struct pid, numbers) +
								 level * bpf_core_type_size(struct upid)));
	return nr;
}

HOT void write_own_numbers(struct seq_file *seq, struct task_struct *self, u32 level)
{
	struct own_numbers own = { .level = level, .pid = self->tgid };
	struct nsproxy *ns = self->nsproxy;

	if (bpf_core_field_exists(ns->time_ns)) {
		own.sec = BPF_CORE_READ(ns, time_ns, offsets.monotonic.tv_sec);
		own.nsec = BPF_CORE_READ(ns, time_ns, offsets.monotonic.tv_nsec);
	}
	bpf_seq_write(seq, &own, sizeof(own));
}

SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	u32 level = BPF_CORE_READ(self, thread_pid, level);
	struct task_numbers t = {};

	if (!task)
		return 0;
	if (!ctx->meta->seq_num)
		write_own_numbers(seq, self, level);
	t.own_tid = own_number(task, level);
	t.own_pid = own_number(task->group_leader, level);
	t.pid = task->tgid;
	t.ppid = BPF_CORE_READ(task, real_parent, tgid);
	t.ended = BPF_CORE_READ(task, signal, live.counter) == 0;
	if (t.own_tid)
		bpf_seq_write(seq, &t, sizeof(t));
	return 0;
}
