/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What. Every file gets an id, announced with its full name when it is first read or written; a rename is a
 * new id, and so is another link to the same inode.
 */
#ifndef FLETCH_PATH_H
#define FLETCH_PATH_H

#include "task.h"

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

#define AT(member) bpf_core_field_offset(struct file, member)
#define HAS(member) (AT(member) <= FILE_BYTES - 8)
#define TAKE(type, from, member) (*(type *)((void *)(from) + AT(member)))

HOT void name_of(struct dentry *dentry, struct inode *inode, struct path_key *key)
{
	u64 name[2];

	if (bpf_core_field_offset(struct dentry, d_name.hash_len) == bpf_core_field_offset(struct dentry, d_parent) + 8) {
		bpf_probe_read_kernel(name, sizeof(name), (void *)dentry + bpf_core_field_offset(struct dentry, d_parent));
	} else {
		name[0] = (u64)BPF_CORE_READ(dentry, d_parent);
		name[1] = BPF_CORE_READ(dentry, d_name.hash_len);
	}
	key->dentry = (u64)dentry;
	key->parent = name[0];
	key->hash_len = name[1];
	key->ino = BPF_CORE_READ(inode, i_ino);
}

/* view says what a file is now. The offsets are known when the program is loaded, so only one of the two ways is left then. */
HOT void view(struct cpu *c, struct file *file)
{
	struct file_view *v = &c->view;

	if (HAS(f_mode) && HAS(f_pos) && HAS(f_path.mnt) && HAS(f_path.dentry) && HAS(f_inode)) {
		bpf_probe_read_kernel(c->file_copy, sizeof(c->file_copy), file);
		v->mode = TAKE(u32, c->file_copy, f_mode);
		v->pos = TAKE(s64, c->file_copy, f_pos);
		v->key.mnt = TAKE(u64, c->file_copy, f_path.mnt);
		name_of(TAKE(struct dentry *, c->file_copy, f_path.dentry), TAKE(struct inode *, c->file_copy, f_inode), &v->key);
		return;
	}
	v->mode = BPF_CORE_READ(file, f_mode);
	v->pos = BPF_CORE_READ(file, f_pos);
	v->key.mnt = (u64)BPF_CORE_READ(file, f_path.mnt);
	name_of(BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_inode), &v->key);
}

/*
 * announce_path tells a path, under the id it has (0: a new one). What cannot be told is counted, and told with the next event:
 * the id is negative then.
 */
COLD s32 announce_path(struct file *file, struct path_key *key, path_id id)
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
	if (!told)
		return -(s32)state.id;
	bpf_map_update_elem(&paths, key, &state, BPF_ANY);
	return state.id;
}

/*
 * path_of_file gives the id of a file's name, negative if it could not be announced. It is a global function, so that it is
 * verified once in each program.
 */
__noinline int path_of_file(u64 address)
{
	struct file *file = (void *)address;
	struct path_state *state;
	struct path_key key = {};

	key.mnt = (u64)BPF_CORE_READ(file, f_path.mnt);
	name_of(BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_inode), &key);
	state = bpf_map_lookup_elem(&paths, &key);
	if (state && state->epoch == epoch)
		return state->id;
	return announce_path(file, &key, state ? state->id : 0);
}

HOT path_id path_of(struct file *file)
{
	s32 id = path_of_file((u64)file);

	return id < 0 ? -id : id;
}

/* path_here is path_of the file in view from what the CPU remembers, for a program that nothing interrupts. */
HOT path_id path_here(struct cpu *c, struct file *file)
{
	struct file_view *v = &c->view;
	u32 i = (v->key.dentry >> 6 ^ v->key.dentry >> 12) & (NAMES - 1);
	struct path_key *key = &c->names[i].key;
	struct path_state *state = &c->names[i].state;
	s32 id;

	if (key->dentry == v->key.dentry && key->hash_len == v->key.hash_len && key->ino == v->key.ino &&
	    key->parent == v->key.parent && key->mnt == v->key.mnt && state->epoch == epoch && state->id)
		return state->id;
	id = path_of_file((u64)file);
	state->id = 0;
	if (id < 0)
		return -id;
	*key = v->key;
	state->epoch = epoch;
	state->id = id;
	return id;
}

/* file_of is the file behind a descriptor of the current task, NULL if there is none. */
HOT struct file *file_of(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = task->files->fdt;
	struct file *file = NULL;

	if (fd < fdt->max_fds)
		bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd);
	return file;
}

#endif
