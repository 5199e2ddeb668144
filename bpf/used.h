/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a process has used, summed up as for getrusage(2): what the threads had used that were released, and what the
 * others have used so far. (kernel/sched/cputime.c, thread_group_cputime; kernel/sys.c, getrusage.)
 */
#ifndef FLETCH_USED_H
#define FLETCH_USED_H

#include "task.h"

struct used {
	u64 signal; /* address of the process's signal_struct */
	u64 self; /* address of the thread that is not one of `others` */
	u64 at;  /* the next entry in the list of threads; the last one leads to its head */
	u64 end; /* its head */
	u64 cpu; /* ns */
	u64 utime, stime; /* ns, as the tick found the threads */
	u64 faults; /* that took I/O */
	u32 others; /* threads that have not ended */
	u32 pad;
};

/*
 * The loops over threads are nested in global functions, which the verifier checks once for each program. Of processes
 * with more than 16 * 32 * 32 threads it is unknown what they have used.
 */
#define THREADS 16 /* that sum_threads sums up at a time */
#define LISTS 32   /* how often sum_lists calls it, and sum_used sum_lists */

/*
 * sum_threads adds the next threads, and says whether these were the last ones. Threads are freed after a grace period, so
 * the list leads to its end although it changes.
 */
__noinline int sum_threads(struct used *u)
{
	if (!u)
		return 1;
	for (int i = 0; i < THREADS; i++) {
		u64 task = u->at - bpf_core_field_offset(struct task_struct, thread_node);

		if (u->at == u->end || !u->at)
			return 1;
		u->cpu += FIELD(task, struct task_struct, se.sum_exec_runtime);
		u->utime += FIELD(task, struct task_struct, utime);
		u->stime += FIELD(task, struct task_struct, stime);
		u->faults += FIELD(task, struct task_struct, maj_flt);
		if (task != u->self && !(u32)FIELD(task, struct task_struct, exit_state))
			u->others++;
		u->at = FIELD(u->at, struct list_head, next);
	}
	return 0;
}

__noinline int sum_lists(struct used *u)
{
	for (int i = 0; u && i < LISTS; i++) {
		if (sum_threads(u))
			return 1;
	}
	return !u;
}

/*
 * sum_used sums up what the process of u->signal has used, and says whether it has seen all threads. The kernel moves what
 * a thread has used to signal_struct when it is released, under stats_lock; then it is done once more.
 */
__noinline int sum_used(struct used *u)
{
	if (!u)
		return 0;
	for (int i = 0; i < 2; i++) {
		u64 signal = u->signal;
		u32 sequence = FIELD(signal, struct signal_struct, stats_lock);

		barrier();
		u->end = signal + bpf_core_field_offset(struct signal_struct, thread_head);
		u->at = FIELD(u->end, struct list_head, next);
		u->cpu = FIELD(signal, struct signal_struct, sum_sched_runtime);
		u->utime = FIELD(signal, struct signal_struct, utime);
		u->stime = FIELD(signal, struct signal_struct, stime);
		u->faults = FIELD(signal, struct signal_struct, maj_flt);
		u->others = 0;
		for (int j = 0; j < LISTS; j++) {
			if (sum_lists(u))
				break;
		}
		barrier();
		if (!(sequence & 1) && (u32)FIELD(signal, struct signal_struct, stats_lock) == sequence)
			break;
	}
	return u->at == u->end;
}

/*
 * system_share returns how much of cpu was spent in the kernel: as much as the ticks that found the process there are of
 * all ticks. A process without ticks is thought of as one that never was in the kernel. (kernel/sched/cputime.c,
 * cputime_adjust, without its memory of what it has said before.) All are ns.
 */
HOT u64 system_share(u64 cpu, u64 utime, u64 stime)
{
	u64 all = utime + stime, share;

	if (!stime)
		return 0;
	if (!utime)
		return cpu;
	for (int i = 0; i < 2; i++) { /* so that stime << 32 is no more than 64 bits */
		if (all >> 32) {
			all >>= 16;
			stime >>= 16;
		}
	}
	share = (stime << 32) / (all ? all : 1);
	return (cpu >> 32) * share + ((cpu & 0xffffffff) * share >> 32);
}

/* mm_pages returns a counter of the memory of a process, in pages; until 6.1 it is another type. */
#define mm_pages(mm, i)                                                                                         \
	(bpf_core_field_exists(((struct mm_struct *)0)->rss_stat[i].count)                                       \
		 ? (s64)FIELD(mm, struct mm_struct, rss_stat[i].count)                                           \
		 : bpf_core_field_exists(((struct mm_struct___atomic *)0)->rss_stat.count[i].counter)            \
			   ? (s64)FIELD(mm, struct mm_struct___atomic, rss_stat.count[i].counter)                \
			   : 0)

/* include/linux/mm_types_task.h */
enum { MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES = 3 };

/* at_least_0 is for a counter whose parts on other CPUs are not in it: it may be negative. */
HOT u64 at_least_0(s64 n)
{
	return n < 0 ? 0 : n;
}

/*
 * most_rss returns the most memory that a process has had, in bytes. The kernel keeps it up to date only when memory is
 * freed, for an earlier program, and at the exit: else the memory that it has now may be more. (kernel/sys.c, getrusage.)
 * mm is the address of its memory; 0: it has none any more.
 */
HOT u64 most_rss(u64 signal, u64 mm)
{
	u64 most = FIELD(signal, struct signal_struct, maxrss), pages;

	if (mm) {
		pages = FIELD(mm, struct mm_struct, hiwater_rss);
		most = pages > most ? pages : most;
		pages = at_least_0(mm_pages(mm, MM_FILEPAGES)) + at_least_0(mm_pages(mm, MM_ANONPAGES)) +
			at_least_0(mm_pages(mm, MM_SHMEMPAGES));
		most = pages > most ? pages : most;
	}
	return most * page_size;
}

/* put_used sets the columns of what a process has used; u is NULL if that is unknown. */
HOT void put_used(struct process_event *e, struct used *u, u64 rss)
{
	u64 unknown = ~0ULL;

	e->cpu_ns = u ? u->cpu : unknown;
	e->stime_ns = u ? system_share(u->cpu, u->utime, u->stime) : unknown;
	e->utime_ns = u ? u->cpu - e->stime_ns : unknown;
	e->major_faults = u ? u->faults : unknown;
	e->rss_max = rss;
}

#endif
