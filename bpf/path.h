/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ids of paths. When a file is first read or written, its path gets an id and a row in the table path. A renamed file
 * gets a new id; two links to an inode have different ids.
 */
#ifndef FLETCH_PATH_H
#define FLETCH_PATH_H

#include "task.h"

/* A path that was evicted gets a new id at its next use. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct path_key);
	__type(value, struct path_state);
} paths SEC(".maps");

u32 last_path; /* the last id given to a path */

/* include/uapi/linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934

/* PUT_STRING copies a string constant to offset off of the scratch buffer, and gives the offset behind it. */
#define PUT_STRING(s, off, text)                                                   \
	({                                                                         \
		static const char put_text[] = text;                               \
		__builtin_memcpy(&(s)->data[off], put_text, sizeof(put_text) - 1); \
		(off) + sizeof(put_text) - 1;                                      \
	})

static const char bracketed[] = "[%lu]";
static const char dev_ino[] = "%u:%lu";

/* build_path builds the row of a path in the scratch buffer, and returns its length. */
COLD u32 build_path(struct scratch *s, struct file *file, path_id id)
{
	struct path_event *e = (void *)s->data;
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
	u32 major = dev >> 20, minor = dev & 0xfffff; /* include/linux/kdev_t.h */
	u32 start = sizeof(*e), len = start;
	u64 args[2];
	long n;

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_path;
	e->path = id;
	e->dev = (minor & 0xff) | (u64)(major & 0xfff) << 8 | (u64)(minor & ~0xff) << 12;
	e->ino = BPF_CORE_READ(inode, i_ino);
	args[0] = e->ino;
	/* The same names as in /proc/PID/fd. */
	switch (magic) {
	case SOCKFS_MAGIC:
		len = PUT_STRING(s, sizeof(*e), "socket:");
		n = bpf_snprintf((void *)&s->data[len], 32, bracketed, args, 8);
		len += n > 0 ? (n & 31) : 0;
		break;
	case PIPEFS_MAGIC:
		len = PUT_STRING(s, sizeof(*e), "pipe:");
		n = bpf_snprintf((void *)&s->data[len], 32, bracketed, args, 8);
		len += n > 0 ? (n & 31) : 0;
		break;
	case ANON_INODE_FS_MAGIC:
		len = PUT_STRING(s, sizeof(*e), "anon_inode:");
		n = bpf_probe_read_kernel_str(&s->data[len], 64, BPF_CORE_READ(dentry, d_name.name));
		len += n > 0 ? (n & 127) : 0;
		break;
	default:
		len = append_path(s, start, dentry, BPF_CORE_READ(file, f_path.mnt), &e->name);
		if (len > start || !(e->name.flags & REF_CUT))
			return len;
		args[0] = e->dev;
		args[1] = e->ino;
		n = bpf_snprintf((void *)&s->data[sizeof(*e)], 48, dev_ino, args, 16);
		len += n > 0 ? (n & 63) : 0;
	}
	e->name.off = start;
	e->name.len = len - start;
	e->name.flags = REF_RELATIVE;
	return len;
}

/* path_key_of reads the current key of a file's path. */
HOT void path_key_of(u64 file, struct path_key *key)
{
	key->mnt = FIELD(file, struct file, f_path.mnt);
	key->dentry = FIELD(file, struct file, f_path.dentry);
	key->parent = FIELD(key->dentry, struct dentry, d_parent);
	key->hash_len = FIELD(key->dentry, struct dentry, d_name.hash_len);
	key->ino = FIELD(FIELD(file, struct file, f_inode), struct inode, i_ino);
}

/*
 * announce_path writes the row of a path; id is its id, 0: it gets a new one. It returns the id. Without room it counts
 * the row as lost and returns the negated id: then the next event of the file has to try again.
 */
HOT s32 announce_path(struct file *file, struct path_key *key, path_id id)
{
	struct path_state state = { .epoch = epoch };
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = scratch_get();
	bool written = false;

	state.id = id ? id : __sync_fetch_and_add(&last_path, 1) + 1;
	if (s) {
		written = output(s, build_path(s, file, state.id));
		scratch_put(s);
	}
	count(cpu, KIND_path, written);
	if (!written)
		return -(s32)state.id;
	bpf_map_update_elem(&paths, key, &state, BPF_ANY);
	return state.id;
}

/*
 * path_of_file returns the id of a file's path, negated if the path could not be announced. It is a global function, so
 * that the verifier checks it only once for each program.
 */
__noinline int path_of_file(u64 file)
{
	struct path_state *state;
	struct path_key key = {};

	path_key_of(file, &key);
	state = bpf_map_lookup_elem(&paths, &key);
	if (state && state->epoch == epoch)
		return state->id;
	return announce_path((struct file *)file, &key, state ? state->id : 0);
}

/* path_of returns the id of a file's path, announced if there was room. */
HOT path_id path_of(u64 file)
{
	s32 id = path_of_file(file);

	return id < 0 ? -id : id;
}

/* cached_path_of is path_of with a cache per CPU, for programs that run with preemption off. */
HOT path_id cached_path_of(struct slot *slot, u64 file)
{
	struct path_key *now = &slot->key, *key;
	struct path_state *state;
	s32 id;
	u32 i;

	path_key_of(file, now);
	i = (now->dentry >> 6 ^ now->dentry >> 12) & (CACHED_PATHS - 1);
	key = &slot->paths[i].key;
	state = &slot->paths[i].state;
	if (key->dentry == now->dentry && key->hash_len == now->hash_len && key->ino == now->ino &&
	    key->parent == now->parent && key->mnt == now->mnt && state->epoch == epoch && state->id)
		return state->id;
	id = path_of_file(file);
	state->id = 0;
	if (id < 0)
		return -id;
	*key = *now;
	state->epoch = epoch;
	state->id = id;
	return id;
}

/*
 * file_of_fd returns the address of the struct file of a task's descriptor, 0 if there is none. task must be current.
 */
HOT u64 file_of_fd(u64 task, u32 fd)
{
	u64 table = FIELD(FIELD(task, struct task_struct, files), struct files_struct, fdt);

	if (fd >= (u32)FIELD(table, struct fdtable, max_fds))
		return 0;
	return load_u64(FIELD(table, struct fdtable, fd) + fd * sizeof(u64));
}

#endif
