/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Ids of paths. When a file is first read or written, its path gets an id and a row in the table path. An id stands for
 * one path of one inode in one mount namespace: a renamed file gets a new id, two links to an inode have different ids,
 * and so has a file at each place where its directory is mounted.
 */
#ifndef FLETCH_PATH_H
#define FLETCH_PATH_H

#include "socket.h"
#include "task.h"

/* The ids by a hash of path_key, for which the stack has no room, to find the path of a file that was seen before. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct path_state);
} paths SEC(".maps");

/* An id, and the last epoch in which it was announced. */
struct path_name {
	path_id id;
	u32 epoch;
};

/* The ids by a hash of the row. A path that was evicted gets a new id at its next use. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct path_name);
} path_names SEC(".maps");

u32 last_path; /* the last id given to a path */
u32 renames;   /* renames that the programs have seen */

/* The address of the kernel's rename_lock, 0 if it does not tell. Set by the loader before the programs start. */
const volatile u64 rename_lock;

/* include/uapi/linux/magic.h, fs/pidfs.c */
#define SOCKFS_MAGIC 0x534F434B
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_FS_MAGIC 0x09041934
#define PID_FS_MAGIC 0x50494446
#define NSFS_MAGIC 0x6e736673

/* include/linux/fs.h */
#define FMODE_CAN_READ 0x20000
#define FMODE_CAN_WRITE 0x40000

#define S_IFMT 0170000 /* include/uapi/linux/stat.h */
#define S_IFREG 0100000
#define S_IFSOCK 0140000

#define MNT_NS_ANON_INO 0xEFFFFFF7 /* include/uapi/linux/nsfs.h: of mounts that are not attached yet */

/* PUT_STRING copies a string constant to offset off of the scratch buffer, and gives the offset behind it. */
#define PUT_STRING(s, off, text)                                                   \
	({                                                                         \
		static const char put_text[] = text;                               \
		__builtin_memcpy(&(s)->data[off], put_text, sizeof(put_text) - 1); \
		(off) + sizeof(put_text) - 1;                                      \
	})

static const char bracketed[] = "[%lu]";
static const char named[] = "%s:[%lu]";
static const char dev_ino[] = "%u:%lu";

/*
 * A place is what has a path: the address of a struct file, or that of the struct path of a directory, plus one. Both have a
 * struct path.
 */
#define PLACE_OF_PATH(path) ((path) | 1)
HOT u64 path_in(u64 place)
{
	return place & 1 ? place - 1 : place + bpf_core_field_offset(struct file, f_path);
}

HOT u64 inode_of(u64 place, u64 dentry)
{
	return place & 1 ? FIELD(dentry, struct dentry, d_inode) : FIELD(place, struct file, f_inode);
}

/* namespace_of returns the address of a mount's namespace, 0 if it is in none. */
HOT u64 namespace_of(u64 mnt)
{
	u64 ns = FIELD(mnt, struct mount, mnt_ns);

	return ns >= (u64)-4095 ? 0 : ns; /* the kernel's own mounts have an error there */
}

/* mount_namespace is the inode number of a mount's namespace, 0 if it is in none. */
HOT u32 mount_namespace(u64 mnt)
{
	u64 ns = namespace_of(mnt);
	u32 inum = ns ? FIELD(ns, struct mnt_namespace, ns.inum) : 0;

	return inum == MNT_NS_ANON_INO ? 0 : inum;
}

/* type_of is what a file of this mode is, which is in a directory. */
HOT u32 type_of(u32 mode)
{
	static const u8 types[16] = { [1] = TYPE_fifo, [2] = TYPE_chr, [4] = TYPE_dir, [6] = TYPE_blk,
				      [8] = TYPE_file, [10] = TYPE_symlink, [12] = TYPE_socket };

	return types[mode >> 12 & 15];
}

/*
 * put_special appends the name of a file that is in no directory, as in /proc/PID/fd or of a socket as strace -yy has it,
 * to the row in the scratch buffer, sets what it is, and returns the length of the row; it is unchanged if the file has
 * no such name.
 */
COLD u32 put_special(struct scratch *s, struct dentry *dentry, struct inode *inode, u64 file)
{
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	struct path_event *e = (void *)s->data;
	u32 start = sizeof(*e), len = start;
	u64 args[2] = { BPF_CORE_READ(inode, i_ino) };
	struct ns_common *ns;
	long n = 0;

	e->name.flags = REF_RELATIVE;
	switch (magic) {
	case SOCKFS_MAGIC:
		e->kind = TYPE_socket;
		return put_socket(s, file, BPF_CORE_READ(dentry, d_name.name));
	case PIPEFS_MAGIC:
		e->kind = TYPE_pipe;
		len = PUT_STRING(s, start, "pipe:");
		n = bpf_snprintf((void *)&s->data[len], 32, bracketed, args, 8);
		break;
	case ANON_INODE_FS_MAGIC:
		e->kind = TYPE_anon;
		len = PUT_STRING(s, start, "anon_inode:");
		n = bpf_probe_read_kernel_str(&s->data[len], 64, BPF_CORE_READ(dentry, d_name.name));
		break;
	case PID_FS_MAGIC:
		e->kind = TYPE_anon;
		return PUT_STRING(s, start, "anon_inode:[pidfd]");
	case NSFS_MAGIC:
		e->kind = TYPE_ns;
		ns = BPF_CORE_READ(inode, i_private);
		args[1] = args[0];
		args[0] = (u64)BPF_CORE_READ(ns, ops, name);
		n = bpf_snprintf((void *)&s->data[len], 64, named, args, 16);
		break;
	}
	return n > 0 ? len + (n & 127) : len;
}

/*
 * build_path builds the row of a path in the scratch buffer, without its id, and returns its length. *hash becomes a
 * hash of the row.
 */
HOT u32 build_path(struct scratch *s, u64 place, u64 *hash)
{
	struct path_event *e = (void *)s->data;
	u64 path = path_in(place);
	struct dentry *dentry = (void *)FIELD(path, struct path, dentry);
	struct vfsmount *mnt = (void *)FIELD(path, struct path, mnt);
	struct inode *inode = (void *)inode_of(place, (u64)dentry);
	u32 dev = BPF_CORE_READ(inode, i_sb, s_dev);
	u32 major = dev >> 20, minor = dev & 0xfffff; /* include/linux/kdev_t.h */
	u32 start = sizeof(*e), len = start;
	u64 *args = (void *)&s->data[2 * DPATH_MAX]; /* behind any path: the stack has no room for them */
	long n;

	__builtin_memset(e, 0, sizeof(*e));
	e->record = KIND_path;
	e->kind = type_of((u16)BPF_CORE_READ(inode, i_mode));
	e->dev = (minor & 0xff) | (u64)(major & 0xfff) << 8 | (u64)(minor & ~0xff) << 12;
	e->ino = BPF_CORE_READ(inode, i_ino);
	e->mntns = mount_namespace((u64)container_of(mnt, struct mount, mnt));
	if (dentry != BPF_CORE_READ(mnt, mnt_root))
		len = put_special(s, dentry, inode, place);
	if (len == start) {
		len = append_path(s, start, dentry, mnt, &e->name);
		if (len == start && e->name.flags & REF_CUT) {
			args[0] = e->dev;
			args[1] = e->ino;
			n = bpf_snprintf((void *)&s->data[start], 48, dev_ino, args, 16);
			len += n > 0 ? (n & 63) : 0;
			e->name.flags = REF_RELATIVE;
		}
	}
	e->name.off = start;
	e->name.len = len - start;
	hash_text(s->key, start, len - start);
	*hash = mix(mix(mix(s->walk.hash, e->dev), e->ino), (u64)e->mntns << 32 | e->name.flags);
	return len;
}

/*
 * hash_inline is a hash of the name of a dentry that is in no directory. The hash in the dentry is 0, and all anonymous
 * inodes are one: two files of them may differ by nothing but the name. Such names are short and inside the dentry;
 * longer ones are of files that have inodes of their own.
 */
HOT u64 hash_inline(u64 dentry, u64 hash_len)
{
	u64 name = FIELD(dentry, struct dentry, d_name.name), hash = 0;
	u32 len = hash_len >> 32;

	for (u32 i = 0; i < 40; i += sizeof(u64)) { /* DNAME_INLINE_LEN, include/linux/dcache.h */
		u64 word;

		if (i >= len)
			break;
		word = load_u64(name + i);
		if (len - i < sizeof(u64))
			word &= (1ULL << (len - i) * 8) - 1;
		hash = mix(hash, word);
	}
	return hash;
}

/* PUT_KEY sets a member of *key, or adds it to the hash if key is NULL. */
#define PUT_KEY(member, value)                 \
	do {                                   \
		u64 put = value;               \
		if (key)                       \
			key->member = put;     \
		else                           \
			hash = mix(hash, put); \
	} while (0)

/*
 * path_key_of reads the current key of the path of a place into *key, or if that is NULL returns a hash of it. It also reads
 * what has to be the same for the key to have the same path.
 *
 * The kernel counts the changes of a mount namespace in `event`, from 0 in each new one; where mounts have no unique
 * ids, the number of the namespace tells two of them apart. A mount that was detached is in no namespace, and nothing
 * tells when those above it change. Of a file that can be neither read nor written, the name may depend on more than
 * the key has, as in nsfs.
 */
HOT u64 path_key_of(u64 place, struct path_version *version, struct path_key *key)
{
	u64 path = path_in(place);
	u64 mnt = FIELD(path, struct path, mnt) - bpf_core_field_offset(struct mount, mnt);
	u64 dentry = FIELD(path, struct path, dentry), parent = FIELD(dentry, struct dentry, d_parent);
	u64 inode = inode_of(place, dentry), ns = FIELD(mnt, struct mount, mnt_ns), dir, hash_len, hash = 0;

	version->epoch = epoch;
	version->renames = rename_lock ? load_u64(rename_lock) : renames;
	version->mounts = 1; /* one of the kernel's own, which stays */
	if (!ns || (!(place & 1) && !(FIELD(place, struct file, f_mode) & (FMODE_CAN_READ | FMODE_CAN_WRITE)))) {
		version->mounts = 0;
	} else if (ns < (u64)-4095) {
		version->mounts = 2 + FIELD(ns, struct mnt_namespace, event);
		if (!bpf_core_field_exists(struct mount, mnt_id_unique))
			version->mounts += FIELD(ns, struct mnt_namespace, seq) << 40;
	}
	if (bpf_core_field_exists(struct mount, mnt_id_unique))
		PUT_KEY(mount, FIELD(mnt, struct mount, mnt_id_unique));
	else
		PUT_KEY(mount, mnt);
	PUT_KEY(dentry, dentry | !FIELD(dentry, struct dentry, d_hash.pprev));
	hash_len = FIELD(dentry, struct dentry, d_name.hash_len);
	PUT_KEY(hash_len, hash_len);
	PUT_KEY(ino, FIELD(inode, struct inode, i_ino));
	if (parent == dentry) {
		PUT_KEY(generations, FIELD(inode, struct inode, i_generation) << 32);
		PUT_KEY(dir_ino, 0);
		PUT_KEY(name, (FIELD(inode, struct inode, i_mode) & S_IFMT) == S_IFSOCK ? socket_key(place) :
											  hash_inline(dentry, hash_len));
		return hash;
	}
	dir = FIELD(parent, struct dentry, d_inode);
	PUT_KEY(generations, FIELD(inode, struct inode, i_generation) << 32 |
				     (u32)FIELD(dir, struct inode, i_generation));
	PUT_KEY(dir_ino, FIELD(dir, struct inode, i_ino));
	PUT_KEY(name, 0);
	return hash;
}
#undef PUT_KEY

HOT bool same_path(struct path_key *a, struct path_key *b)
{
	return a->dentry == b->dentry && a->hash_len == b->hash_len && a->ino == b->ino &&
	       a->generations == b->generations && a->dir_ino == b->dir_ino && a->mount == b->mount &&
	       a->name == b->name;
}

HOT bool same_version(struct path_version *a, struct path_version *b)
{
	return a->mounts == b->mounts && a->mounts && a->renames == b->renames && a->epoch == b->epoch;
}

/*
 * announce_path writes the row of a path, if this epoch does not have it, and returns its id. Without room it counts
 * the row as lost and returns the negated id: then the next event of the file has to try again.
 */
HOT s32 announce_path(u64 place)
{
	struct path_name fresh = { .epoch = epoch }, *known;
	struct scratch *s = scratch_get();
	bool written;
	u32 len;

	if (!s) {
		count_lost(KIND_path);
		return -(s32)(__sync_fetch_and_add(&last_path, 1) + 1);
	}
	len = build_path(s, place, &s->walk.hash);
	known = bpf_map_lookup_elem(&path_names, &s->walk.hash);
	if (known && known->epoch == fresh.epoch) {
		fresh.id = known->id;
		scratch_put(s);
		return fresh.id;
	}
	fresh.id = known ? known->id : __sync_fetch_and_add(&last_path, 1) + 1;
	((struct path_event *)s->data)->path = fresh.id;
	written = output(s, len, KIND_path);
	if (written)
		bpf_map_update_elem(&path_names, &s->walk.hash, &fresh, BPF_ANY);
	scratch_put(s);
	count(bpf_get_smp_processor_id(), KIND_path, written);
	if (!written)
		return -fresh.id;
	return fresh.id;
}

/*
 * path_of_file returns the id of the path of a place, negated if the path could not be announced. It is a global function, so
 * that the verifier checks it only once for each program.
 */
__noinline int path_of_file(u64 place)
{
	struct path_state fresh = {}, *state;
	u64 key = path_key_of(place, &fresh.version, NULL); /* before the path is read, which may change meanwhile */

	state = bpf_map_lookup_elem(&paths, &key);
	if (state && same_version(&state->version, &fresh.version))
		return state->id;
	fresh.id = announce_path(place);
	if (fresh.id > 0)
		bpf_map_update_elem(&paths, &key, &fresh, BPF_ANY);
	return fresh.id;
}

/* path_of returns the id of a place's path, announced if there was room. */
HOT path_id path_of(u64 place)
{
	s32 id = path_of_file(place);

	return id < 0 ? -id : id;
}

/* cached_path_of is path_of with a cache per CPU, for programs that run with preemption off. */
HOT path_id cached_path_of(struct slot *slot, u64 file)
{
	struct path_key *now = &slot->key, *key;
	struct path_state *state;
	s32 id;
	u32 i;

	path_key_of(file, &slot->path_version, now);
	i = (now->dentry >> 6 ^ now->dentry >> 12) & (CACHED_PATHS - 1);
	key = &slot->paths[i].key;
	state = &slot->paths[i].state;
	if (same_path(key, now) && same_version(&state->version, &slot->path_version))
		return state->id;
	id = path_of_file(file);
	state->version.mounts = 0;
	if (id < 0)
		return -id;
	*key = *now;
	state->version = slot->path_version;
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
