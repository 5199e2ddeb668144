/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Texts that are passed to the kernel: paths, other strings, addresses of sockets. They are read when the call returns,
 * because the kernel has just used their pages, or when the task first leaves its CPU inside of the call. Each gets an
 * id and a row in the table string; a call has the ids.
 */
#ifndef FLETCH_TEXT
#define FLETCH_TEXT

#include "calls.h"
#include "path.h"

#define TEXT_MAX 4096 /* bytes that can be kept of a text: PATH_MAX */

const volatile bool want_strings;
const volatile u32 strings_max = TEXT_MAX; /* bytes that are kept of a text, at most TEXT_MAX */

/* What a text is known by: two hashes of its bytes, its length, its form, and whether it was cut. */
struct text_key {
	u64 hash;
	u64 check;
};

/* The id of a text, and the last epoch in which it was announced. */
struct text_name {
	u32 epoch;
	string_id id;
	u32 flags; /* FLAG_ESCAPED */
	u32 pad;
};

/* The ids of texts. One that was evicted gets a new id at its next use. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct text_key);
	__type(value, struct text_name);
} text_names SEC(".maps");

u32 last_string; /* the last id given to a text */

#define CACHED_TEXTS 2048 /* pairs per CPU; a power of two */

/*
 * The texts of one CPU: room to read one, and a cache of their ids, in pairs of which the older one makes room. The
 * programs that use it run with preemption off. Behind data is room for the padding that hashes need.
 */
struct texts {
	struct text_key key; /* of the text in data */
	u32 len;
	u32 form;    /* enum text_form */
	u32 flags;   /* FLAG_CUT */
	u32 utf8;    /* state of scan_block */
	u32 scanned; /* where the bytes begin that are shown as text */
	u32 pad_scanned;
	struct string_event event; /* directly before data, with which it is a record */
	u8 data[2 * TEXT_MAX + HASH_BLOCK];
	struct {
		struct text_key key;
		struct text_name name;
	} cache[CACHED_TEXTS][2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* CPUs; set by the loader */
	__type(key, u32);
	__type(value, struct texts);
} texts SEC(".maps");

/*
 * hash_text_block adds the 64 bytes at offset off of the text to its hashes, alternating, so that neither waits for the
 * other. Like hash_block it has no branches.
 */
__noinline int hash_text_block(u32 cpu, u32 off)
{
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	u64 *words, hash, check;

	if (!t)
		return 0;
	words = (void *)&t->data[off & (TEXT_MAX - 1)];
	hash = t->key.hash;
	check = t->key.check;
	for (int i = 0; i < HASH_BLOCK / sizeof(u64); i += 2) {
		hash = mix(hash, words[i]);
		check = mix(check, words[i + 1]);
	}
	t->key.hash = hash;
	t->key.check = check;
	return 0;
}

#define UTF8_START 0 /* states of an automaton that reads UTF-8 without control characters */
#define UTF8_ODD 1
/* What a byte is, for that. */
static const u8 utf8_class[256] = {
	[0x00 ... 0x1f] = 13, [0x20 ... 0x7e] = 0, [0x7f] = 13,          [0x80 ... 0x8f] = 1, [0x90 ... 0x9f] = 9,
	[0xa0 ... 0xbf] = 7,  [0xc0 ... 0xc1] = 8, [0xc2] = 12,          [0xc3 ... 0xdf] = 2, [0xe0] = 10,
	[0xe1 ... 0xec] = 3,  [0xed] = 4,          [0xee ... 0xef] = 3,  [0xf0] = 11,         [0xf1 ... 0xf3] = 6,
	[0xf4] = 5,           [0xf5 ... 0xff] = 8,
};
/* The next state. 2 and 3: as many continuation bytes less one are missing; from 4 on: behind E0, ED, F0, F1-F3, F4, C2. */
static const u8 utf8_next[16][16] = {
	{ 0, 1, 2, 3, 5, 8, 7, 1, 1, 1, 4, 6, 9, 1, 1, 1 },
	{ 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	{ 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1 },
	{ 1, 2, 1, 1, 1, 1, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1 },
	{ 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1 },
	{ 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1 },
	{ 1, 1, 1, 1, 1, 1, 1, 3, 1, 3, 1, 1, 1, 1, 1, 1 },
	{ 1, 3, 1, 1, 1, 1, 1, 3, 1, 3, 1, 1, 1, 1, 1, 1 },
	{ 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
	{ 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1 },
};

/* scan_block follows the 64 bytes at offset off of the text: t->utf8 becomes UTF8_ODD if some are written as \xNN. */
__noinline int scan_block(u32 cpu, u32 off)
{
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	u32 state;
	u8 *at;

	if (!t)
		return 0;
	at = &t->data[off & (2 * TEXT_MAX - 1)];
	state = t->utf8;
	for (int i = 0; i < HASH_BLOCK; i++)
		state = utf8_next[state & 15][utf8_class[at[i]] & 15];
	t->utf8 = state;
	return 0;
}

/*
 * hash_of_text hashes the text. Behind it are spaces to the end of the last block: they are no odd characters for
 * scan_block, and the length is a part of the hash.
 */
__noinline int hash_of_text(u32 cpu)
{
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	u32 len;
	u64 *end;

	if (!t)
		return 0;
	len = t->len;
	end = (void *)&t->data[len & (2 * TEXT_MAX - 1)];
	for (int i = 0; i < HASH_BLOCK / sizeof(u64); i++)
		end[i] = 0x2020202020202020;
	t->key.hash = len | (u64)t->form << 32 | (u64)t->flags << 40;
	t->key.check = ~t->key.hash;
	for (u32 i = 0; i < TEXT_MAX && i < len; i += HASH_BLOCK)
		hash_text_block(cpu, i);
	return 0;
}

/* scan_text sets the flags of the row of the text: FLAG_ESCAPED. */
__noinline int scan_text(u32 cpu)
{
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	u32 len, off;

	if (!t)
		return 0;
	len = t->len;
	off = t->scanned;
	t->utf8 = UTF8_START;
	for (u32 i = 0; i < TEXT_MAX && i + off < len; i += HASH_BLOCK)
		scan_block(cpu, i + off);
	return t->utf8 == UTF8_START ? 0 : FLAG_ESCAPED;
}

/*
 * room_for_text says whether the ring for announcements has room for a text: half of it is kept for tasks and paths,
 * because any program can make new texts as fast as it makes calls.
 */
HOT bool room_for_text(void *ring)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < 2 * rare_mark;
}

/* write_text writes the row of the text, and says whether there was room. */
HOT bool write_text(struct texts *t, u32 cpu, string_id id)
{
	u32 key = rare_ring(cpu, KIND_string);
	void *ring = bpf_map_lookup_elem(&rare, &key);
	u64 size = sizeof(t->event) + t->len;

	t->event.kind = KIND_string;
	t->event.string = id;
	t->event.value.off = sizeof(t->event);
	t->event.value.len = t->len;
	t->event.value.flags = t->flags & FLAG_CUT ? REF_CUT : 0;
	t->event.value.form = t->form;
	barrier_var(size);
	if (!ring || size > sizeof(t->event) + TEXT_MAX || !room_for_text(ring))
		return false;
	if (bpf_ringbuf_output(ring, &t->event, size, BPF_RB_NO_WAKEUP))
		return false;
	if (crossed_mark(ring, rare_mark, size))
		wake(cpu);
	return true;
}

/*
 * announce_text returns the id of a text that the cache does not have, and writes its row if this epoch lacks it. Without
 * room it counts the row as lost, and the text is not remembered, so that the next call with it tries again. The flags
 * of the text are left in t->flags.
 */
__noinline int announce_text(u32 cpu)
{
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	struct text_name name = {}, *known;
	bool written;
	u32 i;

	if (!t)
		return 0;
	known = bpf_map_lookup_elem(&text_names, &t->key);
	if (known)
		name = *known;
	if (!known || name.epoch != epoch) {
		if (!known) {
			name.id = __sync_fetch_and_add(&last_string, 1) + 1;
			name.flags = scan_text(cpu);
		}
		name.epoch = epoch;
		written = write_text(t, cpu, name.id);
		count(cpu, KIND_string, written);
		t->flags |= name.flags;
		if (!written)
			return name.id;
		bpf_map_update_elem(&text_names, &t->key, &name, BPF_ANY);
	}
	t->flags |= name.flags;
	i = t->key.hash & (CACHED_TEXTS - 1);
	t->cache[i][1].key = t->cache[i][0].key;
	t->cache[i][1].name = t->cache[i][0].name;
	t->cache[i][0].key = t->key;
	t->cache[i][0].name = name;
	return name.id;
}

/* text_id returns the id of the text, announced in this epoch if there was room, and adds its flags to t->flags. */
HOT string_id text_id(struct texts *t, u32 cpu)
{
	u32 i;

	hash_of_text(cpu);
	i = t->key.hash & (CACHED_TEXTS - 1);
	for (int way = 0; way < 2; way++) {
		struct text_key *key = &t->cache[i][way].key;
		struct text_name *name = &t->cache[i][way].name;

		if (key->hash == t->key.hash && key->check == t->key.check && name->epoch == epoch && name->id) {
			t->flags |= name->flags;
			return name->id;
		}
	}
	return announce_text(cpu);
}

/* text_or_cut keeps what may be kept of a text of n bytes, and no incomplete character at its end. */
HOT void text_or_cut(struct texts *t, u32 n)
{
	u32 max = strings_max;

	t->len = n;
	if (n <= max)
		return;
	t->flags |= FLAG_CUT;
	for (u32 k = 1; k < 4; k++) {
		u8 c = t->data[(max - k) & (TEXT_MAX - 1)];

		if (k > max || c < 0x80)
			break;
		if (c >= 0xc0) {
			if (c >= (k == 1 ? 0xc0 : k == 2 ? 0xe0 : 0xf0))
				max -= k;
			break;
		}
	}
	t->len = max;
}

/* read_string reads a text with a zero at its end; false: it cannot be read. */
HOT bool read_string(struct texts *t, u64 at)
{
	u32 size = strings_max + 2;
	long n;

	if (size > TEXT_MAX + 2)
		size = TEXT_MAX + 2;
	n = bpf_probe_read_user_str(t->data, size, (void *)at);
	if (n < 0)
		return false;
	text_or_cut(t, n ? n - 1 : 0); /* of an empty text it is 0 on Linux 6.1 */
	return true;
}

/* read_counted reads a text of n bytes. */
HOT bool read_counted(struct texts *t, u64 at, s64 n)
{
	u32 size = n < 0 ? 0 : n > TEXT_MAX + 1 ? TEXT_MAX + 1 : n;

	barrier_var(size);
	if (size > TEXT_MAX + 1 || bpf_probe_read_user(t->data, size, (void *)at))
		return false;
	text_or_cut(t, size);
	return true;
}

#define ADDRESS_MAX 128 /* struct sockaddr_storage */
#define AF_UNIX 1

/*
 * read_address reads the address of a socket. What is behind it is not taken: the padding of an IPv4 address, and what
 * follows the zero in the path of a unix socket.
 */
HOT bool read_address(struct texts *t, u64 at, s64 n)
{
	u32 size = n < 0 ? 0 : n > ADDRESS_MAX ? ADDRESS_MAX : n;
	u16 family;
	long path;

	barrier_var(size);
	if (size > ADDRESS_MAX || bpf_probe_read_user(t->data, size, (void *)at))
		return false;
	t->form = TEXT_SOCKADDR;
	t->len = t->scanned = size;
	if (size <= sizeof(family))
		return true;
	family = *(u16 *)t->data;
	if (family == AF_UNIX) {
		t->scanned = sizeof(family);
		if (!t->data[sizeof(family)]) {
			t->scanned++; /* an abstract name */
			return true;
		}
		path = bpf_probe_read_user_str(&t->data[sizeof(family)], size - sizeof(family) + 1,
					       (void *)(at + sizeof(family)));
		if (path < 0)
			return false;
		t->len = sizeof(family) + (path ? path - 1 : 0);
	} else if (family == 2 && size > 8) { /* AF_INET: family, port, address */
		t->len = 8;
	}
	return true;
}

/* include/uapi/linux/mount.h */
enum { FSCONFIG_SET_STRING = 1, FSCONFIG_SET_PATH = 3, FSCONFIG_SET_PATH_EMPTY = 4 };

/* Where a text is, and how long it is. */
struct text_place {
	u64 at; /* 0: there is none */
	s64 len;
};

/* read_int reads an int of the program, -1 if that fails. */
HOT s64 read_int(u64 at)
{
	s32 n = -1;

	if (bpf_probe_read_user(&n, sizeof(n), (void *)at))
		return -1;
	return n;
}

/* find_message finds the address in a struct msghdr. */
HOT void find_message(struct call *call, u64 at, struct text_place *p)
{
	u32 word[4] = {};

	p->at = 0;
	if (!at || bpf_probe_read_user(word, sizeof(word), (void *)at))
		return;
	if (call->class & CALL_COMPAT || call->nr & NR_X32) {
		p->at = word[0];
		p->len = (s32)word[1];
		return;
	}
	p->at = word[0] | (u64)word[1] << 32;
	p->len = (s32)word[2];
}

#if defined(__TARGET_ARCH_x86)
/* find_socketcall finds the address among the arguments of a socket call; those are in memory. It returns its kind. */
HOT u32 find_socketcall(struct call *call, struct text_place *p)
{
	u32 arg[6] = {}, n = 3, kind = 0;

	switch (call->arg[0]) { /* include/uapi/linux/net.h */
	case 2:
	case 3:
		kind = TEXT_KIND_ADDRESS;
		break;
	case 5:
	case 6:
	case 7:
	case 18:
		kind = TEXT_KIND_ADDRESS_OUT;
		break;
	case 11:
		kind = TEXT_KIND_ADDRESS;
		n = 6;
		break;
	case 12:
		kind = TEXT_KIND_ADDRESS_OUT;
		n = 6;
		break;
	case 16:
	case 20:
		kind = TEXT_KIND_MESSAGE;
		break;
	case 17:
	case 19:
		kind = TEXT_KIND_MESSAGE_OUT;
		break;
	}
	p->at = 0;
	if (!kind || bpf_probe_read_user(arg, n == 6 ? 24 : 12, (void *)call->arg[1]))
		return 0;
	p->at = n == 6 ? arg[4] : arg[1];
	p->len = n == 6 ? arg[5] : arg[2];
	return kind;
}
#endif

/* The working directory as a place of path.h; 0: the task has none. */
HOT u64 working_directory(u64 task)
{
	u64 fs = FIELD(task, struct task_struct, fs);

	return fs ? PLACE_OF_PATH(fs + bpf_core_field_offset(struct fs_struct, pwd)) : 0;
}

#define AT_FDCWD (-100)

enum text_when { TEXT_AT_ENTRY, TEXT_AT_SWITCH, TEXT_AT_EXIT };

/* text_argument returns argument i of a call. */
HOT s64 text_argument(struct call *call, u32 i)
{
	i &= 7;
	return i < 6 ? call->arg[i] : 0;
}

/* find_text finds text which of a call: a kind, 0 if it has none now, and where it is. */
HOT u32 find_text(struct call *call, u32 bits, s64 ret, u32 when, struct text_place *p)
{
	u32 kind = bits & 15, aux = (bits >> 7 & 7) - 1;
	s64 cmd;

	p->at = text_argument(call, (bits >> 4 & 7) - 1);
	p->len = 0;
#if defined(__TARGET_ARCH_x86)
	if (kind == TEXT_KIND_SOCKETCALL)
		kind = find_socketcall(call, p);
	else
#endif
		if (kind == TEXT_KIND_ADDRESS || kind == TEXT_KIND_COUNTED)
			p->len = (s32)text_argument(call, aux);
		else if (kind == TEXT_KIND_ADDRESS_OUT)
			p->len = text_argument(call, aux);
	if (kind == TEXT_KIND_MESSAGE || kind == TEXT_KIND_MESSAGE_OUT)
		find_message(call, p->at, p);
	if (kind == TEXT_KIND_ADDRESS_OUT || kind == TEXT_KIND_MESSAGE_OUT) {
		if (when != TEXT_AT_EXIT || ret < 0 || !p->at)
			return 0;
		if (kind == TEXT_KIND_ADDRESS_OUT)
			p->len = read_int(p->len);
		return p->len > 0 ? TEXT_KIND_ADDRESS : 0;
	}
	if (kind == TEXT_KIND_CONFIG) {
		cmd = text_argument(call, aux);
		if (cmd != FSCONFIG_SET_STRING && cmd != FSCONFIG_SET_PATH && cmd != FSCONFIG_SET_PATH_EMPTY)
			return 0;
	}
	if (kind == TEXT_KIND_MESSAGE || kind == TEXT_KIND_ADDRESS)
		return p->len > 0 && p->at ? TEXT_KIND_ADDRESS : 0;
	return p->at ? kind : 0;
}

#define TEXT_AGAIN 1  /* the text could not be read now */
#define TEXT_STARTS 2 /* it is a path that starts from a directory */

/*
 * read_text reads text `which` of a call, sets its id and the flags of the call, and returns TEXT_* bits. It and
 * start_text are beside each other in the call chain, so that what start_text calls has more of the stack.
 */
__noinline int read_text(struct call *call, u32 which, s64 ret, u32 when)
{
	u32 cpu = bpf_get_smp_processor_id(), kind;
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	struct text_place p;
	bool read;

	if (!call || !t)
		return 0;
	which &= 1;
	kind = find_text(call, call->names >> (which ? 19 : 9), ret, when, &p);
	if (!kind)
		return 0;
	t->form = TEXT_BYTES;
	t->flags = t->scanned = 0;
	if (kind == TEXT_KIND_ADDRESS)
		read = read_address(t, p.at, p.len);
	else if (kind == TEXT_KIND_COUNTED)
		read = read_counted(t, p.at, p.len);
	else
		read = read_string(t, p.at);
	if (!read) {
		if (when == TEXT_AT_EXIT)
			call->class |= FLAG_UNREADABLE << CALL_FLAGS;
		return when == TEXT_AT_ENTRY && kind == TEXT_KIND_PATH ? TEXT_AGAIN | TEXT_STARTS : TEXT_AGAIN;
	}
	call->str[which] = text_id(t, cpu);
	call->class |= t->flags << CALL_FLAGS;
	if (kind == TEXT_KIND_PATH && (!t->len || t->data[0] != '/'))
		return TEXT_STARTS;
	call->dir[which] = 0;
	return 0;
}

/* start_text sets the directory that path `which` of a call starts from. */
__noinline int start_text(struct call *call, u32 which)
{
	u64 task = bpf_get_current_task(), place;
	s32 fd = AT_FDCWD;
	u32 aux;

	if (!call)
		return 0;
	which &= 1;
	aux = call->names >> (which ? 26 : 16) & 7;
	if (aux)
		fd = text_argument(call, aux - 1);
	place = fd == AT_FDCWD ? working_directory(task) : file_of_fd(task, fd);
	call->dir[which] = place ? path_of(place) : 0;
	return 0;
}

/*
 * read_texts reads the texts of a call of the current task, if they have not been. At the exit it is the last time.
 */
__noinline int read_texts(struct call *call, s64 ret, u32 when)
{
	u32 bits = 0;

	if (!call || call->names & NAMES_READ)
		return 0;
	call->str[0] = call->str[1] = 0;
	if (!(call->names & NAMES_STARTS))
		call->dir[0] = call->dir[1] = 0;
	for (u32 which = 0; which < 2; which++) {
		u32 now;

		if (which && !(call->names & NAMES_TEXT2))
			break;
		now = read_text(call, which, ret, when);
		if (now & TEXT_STARTS && !(call->names & NAMES_STARTS))
			start_text(call, which);
		bits |= now;
	}
	if (when == TEXT_AT_ENTRY)
		call->names |= NAMES_STARTS;
	if (when == TEXT_AT_EXIT || (!(bits & TEXT_AGAIN) && !(call->names & NAMES_OUT)))
		call->names |= NAMES_READ;
	return 0;
}

/* lack_texts is read_texts for a call whose texts cannot be read any more. */
HOT void lack_texts(struct call *call)
{
	call->str[0] = call->str[1] = 0;
	call->class |= FLAG_UNREADABLE << CALL_FLAGS;
	call->names |= NAMES_READ;
}

/*
 * task_texts reads the texts of the call that is in the state of the current task. It is called by the programs themselves:
 * below the functions that begin and end such calls, the stack has no room for it. now is when the call ended, if it has.
 * The texts of a successful execve were in memory that is gone.
 */
__noinline int task_texts(s64 ret, u32 when, u64 now)
{
	struct task_state *st = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	struct call *call;

	if (!st || (!st->call.ts && st->begun != BEGUN_CALL))
		return 0;
	call = st->call.ts ? &st->call : &st->begun_call;
	if (!(call->names & NAMES_TEXTS) || call->names & NAMES_READ)
		return 0;
	if (when == TEXT_AT_EXIT && !selected_call(call, ret, now - call->ts))
		return 0;
	if (when == TEXT_AT_EXIT && !ret && call_does(call->class) == DOES_EXEC)
		lack_texts(call);
	else
		read_texts(call, ret, when);
	if (when == TEXT_AT_ENTRY)
		st->call.ts = bpf_ktime_get_ns();
	return 0;
}

/*
 * exec_text is called when an execve succeeds: if its text could not be read at the entry, because its page was not there
 * yet, it is what the kernel has copied. What it has for execveat may begin with the name of a descriptor.
 */
__noinline int exec_text(u64 filename)
{
	u32 cpu = bpf_get_smp_processor_id(), size = strings_max + 2;
	struct texts *t = bpf_map_lookup_elem(&texts, &cpu);
	struct task_state *st = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	long n;

	if (!t || !st || !st->call.ts || call_does(st->call.class) != DOES_EXEC)
		return 0;
	if (st->call.names & (NAMES_READ | NAMES_AUX1))
		return 0;
	if (size > TEXT_MAX + 2)
		size = TEXT_MAX + 2;
	n = bpf_probe_read_kernel_str(t->data, size, (void *)filename);
	if (n <= 0)
		return 0;
	t->form = TEXT_BYTES;
	t->flags = t->scanned = 0;
	text_or_cut(t, n - 1);
	st->call.str[0] = text_id(t, cpu);
	st->call.str[1] = 0;
	if (t->data[0] == '/')
		st->call.dir[0] = 0;
	st->call.class |= t->flags << CALL_FLAGS;
	st->call.names |= NAMES_READ;
	return 0;
}

#endif
