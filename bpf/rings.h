/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where records go. Three sets of rings, one ring per CPU each: `calls` and `bulk` for the families a busy host makes
 * millions of, `rare` for those that explain them, so that a flood of system calls never costs an exec.
 * Records are submitted without a wake-up; record(1) sweeps, and is woken once when a ring passes its mark. What does
 * not fit is counted, per CPU and table.
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

/*
 * What the programs of system calls write has rings of its own, in memory of a map: they run with preemption off, one at a
 * time on a CPU, so that writing a record takes neither a lock nor a call. There is one ring for the calls and one for the
 * reads and writes among them; first come those of calls, CPU by CPU. A ring is some chunks; a record lies within one. Its
 * first word is kind | size << 16; a call ends with the last argument that it takes.
 */
#define CHUNK 4096

enum own { OWN_CALLS, OWN_FILES, OWN_MAX };

struct chunk {
	u8 data[CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs times what own_chunks adds up to; set by the loader */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct chunk);
} calls SEC(".maps");

/* Set by the loader before the programs start: of one CPU's rings. */
const volatile u32 own_chunks[OWN_MAX] = {1, 1}; /* powers of two */
const volatile u32 cpu_count;
const volatile u64 own_mark[OWN_MAX]; /* bytes in use at which record(1) is woken */
const volatile u32 bulk_kinds; /* a bit each: those that events.h calls BULK */
const volatile u64 bulk_mark;
const volatile u64 rare_mark;

/* A system call in flight. */
struct call {
	u64 ts; /* when it began; 0: none */
	s32 nr;
	task_id task; /* of its entry; 0: the one of its exit is meant (a command's first execve) */
	u32 args;     /* how many it takes; arg beyond them is undefined */
	u32 class;    /* enum call_class */
	s64 arg[6];
};

/* A read or a write in flight. */
struct file_call {
	u64 ts;
	s64 offset;
	s64 size;
	u64 file; /* its address; 0: none */
	path_id path;
	u32 epoch; /* in which the path was known to be announced */
	u32 op;
};

/* What a file's name consists of: mount, directory entry and its parent, hash of the last component, inode. */
struct path_key {
	u64 dentry;
	u64 mnt;
	u64 parent;
	u64 hash_len;
	u64 ino;
};

/* A name that was announced. */
struct path_state {
	path_id id;
	u32 epoch; /* in which it was announced last */
};

#define NAMES 16 /* in a CPU's cache; a power of two */

/*
 * A slot holds what every call needs of the task that runs on its CPU, so that most calls need no look-up. A switch to
 * another task moves the call in flight into the task's storage and invalidates the rest. Slots are not mapped: programs
 * load from addresses in them.
 */
struct slot {
	u64 version; /* identity_version() when id and verdict were looked up; 0: they are not valid */
	u64 task;    /* address of the task, unless version is 0 */
	task_id id;
	u32 verdict;
	struct call call;
	struct file_call file; /* of the call, if it is a read or write */
	struct {
		struct path_key key;
		struct path_state state;
	} names[NAMES];
	struct path_key name; /* scratch: the stack has no room for it */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Indexed by CPU; the loader maps it. */
struct cpu {
	u64 head[OWN_MAX]; /* bytes ever written to a ring; where a chunk ends is skipped */
	u64 busy; /* a record is being written */
	u64 pad_head[8];
	u64 tail[OWN_MAX]; /* bytes ever read from a ring; set by record(1) */
	u64 pad_tail[8];
	u64 emitted[KIND_MAX];
	u64 lost[KIND_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

/*
 * Room to build a record of variable size. The tail keeps the largest single append inside the value
 * whatever the offset, which is what the verifier asks for.
 */
#define SCRATCH_MAX 16384
#define SCRATCHES 4
struct scratch {
	u32 busy;
	u32 key; /* which one it is */
	struct {
		u64 at;  /* the dentry or kernfs_node that comes next */
		u64 mnt; /* the mount that it is in */
		u32 off; /* where in data its name goes */
	} walk;
	u8 data[SCRATCH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* wake lets a wait of record(1) end. It waits on the rare rings. */
COLD int wake(u32 cpu)
{
	void *ring = bpf_map_lookup_elem(&rare, &cpu);
	void *rec = ring ? bpf_ringbuf_reserve(ring, 8, 0) : NULL;

	if (rec)
		bpf_ringbuf_discard(rec, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Set by the loader while they run: bulk records are counted as lost, and cost nothing else. */
volatile u32 shed;

/*
 * own_reserve gives the place for a record of at most max bytes (a constant) in this CPU's own ring, or NULL, counted as lost.
 * Nobody else writes there: a kernel that let these programs be preempted would find it busy. head is for own_submit.
 */
HOT void *own_reserve(struct cpu *c, u32 cpu, enum own ring, u32 kind, u32 max, u64 *head)
{
	u32 chunks = own_chunks[ring], first = ring == OWN_CALLS ? 0 : own_chunks[OWN_CALLS] * cpu_count;
	u64 h = c->head[ring], tail = *(volatile u64 *)&c->tail[ring], bytes = (u64)chunks * CHUNK;
	u32 off = h & (CHUNK - 1), key;
	struct chunk *chunk;

	if (off > CHUNK - max) {
		h += CHUNK - off;
		off = 0;
	}
	key = first + cpu * chunks + ((h / CHUNK) & (chunks - 1));
	chunk = bpf_map_lookup_elem(&calls, &key);
	if (!chunk || c->busy || shed || h + max - tail > bytes) {
		c->lost[kind]++;
		return NULL;
	}
	c->busy = 1;
	barrier();
	*head = h;
	return &chunk->data[off];
}

/* own_submit makes the record at head, which has become size bytes, visible to record(1): all of it, before head is. */
HOT void own_submit(struct cpu *c, u32 cpu, enum own ring, u32 kind, u64 head, u32 size)
{
	u64 mark = *(volatile u64 *)&c->tail[ring] + own_mark[ring];

#if defined(__TARGET_ARCH_x86)
	barrier();
	*(volatile u64 *)&c->head[ring] = head + size;
#else
	__sync_lock_test_and_set(&c->head[ring], head + size);
#endif
	c->emitted[kind]++;
	barrier();
	c->busy = 0;
	if (head + size >= mark && head < mark)
		wake(cpu);
}

/* crossed_mark says whether the last record, of size bytes, took the ring past its mark. */
HOT bool crossed_mark(void *ring, u64 mark, u32 size)
{
	u64 used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	return used >= mark && used - (((size + 7) & ~7U) + 8) < mark;
}

HOT void count(u32 cpu, u32 kind, bool ok)
{
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);

	if (c && kind < KIND_MAX)
		__sync_fetch_and_add(ok ? &c->emitted[kind] : &c->lost[kind], 1);
}

HOT void count_lost(u32 kind)
{
	count(bpf_get_smp_processor_id(), kind, false);
}

/*
 * reserve hands out size bytes (a constant) of this CPU's ring, the bulk or the rare one, as events.h says of the kind; or
 * NULL, counted as lost. The record is compared with NULL once: verifiers until 6.1 forget after the first time that it is
 * none. The counters are added to atomically: a connection ends in an interrupt.
 */
HOT void *reserve(u32 kind, u64 size)
{
	bool is_bulk = bulk_kinds >> kind & 1;
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	void *ring, *rec;

	if (!c || kind >= KIND_MAX)
		return NULL;
	if (is_bulk)
		ring = shed ? NULL : bpf_map_lookup_elem(&bulk, &cpu);
	else
		ring = bpf_map_lookup_elem(&rare, &cpu);
	rec = ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
	if (!rec) {
		__sync_fetch_and_add(&c->lost[kind], 1);
		return NULL;
	}
	__sync_fetch_and_add(&c->emitted[kind], 1);
	if (crossed_mark(ring, is_bulk ? bulk_mark : rare_mark, size))
		wake(cpu);
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

		if (s && __sync_val_compare_and_swap(&s->busy, 0, 1) == 0) {
			s->key = key;
			return s;
		}
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
	u64 bytes = len;

	barrier_var(bytes); /* verifiers until 6.1 forget what was known before the look-up */
	if (!ring || bytes > SCRATCH_MAX)
		return false;
	if (bpf_ringbuf_output(ring, s->data, bytes, BPF_RB_NO_WAKEUP))
		return false;
	if (crossed_mark(ring, rare_mark, len))
		wake(cpu);
	return true;
}

#endif
