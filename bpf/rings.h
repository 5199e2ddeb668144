/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where records go. Two sets of rings, one ring per CPU each: `bulk` for the families a busy host makes
 * millions of, `rare` for those that explain them, so that a flood of system calls never costs an exec.
 * Records are submitted without a wake-up; record(1) sweeps. What does not fit is counted, per CPU and table.
 */
#ifndef FLETCH_RINGS_H
#define FLETCH_RINGS_H

#include "events.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the loader makes them as large as asked */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, u32);
	__array(values, struct ring);
} bulk SEC(".maps"), rare SEC(".maps");

/* Indexed by CPU; read by the loader through a mapping of it. */
struct counters {
	u64 emitted[KIND_MAX];
	u64 lost[KIND_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct counters);
} counters SEC(".maps");

/*
 * Room to build a record of variable size. The tail keeps the largest single append inside the value
 * whatever the offset, which is what the verifier asks for.
 */
#define SCRATCH_MAX 16384
#define SCRATCHES 4
struct scratch {
	u32 busy;
	u32 pad;
	u8 data[SCRATCH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/*
 * The bulk tables' counters are plain additions: their programs run with preemption off, and nothing that
 * counts the same table interrupts them. The others' may be: a connection ends in an interrupt.
 */
HOT void tally(u64 *counter, u32 kind)
{
	if (kind == KIND_syscall)
		(*counter)++;
	else
		__sync_fetch_and_add(counter, 1);
}

HOT void count(u32 cpu, u32 kind, bool ok)
{
	struct counters *c = bpf_map_lookup_elem(&counters, &cpu);

	if (c && kind < KIND_MAX)
		tally(ok ? &c->emitted[kind] : &c->lost[kind], kind);
}

HOT void count_lost(u32 kind)
{
	count(bpf_get_smp_processor_id(), kind, false);
}

/* Set by the loader while they run: bulk records are counted as lost, and cost nothing else. */
volatile u32 shed;

/*
 * reserve hands out size bytes (a constant) of this CPU's ring of the set, or NULL, counted as lost. The record is
 * compared with NULL once: verifiers until 6.1 forget after the first time that it is none.
 */
HOT void *reserve(void *set, u32 kind, u64 size)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct counters *c = bpf_map_lookup_elem(&counters, &cpu);
	void *ring = bpf_map_lookup_elem(set, &cpu);
	void *rec;

	if (!c || kind >= KIND_MAX)
		return NULL;
	if ((kind == KIND_syscall || kind == KIND_file) && shed)
		ring = NULL;
	rec = ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
	if (!rec) {
		tally(&c->lost[kind], kind);
		return NULL;
	}
	tally(&c->emitted[kind], kind);
	return rec;
}

HOT void submit(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

/*
 * scratch_get takes one that is free on this CPU. Programs on functions and iterators can be preempted while they build
 * a record, by a task that has one to build too; so there are several. NULL: all are taken (counted as lost by the
 * caller, or tried again).
 */
HOT struct scratch *scratch_get(void)
{
	for (u32 i = 0; i < SCRATCHES; i++) {
		u32 key = i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

		if (s && __sync_val_compare_and_swap(&s->busy, 0, 1) == 0)
			return s;
	}
	return NULL;
}

HOT void scratch_put(struct scratch *s)
{
	s->busy = 0;
}

/* output copies the first len bytes of the scratch to this CPU's rare ring; says whether they fitted. */
HOT bool output(struct scratch *s, u32 len)
{
	u32 cpu = bpf_get_smp_processor_id();
	void *ring = bpf_map_lookup_elem(&rare, &cpu);

	if (!ring || len > SCRATCH_MAX)
		return false;
	return bpf_ringbuf_output(ring, s->data, len, BPF_RB_NO_WAKEUP) == 0;
}

#endif
