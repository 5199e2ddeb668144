/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The schema of a capture. One struct a table: the programs fill it, and `make generate` reads it out of the BTF of the
 * compiled object (internal/schema/gen): which tables and columns there are, of what type, how a person reads them, and
 * where they lie in a record. A member's name is the column's name. The typedef of a member says what it means:
 *
 *   event_kind, dimension_kind   first member of every record: which table; the flavour says which columns
 *                                the reader of the ring adds (an event has a cpu) - never a column itself
 *   ktime_ns                     CLOCK_MONOTONIC, ns; becomes timestamp[ns, UTC]
 *   begin_ns                     the same, of a call: when it began
 *   duration_ns                  ns; int64
 *   X_id                         the id of a row of table X; 0: none
 *   result_t, status_t           minus an error number, or what the call gave (status_t: or 0); int64, int32
 *   bytes_t                      so many bytes; int64
 *   call_nr, signal_nr, port_t, mode_bits   int32
 *   pointer_t                    an address in memory; int64
 *   comm_t                       char[16], NUL padded; utf8
 *   addr_t                       an IPv6 address, or an IPv4 one mapped into it; utf8
 *   str_t                        bytes at off, len in the same record; utf8
 *   strlist_t                    NUL-terminated strings at off, len; list<utf8>
 *   dpath_t                      NUL-terminated path components, leaf first; utf8, joined with '/'
 *   container_t                  same bytes as a cgroup's dpath_t; utf8, the container id found in it
 *   enum X                       utf8: the enumerator's name after the first '_', in lower case
 *   s32 int32; u16 int32; u32 int64; s64, u64 int64; an array of them becomes NAME0, NAME1, ...
 *   pad_*                        never a column
 *
 * What types cannot say stands behind a struct or a member:
 *
 *   FAMILY("x")                  a table of event family x; one without is there in every recording
 *   BULK("a,b")                  it comes by the million: its records go through the bulk rings, and rows that are alike
 *                                in columns a, b are compressed together. One table of a family
 *   NO_TRIGGER                   record --trigger does not look at it
 *   TEXT("...")                  what replay prints of a row; {column} is its value as a person reads it. Without it
 *                                replay prints name=value
 *   BEGINS("op")                 of ts: only the rows with this op have the time at which something began
 */
#ifndef FLETCH_EVENTS_H
#define FLETCH_EVENTS_H

#include "kernel.h"

#define HINT(text) __attribute__((btf_decl_tag(text)))
#define FAMILY(name) HINT("family:" name)
#define BULK(alike) HINT("bulk:" alike)
#define TEXT(template) HINT("text:" template)
#define NO_TRIGGER HINT("no_trigger:")
#define BEGINS(op) HINT("begins:" op)

/* Tables, in the order of the counters. The enumerator's name after the first '_' is the table's. */
enum record_kind {
	KIND_task = 1,
	KIND_path,
	KIND_cgroup,
	KIND_process,
	KIND_syscall,
	KIND_pending,
	KIND_file,
	KIND_ipc,
	KIND_tcp,
	KIND_seccomp,
	KIND_signal,
	KIND_MAX = 16,
};

typedef u32 event_kind;
typedef u32 dimension_kind;
typedef u64 ktime_ns;
typedef u64 begin_ns;
typedef u64 duration_ns;
typedef s32 task_id;
typedef s32 path_id;
typedef u64 cgroup_id;
typedef s64 result_t;
typedef s32 status_t;
typedef s64 bytes_t;
typedef s32 call_nr;
typedef s32 signal_nr;
typedef s32 port_t;
typedef s32 mode_bits;
typedef u64 pointer_t;
typedef char comm_t[16];
typedef u8 addr_t[16];

/* off and len: bytes, from the start of the record. */
struct ref {
	u16 off;
	u16 len;
	u16 flags;
	u16 pad;
};

enum ref_flags {
	REF_CUT = 1,      /* the source was longer than what is here */
	REF_DELETED = 2,  /* dpath_t: the file has no name any more */
	REF_RELATIVE = 4, /* dpath_t: no leading '/' */
};

typedef struct ref str_t;
typedef struct ref strlist_t;
typedef struct ref dpath_t;
typedef struct ref container_t;

struct task_event {
	dimension_kind kind;
	task_id task;
	ktime_ns ts;
	s32 tid;
	s32 pid;
	s32 ppid;
	u32 uid;
	u32 gid;
	u32 pad_gid;
	cgroup_id cgroup;
	comm_t comm;
	dpath_t exe;
};

struct path_event {
	dimension_kind kind;
	path_id path;
	u64 dev; /* as stat(2) gives it */
	u64 ino;
	dpath_t name;
} FAMILY("file");

struct cgroup_event {
	dimension_kind kind;
	u32 pad_kind;
	cgroup_id cgroup;
	dpath_t name;
	container_t container;
};

enum process_op {
	PROCESS_snapshot,
	PROCESS_fork,
	PROCESS_exec,
	PROCESS_exit,
};

struct process_event {
	event_kind kind;
	task_id task;
	ktime_ns ts;
	enum process_op op;
	s32 pid;
	s32 ppid;
	u32 pad_ppid;
	str_t filename;
	strlist_t args;
	s32 exit_code;
	signal_nr signal;
	duration_ns duration_ns;
} FAMILY("process");

struct syscall_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	call_nr nr;
	u32 pad_nr;
	result_t ret;
	duration_ns duration_ns;
	s64 arg[6];
} FAMILY("syscall") BULK("nr,arg0");

struct pending_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	call_nr nr;
	u32 pad_nr;
	s64 arg[6];
} FAMILY("syscall") NO_TRIGGER;

enum file_op {
	FILE_read,
	FILE_write,
};

struct file_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	enum file_op op;
	path_id path;
	s64 offset; /* -1: the file has no position */
	bytes_t size;
	result_t ret;
	duration_ns duration_ns;
} FAMILY("file") BULK("op,path") NO_TRIGGER;

struct ipc_event {
	event_kind kind;
	task_id task;
	ktime_ns ts;
	s64 key;
	s32 id;
	u32 uid;
	u32 owner;
	u32 creator;
	mode_bits mode;
	mode_bits flag;
} FAMILY("ipc");

enum tcp_op {
	TCP_connect,
	TCP_accept,
	TCP_close,
};

struct tcp_event {
	event_kind kind;
	task_id task;
	ktime_ns ts BEGINS("connect");
	enum tcp_op op;
	s32 family;
	addr_t saddr;
	port_t sport;
	addr_t daddr;
	port_t dport;
	status_t ret;
	u32 pad_ret;
	duration_ns duration_ns;
	bytes_t sent;
	bytes_t received;
	s32 retransmits;
	u32 pad_retransmits;
	duration_ns srtt_ns;
} FAMILY("tcp");

enum seccomp_action {
	SECCOMP_errno,
	SECCOMP_trap,
	SECCOMP_kill,
	SECCOMP_log,
};

struct seccomp_event {
	event_kind kind;
	task_id task;
	ktime_ns ts;
	call_nr nr;
	enum seccomp_action action;
	s32 code;
	u32 pad_code;
	pointer_t ip;
} FAMILY("seccomp");

enum signal_result {
	SIGNAL_queued,
	SIGNAL_ignored,
	SIGNAL_already_pending,
	SIGNAL_overflow,
	SIGNAL_lost_info,
};

struct signal_event {
	event_kind kind;
	task_id task; /* the sender; 0: the kernel */
	ktime_ns ts;
	task_id to;
	s32 to_pid;
	s32 to_tid;
	signal_nr signal;
	s32 code;
	enum signal_result result;
} FAMILY("signal") TEXT("signal {signal} to {to}: {result}, code {code}");

/*
 * Longest command line kept, bytes, NULs included. Longer ones are marked REF_CUT. A record (header, file
 * name, command line) has to fit the scratch of rings.h.
 */
#define ARGS_MAX 8192
#define FILENAME_MAX_ 4096
#define DPATH_DEPTH 64 /* components; deeper paths are marked REF_CUT */
#define DPATH_MAX 4096

#endif
