/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What. Every file gets an id, announced with its full name when it is first read or written; a rename is a
 * new id, and so is another link to the same inode.
 */
#ifndef FLETCH_PATH_H
#define FLETCH_PATH_H

#include "task.h"

/* What makes a name: a directory entry, where it hangs, what it is called, and what it leads to. */
struct path_key {
	u64 dentry;
	u64 mnt;
	u64 parent;
	u64 hash_len;
	u64 ino;
};

struct path_state {
	path_id id;
	u32 epoch; /* in which it was announced last */
};

/* A file that falls out gets a new id when it comes back. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct path_key);
	__type(value, struct path_state);
} paths SEC(".maps");

u32 last_path; /* the last path id given */

/* include/uapi/linux/magic.h */
#define SOCKFS_MAGIC 0x534F434B
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934

/* A constant string becomes the scratch's bytes from off on; the new end. */
#define PUT(s, off, text)                                                       \
	({                                                                      \
		static const char put_text[] = text;                            \
		__builtin_memcpy(&(s)->data[off], put_text, sizeof(put_text) - 1); \
		(off) + sizeof(put_text) - 1;                                   \
	})

static const char bracketed[] = "[%lu]";
static const char dev_ino[] = "%u:%lu";

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
	/* The names that /proc/PID/fd shows. */
	switch (magic) {
	case SOCKFS_MAGIC:
		len = PUT(s, sizeof(*e), "socket:");
		n = bpf_snprintf((void *)&s->data[len], 32, bracketed, args, 8);
		len += n > 0 ? (n & 31) : 0;
		break;
	case PIPEFS_MAGIC:
		len = PUT(s, sizeof(*e), "pipe:");
		n = bpf_snprintf((void *)&s->data[len], 32, bracketed, args, 8);
		len += n > 0 ? (n & 31) : 0;
		break;
	case ANON_INODE_FS_MAGIC:
		len = PUT(s, sizeof(*e), "anon_inode:");
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

/* announce_path tells a path, under the id it has (0: a new one). What cannot be told is counted, and told with the next event. */
COLD path_id announce_path(struct file *file, struct path_key *key, path_id id)
{
	struct path_state state = { .epoch = epoch };
	u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = scratch_get();
	bool told = false;

	state.id = id ? id : __sync_fetch_and_add(&last_path, 1) + 1;
	if (s) {
		told = output(s, build_path(s, file, state.id));
		scratch_put(s);
	}
	count(cpu, KIND_path, told);
	if (told)
		bpf_map_update_elem(&paths, key, &state, BPF_ANY);
	return state.id;
}

/* path_of_file is path_of; a global function, so that it is verified once in each program. */
__noinline int path_of_file(u64 address)
{
	struct file *file = (void *)address;
	struct path_key key = {};
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct path_state *state;

	key.dentry = (u64)dentry;
	key.mnt = (u64)BPF_CORE_READ(file, f_path.mnt);
	key.parent = (u64)BPF_CORE_READ(dentry, d_parent);
	key.hash_len = BPF_CORE_READ(dentry, d_name.hash_len);
	key.ino = BPF_CORE_READ(file, f_inode, i_ino);
	state = bpf_map_lookup_elem(&paths, &key);
	if (state && state->epoch == epoch)
		return state->id;
	return announce_path(file, &key, state ? state->id : 0);
}

HOT path_id path_of(struct file *file)
{
	return path_of_file((u64)file);
}

/* file_of is the file behind a descriptor of the current task, NULL if there is none. */
HOT struct file *file_of(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (fd < BPF_CORE_READ(fdt, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

#endif
