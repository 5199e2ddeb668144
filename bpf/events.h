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
 *   sockaddr_t                   4 or 16 bytes: an IP address; with REF_UNIX: sun_path; utf8
 *   str_t                        len bytes at off in the same record; utf8
 *   strlist_t                    NUL-terminated strings, len bytes at off; list<utf8>
 *   dpath_t                      NUL-terminated path components, leaf first; utf8, in path order, joined by '/'
 *   text_t                       a str_t, or with another `form` the address of a socket; utf8
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
 *   BEHIND                       the column is behind those of the members that follow
 *   MAY_END                      a record in a call ring may end at any element of this array, or with it; a member that
 *                                it does not have is 0. Without it a record ends before the last member, if that is an
 *                                array
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
#define BEHIND HINT("behind:")
#define MAY_END HINT("may_end:")
#define CONTENT(kind) HINT("content:" kind)

/* The tables. KIND_x is table x, and the index of its counters in struct cpu. */
enum record_kind {
	KIND_task = 1,
	KIND_path,
	KIND_string,
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
typedef s32 string_id;
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
	u16 form; /* of a text_t: enum text_form */
};

enum ref_flags {
	REF_CUT = 1,      /* truncated: the source was longer */
	REF_DELETED = 2,  /* dpath_t: the file was unlinked */
	REF_RELATIVE = 4, /* dpath_t: no leading '/' */
	REF_SOCKET = 8,   /* dpath_t: it is a struct socket_name, and what that describes */
	REF_UNIX = 16,    /* sockaddr_t: the name of a unix socket */
};

/* Bits of column flags. */
enum row_flags {
	FLAG_BEFORE = 1,    /* began before the recording: ts is the recording's start, the duration a lower bound */
	FLAG_RESTARTED = 2, /* continues this task's call that ended with ERESTART* */
	FLAG_CUT = 4,        /* a text was longer than what is kept of it */
	FLAG_UNREADABLE = 8, /* a text could not be read */
	FLAG_ESCAPED = 16,   /* some byte of a text is written as \\xNN */
};

typedef struct ref str_t;
typedef struct ref strlist_t;
typedef struct ref text_t;
typedef struct ref dpath_t;
typedef struct ref container_t;
typedef struct ref sockaddr_t;

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

/* What a path leads to. */
enum file_type {
	TYPE_other,
	TYPE_file,
	TYPE_dir,
	TYPE_symlink,
	TYPE_chr,
	TYPE_blk,
	TYPE_fifo,
	TYPE_pipe,
	TYPE_socket,
	TYPE_anon,
	TYPE_ns,
};

/* The domains of sockets, AF_* of include/linux/socket.h; the first one is of files that are none. */
enum socket_domain {
	DOMAIN_,
	DOMAIN_unix,
	DOMAIN_inet,
	DOMAIN_ax25,
	DOMAIN_ipx,
	DOMAIN_appletalk,
	DOMAIN_netrom,
	DOMAIN_bridge,
	DOMAIN_atmpvc,
	DOMAIN_x25,
	DOMAIN_inet6,
	DOMAIN_rose,
	DOMAIN_decnet,
	DOMAIN_netbeui,
	DOMAIN_security,
	DOMAIN_key,
	DOMAIN_netlink,
	DOMAIN_packet,
	DOMAIN_ash,
	DOMAIN_econet,
	DOMAIN_atmsvc,
	DOMAIN_rds,
	DOMAIN_sna,
	DOMAIN_irda,
	DOMAIN_pppox,
	DOMAIN_wanpipe,
	DOMAIN_llc,
	DOMAIN_ib,
	DOMAIN_mpls,
	DOMAIN_can,
	DOMAIN_tipc,
	DOMAIN_bluetooth,
	DOMAIN_iucv,
	DOMAIN_rxrpc,
	DOMAIN_isdn,
	DOMAIN_phonet,
	DOMAIN_ieee802154,
	DOMAIN_caif,
	DOMAIN_alg,
	DOMAIN_nfc,
	DOMAIN_vsock,
	DOMAIN_kcm,
	DOMAIN_qipcrtr,
	DOMAIN_smc,
	DOMAIN_xdp,
	DOMAIN_mctp,
};

/* Protocols: of inet and inet6; of others the type of the socket; of netlink NETLINK_* of include/uapi/linux/netlink.h. */
enum socket_protocol {
	PROTOCOL_,
	PROTOCOL_tcp,
	PROTOCOL_udp,
	PROTOCOL_udplite,
	PROTOCOL_ping,
	PROTOCOL_mptcp,
	PROTOCOL_sctp,
	PROTOCOL_dccp,
	PROTOCOL_l2tp,
	PROTOCOL_raw,
	PROTOCOL_stream,
	PROTOCOL_dgram,
	PROTOCOL_seqpacket,
	PROTOCOL_route,
	PROTOCOL_unused,
	PROTOCOL_usersock,
	PROTOCOL_firewall,
	PROTOCOL_sock_diag,
	PROTOCOL_nflog,
	PROTOCOL_xfrm,
	PROTOCOL_selinux,
	PROTOCOL_iscsi,
	PROTOCOL_audit,
	PROTOCOL_fib_lookup,
	PROTOCOL_connector,
	PROTOCOL_netfilter,
	PROTOCOL_ip6_fw,
	PROTOCOL_dnrtmsg,
	PROTOCOL_kobject_uevent,
	PROTOCOL_generic,
	PROTOCOL_dm,
	PROTOCOL_scsitransport,
	PROTOCOL_ecryptfs,
	PROTOCOL_rdma,
	PROTOCOL_crypto,
	PROTOCOL_smc,
};

struct path_event {
	dimension_kind record; /* `kind` is a column */
	path_id path;
	u64 dev CONTENT("numbers"); /* as st_dev of stat(2) */
	u64 ino CONTENT("numbers");
	dpath_t name;
	u32 mntns CONTENT("numbers");
	enum file_type kind;
	enum socket_domain domain;
	enum socket_protocol protocol;
	sockaddr_t saddr;
	port_t sport;
	sockaddr_t daddr;
	port_t dport;
} FAMILY("file") FAMILY("syscall");

/* What the name of a socket is made of. Behind it are the local and the remote address, as in sockaddr_t. */
struct socket_name {
	u64 peer; /* inode number of the peer of a unix socket; 0: none, or not known */
	u32 port; /* of netlink; 0: not bound */
	u16 domain;
	u16 protocol; /* enum socket_protocol */
	u16 sport;
	u16 dport;
	u16 saddr_len;
	u16 daddr_len;
	char kernel[16]; /* what the kernel calls the protocol */
};

/* What the bytes of a text_t are. */
enum text_form {
	TEXT_BYTES,
	TEXT_SOCKADDR, /* a struct sockaddr_..., as long as it was passed */
};

struct string_event {
	dimension_kind kind;
	string_id string;
	text_t value CONTENT("args");
} FAMILY("syscall");

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
	path_id path BEHIND; /* of the first descriptor given */
	path_id path2 BEHIND; /* of the second one given, else of the one returned */
	s64 arg[6] CONTENT("numbers") MAY_END;
	string_id str; /* the first text */
	string_id str2;
	path_id dir; /* where str starts from; 0: it is absolute, or no path */
	path_id dir2;
} FAMILY("syscall") BULK("nr,arg0");

struct pending_event {
	event_kind kind;
	task_id task;
	begin_ns ts;
	call_nr nr;
	flags_t flags;
	s64 arg[6] CONTENT("numbers");
	path_id path; /* these as in syscall_event */
	path_id path2;
	string_id str;
	string_id str2;
	path_id dir;
	path_id dir2;
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
