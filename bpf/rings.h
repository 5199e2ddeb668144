/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The rings that records are written to, each of one CPU: `call_rings` and `bulk` for the high-volume tables, and `rare`
 * for all others, so that many system calls cannot displace the record of an exec. The programs submit records without
 * a wake-up: record(1) polls the rings, and is woken once when a ring fills to its wake-up mark. Records that do not fit
 * are counted as lost, per CPU and table.
 */
#ifndef FLETCH_RINGS_H
#define FLETCH_RINGS_H

#include "events.h"

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the loader sets the size */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, u32);
	__array(values, struct ring);
} bulk SEC(".maps"), rare SEC(".maps");

/*
 * In `rare` each CPU has three rings, one of each set. An unprivileged program can make announcements, signals and failed
 * calls as fast as it can make calls: with a ring of their own they cannot displace processes and connections. In the
 * map the rings of a set are one behind the other.
 */
enum rare_set { RARE_EVENTS, RARE_CHEAP, RARE_ANNOUNCED };

/*
 * The rings of the system call programs. These programs run with preemption off, one at a time on each CPU, so a ring
 * can be memory of an array map that only they write: a record costs neither a lock nor a helper call. Each CPU has a
 * ring for syscall and one for file (reads and writes seen as system calls). In the map the syscall rings of all CPUs
 * come first, then the file rings. A ring is an array of chunks; a record never crosses the end of one. The first word
 * of a record is kind | size << 16; a syscall record ends after the last argument that the call takes.
 */
#define CHUNK 4096

enum call_ring { RING_SYSCALL, RING_FILE, CALL_RINGS };

struct chunk {
	u8 data[CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs * the sum of call_ring_chunks; set by the loader */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct chunk);
} call_rings SEC(".maps");

/* Set by the loader before the programs start. Sizes and marks are of one CPU's ring. */
const volatile u32 call_ring_chunks[CALL_RINGS] = {1, 1}; /* powers of two */
const volatile u32 cpu_count;
const volatile u64 call_ring_marks[CALL_RINGS]; /* bytes in use at which record(1) is woken up */
const volatile u32 bulk_kinds; /* bit KIND_x is set if events.h marks table x as BULK */
const volatile u64 bulk_mark;
const volatile u64 event_mark; /* of RARE_EVENTS */
const volatile u64 rare_mark;  /* of the other sets of `rare` */

/* An in-flight system call. */
struct call {
	u64 ts; /* when it began; 0: no call */
	s32 nr;
	task_id task; /* at its entry; 0: use the one at its exit (a command's first execve) */
	u32 args;     /* how many arguments it takes; the rest of arg is undefined */
	u32 class;    /* CLASS() of calls.h, and enum row_flags from bit CALL_FLAGS on */
	s64 arg[6];
	u32 names;  /* which of its arguments have names, FD1() and so on of calls.h */
	u32 announced;    /* the last epoch in which the paths of the descriptors given were announced, plus 1; 0: none was */
	path_id path[2];  /* columns path, path2 */
	string_id str[2]; /* columns str, str2, and dir, dir2, once NAMES_READ is in names */
	path_id dir[2];
};

#define CALL_FLAGS 24

/* An in-flight read or write. */
struct file_call {
	u64 ts;
	s64 offset; /* at the entry */
	s64 size;
	u64 file; /* address of the struct file; 0: none */
	u64 pos;  /* address of the position that the call moves, which then tells the offset; 0: offset does */
	s64 end;  /* of a call that appends: the size of the file at the entry */
	path_id path;
	u32 epoch; /* the last one in which the path was announced */
	u32 op;
	u32 append; /* the call appends */
	task_id task; /* at its entry; unused in a system call, which has its own */
	u64 frame; /* by kprobe: the stack pointer at the entry of the function */
};

/*
 * Identifies the path of an open file, as long as nothing is mounted, unmounted or renamed (struct path_version).
 * Addresses are used again, so there is no file, directory or mount that only its address identifies.
 */
struct path_key {
	u64 mount; /* its unique id; before 6.8 its address, and struct path_version has the namespace */
	u64 dentry; /* address; the lowest bit is set if the file was unlinked */
	u64 hash_len; /* of the last component */
	u64 ino;
	u64 dir_ino;
	u64 generations; /* of ino and dir_ino */
	u64 name; /* of a file in no directory: a hash of its name, of a socket of its addresses */
};

/* Changes whenever a path_key may have got another path. */
struct path_version {
	u64 mounts; /* 0: it is not known, and the path has to be looked at each time */
	u32 renames;
	u32 epoch; /* the last one in which the path was announced */
};

/* An announced path. */
struct path_state {
	struct path_version version;
	path_id id;
	u32 pad;
};

#define CACHED_PATHS 16 /* per CPU; a power of two */

/*
 * The state of one CPU: what the entry and exit of a call need to know about the running task, so that most calls need
 * no look-up in task storage. A context switch moves the in-flight call to the task's storage and invalidates the rest.
 * Slots are not mapped into user space, because programs load from addresses that are in them.
 */
struct slot {
	u64 version; /* identity_version() when id and verdict were looked up; 0: both are invalid */
	u64 task;    /* address of the running task; invalid while version is 0 */
	task_id id;
	u32 verdict;
	struct call call;
	struct file_call file; /* if the call is a read or write */
	struct {
		struct path_key key;
		struct path_state state;
	} paths[CACHED_PATHS];
	struct path_key key; /* scratch space, for which the stack has no room */
	struct path_version path_version;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Counters and call ring positions of one CPU; the loader maps them. */
struct cpu {
	u64 head[CALL_RINGS]; /* bytes ever written to the ring, with what is unused at the ends of chunks */
	u64 busy; /* a record is being written */
	u64 pad_head[8];
	u64 tail[CALL_RINGS]; /* bytes ever read from the ring; set by record(1) */
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

/* A buffer to build a record of variable size. */
#define SCRATCH_MAX 16384
#define SCRATCHES 4
struct scratch {
	u32 busy;
	u32 key; /* its index in scratches */
	struct {
		u64 at; /* the next dentry or kernfs_node */
		u64 at_mnt; /* the mount that it is in */
		u64 dentry, mnt; /* of the leaf */
		u64 hash; /* of the path, or of a part of it */
		u64 seen; /* a hash of what would show that the path has changed */
		u64 seen_first; /* in the walk before */
		u32 start, off; /* where the path begins in data, and the next name is appended */
		u32 steps;
		u32 names;  /* components passed */
		u32 limit;  /* names after which the path was cut; 0: it was not */
		u32 again;  /* names are not appended */
		u32 moving; /* a component was being renamed */
		u32 hidden; /* the file is unlinked */
		u32 end; /* enum step that ended the walk before */
	} walk; /* state of path_step and cgroup_step */
	u8 data[SCRATCH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* rare_set_of is the set of rings for a kind of record (a constant). */
HOT enum rare_set rare_set_of(u32 kind)
{
	if (kind == KIND_process || kind == KIND_tcp)
		return RARE_EVENTS;
	if (kind == KIND_task || kind == KIND_path || kind == KIND_string || kind == KIND_cgroup)
		return RARE_ANNOUNCED;
	return RARE_CHEAP;
}

/* rare_ring is the key in `rare` of the ring for a kind of record (a constant). */
HOT u32 rare_ring(u32 cpu, u32 kind)
{
	return rare_set_of(kind) * cpu_count + cpu;
}

HOT u64 rare_ring_mark(u32 kind)
{
	return rare_set_of(kind) == RARE_EVENTS ? event_mark : rare_mark;
}

/*
 * crowded says whether this CPU's ring for processes and connections is half full. Long texts are cut short then: they
 * must not take the room of events.
 */
COLD bool crowded(void)
{
	u32 key = rare_ring(bpf_get_smp_processor_id(), KIND_process);
	void *ring = bpf_map_lookup_elem(&rare, &key);

	return ring && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= 2 * event_mark;
}

/*
 * A share is about how many bytes the users with one hash have lately written to this CPU's ring for processes and
 * connections: when the next quarter of the ring has been written they count half, then a quarter. Interrupts may add
 * to it at the same time; it need not be exact.
 */
#define SHARES 64 /* a power of two */

struct share {
	u32 quarter; /* of all that was ever written to the ring */
	u32 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SHARES);
	__type(key, u32);
	__type(value, struct share);
} shares SEC(".maps");

/*
 * displaces says whether a record of a process or connection, of about so many bytes, is to be refused although there
 * is room for it: the last quarter of the ring is for users who have lately written less than half as much. So one
 * user's processes cannot displace another's. A global function, so that the verifier checks it only once for each
 * program.
 */
__noinline int displaces(u32 uid, u32 size)
{
	u32 key = rare_ring(bpf_get_smp_processor_id(), KIND_process), hash = (uid * 0x9e3779b1) >> 26;
	struct share *s = bpf_map_lookup_elem(&shares, &hash);
	void *ring = bpf_map_lookup_elem(&rare, &key);
	u32 quarter, passed;

	if (!s || !ring)
		return 0;
	quarter = bpf_ringbuf_query(ring, BPF_RB_PROD_POS) / event_mark;
	passed = quarter - s->quarter;
	if (passed) {
		s->bytes = passed < 16 ? s->bytes >> passed : 0;
		s->quarter = quarter;
	}
	if (s->bytes > event_mark / 2 && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= 3 * event_mark)
		return 1;
	s->bytes += size;
	return 0;
}

/* wake wakes record(1), which polls the rare rings for events. */
COLD int wake(u32 cpu)
{
	void *ring = bpf_map_lookup_elem(&rare, &cpu);
	void *rec = ring ? bpf_ringbuf_reserve(ring, 8, 0) : NULL;

	if (rec)
		bpf_ringbuf_discard(rec, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Set by record(1) at run time: bulk records are not written, only counted as lost. */
volatile u32 shed;

/*
 * call_ring_reserve returns room for a record of at most max bytes (a constant) in a call ring of this CPU. Without
 * room it counts the record as lost and returns NULL. *head is set for call_ring_submit. Only one program at a time
 * writes to these rings; on a kernel that preempted them, busy would be set and the record be counted as lost.
 */
HOT void *call_ring_reserve(struct cpu *c, u32 cpu, enum call_ring ring, u32 kind, u32 max, u64 *head)
{
	u32 chunks = call_ring_chunks[ring];
	u32 first = ring == RING_SYSCALL ? 0 : call_ring_chunks[RING_SYSCALL] * cpu_count;
	u64 h = c->head[ring], tail = *(volatile u64 *)&c->tail[ring], bytes = (u64)chunks * CHUNK;
	u32 off = h & (CHUNK - 1), key;
	struct chunk *chunk;

	if (off > CHUNK - max) {
		h += CHUNK - off;
		off = 0;
	}
	key = first + cpu * chunks + ((h / CHUNK) & (chunks - 1));
	chunk = bpf_map_lookup_elem(&call_rings, &key);
	if (!chunk || c->busy || shed || h + max - tail > bytes) {
		c->lost[kind]++;
		return NULL;
	}
	c->busy = 1;
	barrier();
	*head = h;
	return &chunk->data[off];
}

/*
 * call_ring_submit publishes the record of size bytes at head: its data become visible to record(1) before the new
 * head.
 */
HOT void call_ring_submit(struct cpu *c, u32 cpu, enum call_ring ring, u32 kind, u64 head, u32 size)
{
	u64 mark = *(volatile u64 *)&c->tail[ring] + call_ring_marks[ring];

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

/* crossed_mark says whether the last record, of size bytes, filled the ring buffer to its wake-up mark. */
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
 * reserve_in returns size bytes (a constant) of this CPU's bulk ring buffer or of a rare one, according to the kind;
 * without room it counts the record as lost and returns NULL. It compares the record with NULL only once: at a second
 * comparison the verifier until 6.1 has forgotten that it is not NULL. The counters need atomic additions, because a
 * connection may end in an interrupt.
 */
HOT void *reserve_in(enum rare_set set, u32 kind, u64 size)
{
	bool is_bulk = bulk_kinds >> kind & 1;
	u32 cpu = bpf_get_smp_processor_id(), key = set * cpu_count + cpu;
	struct cpu *c = bpf_map_lookup_elem(&cpus, &cpu);
	void *ring, *rec;

	if (!c || kind >= KIND_MAX)
		return NULL;
	if (is_bulk)
		ring = shed ? NULL : bpf_map_lookup_elem(&bulk, &cpu);
	else
		ring = bpf_map_lookup_elem(&rare, &key);
	rec = ring ? bpf_ringbuf_reserve(ring, size, 0) : NULL;
	if (!rec) {
		__sync_fetch_and_add(&c->lost[kind], 1);
		return NULL;
	}
	__sync_fetch_and_add(&c->emitted[kind], 1);
	if (crossed_mark(ring, is_bulk ? bulk_mark : set == RARE_EVENTS ? event_mark : rare_mark, size))
		wake(cpu);
	return rec;
}

HOT void *reserve(u32 kind, u64 size)
{
	return reserve_in(rare_set_of(kind), kind, size);
}

/* reserve_of is reserve for a record of a process or connection of that user. */
HOT void *reserve_of(u32 uid, u32 kind, u64 size)
{
	if (displaces(uid, size)) {
		count_lost(kind);
		return NULL;
	}
	return reserve(kind, size);
}

HOT void submit(void *rec)
{
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
}

/*
 * scratch_get takes a free scratch buffer of this CPU; NULL: there is none, and the caller counts a lost record or
 * tries again at the next event. There are several because programs on functions and iterators can be preempted while
 * they build a record, by a task that builds one too.
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

/*
 * output copies the first len bytes of the scratch buffer, a record of that kind (a constant), to this CPU's rare ring
 * for it, and says whether they fitted.
 */
HOT bool output(struct scratch *s, u32 len, u32 kind)
{
	u32 cpu = bpf_get_smp_processor_id(), key = rare_ring(cpu, kind);
	void *ring = bpf_map_lookup_elem(&rare, &key);
	u64 bytes = len;

	barrier_var(bytes); /* the verifier until 6.1 forgets the bounds of len at the look-up */
	if (!ring || bytes > SCRATCH_MAX)
		return false;
	if (bpf_ringbuf_output(ring, s->data, bytes, BPF_RB_NO_WAKEUP))
		return false;
	if (crossed_mark(ring, rare_ring_mark(kind), len))
		wake(cpu);
	return true;
}

#endif
