/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Paths: walking from a dentry up to the root of its mount namespace. */
#ifndef FLETCH_WALK_H
#define FLETCH_WALK_H

#include "rings.h"

/* Random odd numbers, set by the loader: nobody who makes names must be able to make two with the same hash. */
const volatile u64 hash_seeds[2] = {1, 1};

/* The result of adding one component to a path. */
enum step {
	STEP_MORE,     /* the parent is next */
	STEP_TOP,      /* the path is complete */
	STEP_DETACHED, /* the file is in no directory */
	STEP_ESCAPED,  /* the path leaves the mount through a directory that was moved out of it: its start is unknown */
	STEP_CUT,      /* the path is too long, or cannot be read */
};

/* mix adds a word to a hash. It multiplies twice, because one multiplication leaves the highest bit where it was. */
HOT u64 mix(u64 hash, u64 word)
{
	hash ^= word;
	hash ^= hash >> 32;
	hash *= hash_seeds[0];
	hash ^= hash >> 29;
	hash *= hash_seeds[1];
	return hash ^ hash >> 32;
}

#define HASH_BLOCK 64 /* bytes */

/*
 * hash_block adds the bytes at offset off of scratch buffer `key` to s->walk.hash. It knows no length, and so has no
 * branches, of which the verifier would follow each.
 */
__noinline int hash_block(u32 key, u32 off)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	u64 *words, hash;

	if (!s)
		return 0;
	words = (void *)&s->data[off & (DPATH_MAX - 1)];
	hash = s->walk.hash;
	for (int i = 0; i < HASH_BLOCK / sizeof(u64); i++)
		hash = mix(hash, words[i]);
	s->walk.hash = hash;
	return 0;
}

/*
 * hash_text sets s->walk.hash to a hash of len bytes, at most DPATH_MAX, at offset off of scratch buffer `key`. What is
 * behind them becomes zeros. Like path_step it is a global function, so that its loop is checked once for each program.
 */
__noinline int hash_text(u32 key, u32 off, u32 len)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	u64 *end;

	if (!s)
		return 0;
	end = (void *)&s->data[(off + len) & (2 * DPATH_MAX - 1)];
	for (int i = 0; i < HASH_BLOCK / sizeof(u64); i++)
		end[i] = 0;
	s->walk.hash = len;
	for (u32 i = 0; i < DPATH_MAX && i < len; i += HASH_BLOCK)
		hash_block(key, off + i);
	return 0;
}

/* put_name appends the name of a component at s->walk.off; false: there is no room, or it cannot be read. */
HOT bool put_name(struct scratch *s, u64 name)
{
	u32 off = s->walk.off;
	long n;

	if (off > DPATH_MAX - 256)
		return false;
	n = bpf_probe_read_kernel_str(&s->data[off & (DPATH_MAX - 1)], 256, (void *)name);
	if (n <= 0)
		return false;
	s->walk.off = off + (n & 511);
	return true;
}

/* begin_walk begins at the leaf of the path. */
HOT void begin_walk(struct scratch *s, bool again)
{
	u64 dentry = s->walk.dentry;
	bool hidden = !FIELD(dentry, struct dentry, d_hash.pprev) && dentry != FIELD(dentry, struct dentry, d_parent);

	s->walk.at = dentry;
	s->walk.at_mnt = s->walk.mnt;
	s->walk.again = again;
	s->walk.moving = s->walk.steps = s->walk.names = 0;
	s->walk.seen = hidden; /* d_unlinked */
	if (again)
		return;
	s->walk.hidden = hidden;
	s->walk.off = s->walk.start;
	s->walk.limit = 0;
}

/*
 * component appends the component s->walk.at, and moves to its parent; at the root of a mount it only moves to where
 * that is mounted.
 */
HOT enum step component(struct scratch *s)
{
	u64 dentry = s->walk.at, mnt = s->walk.at_mnt, parent;
	u32 seq;

	if (!dentry || ++s->walk.steps > DPATH_DEPTH)
		return STEP_CUT;
	if (dentry == FIELD(mnt, struct mount, mnt.mnt_root)) {
		u64 up = FIELD(mnt, struct mount, mnt_parent);

		if (up == mnt)
			return STEP_TOP;
		s->walk.at = FIELD(mnt, struct mount, mnt_mountpoint);
		s->walk.at_mnt = up;
		s->walk.seen = mix(s->walk.seen, up);
		return STEP_MORE;
	}
	seq = FIELD(dentry, struct dentry, d_seq);
	s->walk.seen = mix(mix(s->walk.seen, dentry), seq);
	s->walk.moving |= seq & 1;
	parent = FIELD(dentry, struct dentry, d_parent);
	s->walk.at = parent;
	if (parent == dentry && s->walk.names)
		return STEP_ESCAPED;
	s->walk.names++;
	if (s->walk.again) {
		if (s->walk.names == s->walk.limit)
			return STEP_CUT;
	} else if (!put_name(s, FIELD(dentry, struct dentry, d_name.name))) {
		s->walk.limit = s->walk.names;
		return STEP_CUT;
	}
	return parent == dentry ? STEP_DETACHED : STEP_MORE;
}

/* The steps of a call of path_step. The verifier checks each of them, and walk_path's calls: this makes the least. */
#define STEPS 4

/*
 * path_step makes a few steps of the walk in scratch buffer `key`, and returns how the last ended (enum step). It is a
 * global function, so that the verifier checks it only once for each program: inlined in the loop of walk_path it took
 * three quarters of the time for verification. The deepest call chain, from the exit of a connect, has the eight frames that
 * are allowed (MAX_CALL_FRAMES), and on Linux 6.1 all 512 bytes of stack.
 *
 * Nothing locks the path meanwhile, and it may be renamed between the reading of two components, or of a name and its
 * parent: what was read might be the name of another file. So it is walked again, without the names, until nothing on
 * the way has changed from one walk to the next: then everything that was read was true in the moment between. A dentry
 * tells a change by d_seq, a mount by where it is.
 */
__noinline int path_step(u32 key)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	enum step step = STEP_MORE;

	if (!s)
		return STEP_CUT;
	for (int i = 0; i < STEPS && step == STEP_MORE; i++)
		step = component(s);
	if (step == STEP_MORE)
		return STEP_MORE;
	if (s->walk.again && s->walk.seen == s->walk.seen_first && !s->walk.moving)
		return s->walk.end;
	s->walk.end = step;
	s->walk.seen_first = s->walk.seen;
	begin_walk(s, !s->walk.again);
	return STEP_MORE;
}

/*
 * walk_path appends the components of the path of dentry in mnt, leaf first, at s->walk.off of scratch buffer `key`,
 * and returns the flags of the path, enum ref_flags. If the path is renamed all the time it gives up, and returns
 * REF_CUT without any component.
 */
__noinline int walk_path(u32 key, u64 dentry, u64 mnt)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &key);
	int step = STEP_MORE;

	if (!s)
		return REF_CUT;
	s->walk.dentry = dentry;
	s->walk.mnt = mnt;
	s->walk.start = s->walk.off;
	begin_walk(s, false);
	for (int i = 0; i < 4 * DPATH_DEPTH / STEPS && step == STEP_MORE; i++)
		step = path_step(key);
	if (step == STEP_MORE)
		s->walk.off = s->walk.start;
	if (step == STEP_DETACHED)
		return REF_DELETED; /* as /proc shows a memfd or a shared memory segment */
	return (s->walk.hidden ? REF_DELETED : 0) | (step == STEP_TOP ? 0 : REF_CUT);
}

/* append_path appends the components of a path at off, sets *r to them, and returns their end. */
HOT u32 append_path(struct scratch *s, u32 off, struct dentry *dentry, struct vfsmount *vfsmnt, struct ref *r)
{
	s->walk.off = off;
	r->flags = walk_path(s->key, (u64)dentry, (u64)container_of(vfsmnt, struct mount, mnt));
	r->off = off;
	r->len = s->walk.off - off;
	return s->walk.off;
}

#endif
