//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The processes in the trees that are recorded end here. They begin in process_fork and begin_command. */
#include "task.h"

SEC("tp_btf/sched_process_exit")
int tree_exit(u64 *ctx)
{
	struct task_struct *task = ARG(ctx, 0, struct task_struct *);

	/* Several threads that end at once may see that none is left; only one of them removes the process. */
	if ((enabled || following) && untrusted(task)->signal->live.counter == 0)
		leave_tree(task->tgid);
	return 0;
}
