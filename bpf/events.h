/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The schema of a capture. Each struct NAME_event is a table: the programs fill it, and `make generate` reads it from
 * the BTF of the compiled object (internal/schema/gen). The struct gives the columns, their types and meanings, and
 * their offsets in a record. The name of a member is the name of the column; its typedef says what the values are:
 *
 *   event_kind, dimension_kind   the first member of each record: its table. In a table of events (event_kind) the
 *                                reader of the ring adds the column cpu. Never a column itself
 *   ktime_ns                     CLOCK_MONOTONIC, ns; becomes timestamp[ns, UTC]
 *   begin_ns                     the same, for the start of a call
 *   duration_ns                  ns; int64
 *   X_id                         the id of a row of table X; 0: none
 *   result_t, status_t           what a call returned, or a negated errno (status_t: or 0); int64, int32
 *   bytes_t                      a size in bytes; int64
 *   call_nr, signal_nr, port_t, mode_bits   int32
 *   pointer_t                    an address in memory; int64
 *   comm_t                       char[16], padded with NULs; utf8
 *   addr_t                       an IPv6 address, or an IPv4 address mapped to IPv6; utf8
 *   str_t                        len bytes at off in the same record; utf8
 *   strlist_t                    NUL-terminated strings, len bytes at off; list<utf8>
 *   dpath_t                      NUL-terminated path components, leaf first; utf8, in path order, joined by '/'
 *   container_t                  the bytes of a cgroup's dpath_t; utf8, the container id found in them
 *   enum X                       utf8: the enumerator's name after the first '_', in lower case
 *   flags_t                      bits of enum row_flags; int32, the last column of an event
 *   s32 int32; u16 int32; u32 int64; s64, u64 int64; an array of them becomes NAME0, NAME1, ...
 *   pad_*                        padding, never a column
 *
 * Macros behind a struct or a member say what types cannot:
 *
 *   FAMILY("x")                  recording event family x fills this table; without it the table is in every recording
 *   BULK("a,b")                  a high-volume table: its records go through the bulk or call rings, and rows with the
 *                                same values in columns a, b are compressed together. A family has at most one
 *   NO_TRIGGER                   record --trigger does not test its rows
 *   TEXT("...")                  the template of the line that replay prints for a row; {column} is replaced by the
 *                                value. Without it replay prints name=value
 *   CONTENT("x")                 what the values of a member tell, for analyze redact: numbers, names, paths, args or
 *                                addresses. Most typedefs say it themselves (contents in internal/schema/gen). A
 *                                column that nobody has classified is dropped when a capture is redacted
 *   BEGINS("op")                 of ts: in the rows with this op it is a start, and ts + duration_ns is the end
 */
#ifndef FLETCH_EVENTS_H
#define FLETCH_EVENTS_H

#include "kernel.h"

#define HINT(text) __attribute__((btf_decl_tag(text)))
#define FAMILY(name) HINT("family:" name)
#define BULK(group_by) HINT("bulk:" group_by)
#define TEXT(template) HINT("text:" template)
#define NO_TRIGGER HINT("no_trigger:")
#define BEGINS(op) HINT("begins:" op)
#define CONTENT(kind) HINT("content:" kind)

/* The tables. KIND_x is table x, and the index of its counters in struct cpu. */
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
typedef s32 flags_t;
typedef char comm_t[16];
typedef u8 addr_t[16];

/* Data of variable size: off, from the start of the record, and len are in bytes. */
struct ref {
	u16 off;
	u16 len;
	u16 flags;
	u16 pad;
};

enum ref_flags {
	REF_CUT = 1,      /* truncated: the source was longer */
	REF_DELETED = 2,  /* dpath_t: the file was unlinked */
	REF_RELATIVE = 4, /* dpath_t: no leading '/' */
};

/* Bits of column flags. */
enum row_flags {
	FLAG_BEFORE = 1,    /* began before the recording: ts is the recording's start, the duration a lower bound */
	FLAG_RESTARTED = 2, /* continues this task's call that ended with ERESTART* */
};

typedef struct ref str_t;
typedef struct ref strlist_t;
typedef struct ref dpath_t;
typedef struct ref container_t;

struct task_event {
	dimension_kind kind;
	task_id task;
	ktime_ns ts;
	s32 tid CONTENT("numbers");
	s32 pid CONTENT("numbers");
	s32 ppid CONTENT("numbers");
	u32 uid CONTENT("numbers");
	u32 gid CONTENT("numbers");
	u32 pad_gid;
	cgroup_id cgroup;
	comm_t comm;
	dpath_t exe;
	u32 euid CONTENT("numbers");
	u32 egid CONTENT("numbers");
	s32 nspid CONTENT("numbers");
	s32 nstid CONTENT("numbers");
	u32 pidns CONTENT("numbers");
	u32 mntns CONTENT("numbers");
};

struct path_event {
	dimension_kind kind;
	path_id path;
	u64 dev CONTENT("numbers"); /* as st_dev of stat(2) */
	u64 ino CONTENT("numbers");
	dpath_t name;
	u32 mntns CONTENT("numbers");
	u32 pad_mntns;
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
	PROCESS_end,
};

struct process_event {
	event_kind kind;
	task_id task;
	ktime_ns ts;
	enum process_op op;
	s32 pid CONTENT("numbers");
	s32 ppid CONTENT("numbers");
	u32 pad_ppid;
	str_t filename CONTENT("paths");
	strlist_t args;
	s32 exit_code CONTENT("numbers");
	signal_nr signal;
	duration_ns duration_ns;
	/* What all threads have used; in rows of op snapshot, exit and end. -1: unknown */
	duration_ns cpu_ns;
	duration_ns utime_ns;
	duration_ns stime_ns;
	bytes_t rss_max;
	s64 major_faults CONTENT("numbers");
} FAMILY("process");

struct syscall_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	call_nr nr;
	flags_t flags;
	result_t ret;
	duration_ns duration_ns;
	s64 arg[6] CONTENT("numbers");
} FAMILY("syscall") BULK("nr,arg0");

struct pending_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	call_nr nr;
	flags_t flags;
	s64 arg[6] CONTENT("numbers");
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
	s64 offset CONTENT("numbers"); /* -1: a stream, without a position */
	bytes_t size;
	result_t ret;
	duration_ns duration_ns;
	flags_t flags;
	u32 pad_flags;
} FAMILY("file") BULK("op,path") NO_TRIGGER;

struct ipc_event {
	event_kind kind;
	task_id task;
	ktime_ns ts;
	s64 key CONTENT("numbers");
	s32 id CONTENT("numbers");
	u32 uid CONTENT("numbers");
	u32 owner CONTENT("numbers");
	u32 creator CONTENT("numbers");
	mode_bits mode;
	mode_bits flag;
} FAMILY("ipc");

enum tcp_op {
	TCP_connect,
	TCP_accept,
	TCP_close,
	TCP_snapshot,
	TCP_end,
};

struct tcp_event {
	event_kind kind;
	task_id task;
	ktime_ns ts BEGINS("connect");
	enum tcp_op op;
	s32 family CONTENT("numbers");
	addr_t saddr;
	port_t sport;
	addr_t daddr;
	port_t dport;
	status_t ret;
	flags_t flags;
	duration_ns duration_ns;
	bytes_t sent;
	bytes_t received;
	s32 retransmits CONTENT("numbers");
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
	s32 code CONTENT("numbers");
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
	s32 to_pid CONTENT("numbers");
	s32 to_tid CONTENT("numbers");
	signal_nr signal;
	s32 code CONTENT("numbers");
	enum signal_result result;
} FAMILY("signal") TEXT("signal {signal} to {to}: {result}, code {code}");

/*
 * The longest command line, in bytes with NULs; longer ones are truncated (REF_CUT). A record (struct, file name,
 * command line) has to fit in struct scratch of rings.h.
 */
#define ARGS_MAX 8192
#define FILENAME_MAX_ 4096
#define DPATH_DEPTH 128 /* components and mounts; deeper paths are truncated (REF_CUT) */
#define DPATH_MAX 4096

#endif
