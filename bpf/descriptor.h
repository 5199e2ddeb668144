/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The paths of the descriptors that calls are given and return. Those given are looked at when the call is entered: the
 * call may end them, and while it waits other threads may.
 */
#ifndef FLETCH_DESCRIPTOR_H
#define FLETCH_DESCRIPTOR_H

#include "calls.h"
#include "path.h"

enum { F_DUPFD = 0, F_DUPFD_CLOEXEC = 1030 }; /* include/uapi/linux/fcntl.h */
enum { SECCOMP_SET_MODE_FILTER = 1, SECCOMP_FILTER_FLAG_NEW_LISTENER = 8 };
/* The commands of bpf(2) that return a descriptor, enum bpf_cmd of include/uapi/linux/bpf.h. */
#define BPF_RETURNS_FD                                                                                       \
	(1ULL << 0 | 1ULL << 5 | 1ULL << 7 | 1ULL << 13 | 1ULL << 14 | 1ULL << 17 | 1ULL << 18 | 1ULL << 19 | \
	 1ULL << 28 | 1ULL << 30 | 1ULL << 32 | 1ULL << 33 | 1ULL << 36)

/* argument_fd returns the descriptor in an argument, whose index plus 1 is in the lowest bits of names. */
HOT u32 argument_fd(struct call *call, u32 names)
{
	u32 i = (names & 7) - 1;

	barrier_var(i); /* the verifier has to see its bounds here */
	return call->arg[i & 7]; /* behind the arguments are other members: nothing is there for the verifier to refuse */
}

/* path_of_fd returns the path of a descriptor of the current task, 0 if there is none. */
HOT path_id path_of_fd(u32 fd)
{
	u64 file = file_of_fd(bpf_get_current_task(), fd);

	return file ? path_of(file) : 0;
}

#if defined(__TARGET_ARCH_x86)
/* socketcall_names is names_by_args for socketcall, whose descriptor is in memory. */
HOT u32 socketcall_names(struct call *call)
{
	u32 fd;

	if (call->arg[0] == SOCKETCALL_SOCKET)
		return FD_RETURNED;
	if (call->arg[0] == SOCKETCALL_SOCKETPAIR || bpf_probe_read_user(&fd, sizeof(fd), (void *)call->arg[1]))
		return 0;
	call->path[0] = path_of_fd(fd);
	return call->arg[0] == SOCKETCALL_ACCEPT || call->arg[0] == SOCKETCALL_ACCEPT4 ? FD_RETURNED : 0;
}
#endif

/* names_by_args finds out whether a call with FD_BY_ARGS returns a descriptor. */
__noinline int names_by_args(struct call *call)
{
	u32 more = 0;

	if (!call)
		return 0;
	switch (call_does(call->class)) {
	case DOES_FCNTL:
		if ((u32)call->arg[1] == F_DUPFD || (u32)call->arg[1] == F_DUPFD_CLOEXEC)
			more = FD_RETURNED;
		break;
	case DOES_BPF:
		if ((u32)call->arg[0] < 64 && BPF_RETURNS_FD >> (u32)call->arg[0] & 1)
			more = FD_RETURNED;
		break;
	case DOES_SECCOMP:
		if ((u32)call->arg[0] == SECCOMP_SET_MODE_FILTER && call->arg[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
			more = FD_RETURNED;
		break;
	case DOES_LANDLOCK:
		if (!(u32)call->arg[2])
			more = FD_RETURNED; /* else it returns a version */
		break;
#if defined(__TARGET_ARCH_x86)
	case DOES_SOCKETCALL:
		more = socketcall_names(call);
		break;
#endif
	default:
		break;
	}
	call->names |= more;
	return 0;
}

/* name_second sets the path of the second descriptor that a call is given. With the cache it would take long to verify. */
__noinline int name_second(struct call *call)
{
	if (call)
		call->path[1] = path_of_fd(argument_fd(call, call->names >> 3));
	return 0;
}

/*
 * name_given sets the paths of the descriptors that a call is given, at its entry, and returns the address of the first
 * one's struct file, 0 if there is none.
 */
HOT u64 name_given(struct slot *slot, struct call *call)
{
	u64 file = 0;

	if (call->names & FD_BY_ARGS)
		names_by_args(call);
	if (call->names & NAMES_FD1) {
		file = file_of_fd(slot->task, argument_fd(call, call->names));
		if (file)
			call->path[0] = cached_path_of(slot, file);
		call->announced = epoch + 1;
	}
	if (call->names & NAMES_FD2)
		name_second(call);
	return file;
}

/* name_given_slow is name_given for a call that is kept in task storage; it takes less stack. */
HOT void name_given_slow(struct call *call)
{
	if (call->names & FD_BY_ARGS)
		names_by_args(call);
	if (call->names & NAMES_FD1) {
		call->path[0] = path_of_fd(argument_fd(call, call->names));
		call->announced = epoch + 1;
	}
	if (call->names & NAMES_FD2)
		call->path[1] = path_of_fd(argument_fd(call, call->names >> 3));
}

/* name_returned sets path2 of a call that returned a descriptor. With the cache, calls_exit would take long to verify. */
__noinline int name_returned(struct call *call, u32 fd)
{
	if (call && !(call->names & NAMES_FD2))
		call->path[1] = path_of_fd(fd);
	return 0;
}

/*
 * renew_paths announces the paths of a call in a new epoch, into which it has blocked, as far as its descriptors are still
 * the same.
 */
__noinline int renew_paths(struct call *call)
{
	if (!call)
		return 0;
	if (call->path[0])
		path_of_fd(argument_fd(call, call->names));
	if (call->path[1])
		path_of_fd(argument_fd(call, call->names >> 3));
	return 0;
}

/* end_paths is called at the exit of a call, before its row is written. */
HOT void end_paths(struct call *call, s64 ret)
{
	if (call->names & NAMES_FD1 && call->announced && call->announced != epoch + 1)
		renew_paths(call);
	if (call->names & FD_RETURNED && ret >= 0)
		name_returned(call, ret);
}

#endif
