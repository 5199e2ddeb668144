//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TCP connections, from the state changes of sockets. A change may happen in an interrupt, while an unrelated task is
 * current; so the task that connected, accepted or closed is stored with the socket. A connect that fails before the
 * first packet causes no state change: it is seen at tcp_v4_connect and tcp_v6_connect, or at the system call.
 *
 * An MPTCP socket has TCP connections with sockets of their own. Its first one stands for it in calls.
 */
#ifndef FLETCH_TCP
#define FLETCH_TCP

#include "calls.h"
#include "path.h"

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_STATE_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
};
/* Who the task of a connection is. */
enum role {
	ROLE_NONE,
	ROLE_LISTENS,  /* it listens; of an accepted connection, who accepted it is in `accepted` */
	ROLE_CONNECTS, /* it connects: the connection is not established yet */
	ROLE_OWNS,     /* it connected, closed or, at the recording's start, held it */
};

/*
 * A connection or a listener. It is storage of the socket: the address of a socket is soon used again for another one.
 * The kernel copies a listener's to the connections that come in.
 */
struct connection {
	u64 since;      /* when it began to connect; from then on, when it was established; 0: before the recording */
	task_id task;   /* 0: none that is recorded */
	u16 role;       /* enum role */
	u16 flags;      /* of the row of its connect */
	u32 last_list;  /* the last list of open connections that it is in */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");

/*
 * Who accepted connections, by cookie: the exit of accept has only the address of the socket, which gives no access to
 * its storage. The cookie of a socket is never used again. If a connection is evicted, it is not known any more who
 * accepted it, until somebody closes it. For MPTCP also who opened a connection, or held the socket at the start.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, task_id);
} accepted SEC(".maps");

HOT void put_ipv4(u8 *addr, u32 ip)
{
	__builtin_memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
	__builtin_memcpy(addr + 12, &ip, 4);
}

HOT bool is_mapped(u8 *addr)
{
	u64 zero;
	u32 mapped;

	__builtin_memcpy(&zero, addr, 8);
	__builtin_memcpy(&mapped, addr + 8, 4);
	return !zero && mapped == 0xffff0000;
}

HOT void fill_tcp(struct tcp_event *e, struct sock *sk, task_id id, u32 op)
{
	struct inet_sock *inet = (void *)sk;

	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_tcp;
	e->task = id;
	e->ts = bpf_ktime_get_ns();
	e->op = op;
	e->sport = ntohs(BPF_CORE_READ(inet, inet_sport));
	e->dport = ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET) {
		e->family = 4;
		put_ipv4(e->saddr, BPF_CORE_READ(inet, inet_saddr));
		put_ipv4(e->daddr, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		BPF_CORE_READ_INTO(&e->saddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->daddr, sk, __sk_common.skc_v6_daddr);
		/* An IPv6 socket may have an IPv4 connection, with mapped addresses. */
		e->family = is_mapped(e->daddr) ? 4 : 6;
	}
}

HOT void fill_traffic(struct tcp_event *e, struct sock *sk)
{
	struct tcp_sock *tp = (void *)sk;
	u64 received = BPF_CORE_READ(tp, bytes_received);

	/* The peer's FIN is counted as a byte (tcp_data_queue); SOCK_DONE is set when it has come. */
	if (received && BPF_CORE_READ(sk, __sk_common.skc_flags) & (1UL << SOCK_DONE))
		received--;
	e->received = received;
	e->sent = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	e->retransmits = BPF_CORE_READ(tp, total_retrans);
	e->srtt_ns = (u64)(BPF_CORE_READ(tp, srtt_us) >> 3) * 1000; /* srtt_us is in units of 1/8 us */
}

/* since is how long ago a time was; -1: the time is not known. */
HOT u64 since(u64 now, u64 then)
{
	return then ? now - then : (u64)-1;
}

/*
 * emit_tcp writes the row of a state change; flags are those of a connect. Like other functions here it is global and
 * takes the address of the socket, so that the verifier checks it only once.
 */
__noinline int emit_tcp(u64 sock, task_id task, u64 began, u32 op_flags, s32 ret)
{
	struct sock *sk = (void *)sock;
	struct tcp_event *e = reserve_of(BPF_CORE_READ(sk, sk_uid.val), KIND_tcp, sizeof(*e));
	u32 op = op_flags & 0xff;

	if (!e)
		return 0;
	fill_tcp(e, sk, task, op);
	e->ret = ret;
	e->duration_ns = since(e->ts, began);
	if (op == TCP_connect) {
		e->flags = op_flags >> 8;
		e->ts = began;
	} else {
		fill_traffic(e, sk);
	}
	submit(e);
	return 0;
}

HOT void emit_connect(u64 sock, struct connection *c, s32 ret)
{
	emit_tcp(sock, c->task, c->since, TCP_connect | (u32)c->flags << 8, ret);
}

HOT struct connection *connection_of(struct sock *sk)
{
	return bpf_sk_storage_get(&connections, sk, NULL, 0);
}

/* new_connection is connection_of, but creates it; NULL: that failed, and a row is counted as lost. */
HOT struct connection *new_connection(struct sock *sk)
{
	struct connection *c = bpf_sk_storage_get(&connections, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!c)
		count_lost(KIND_tcp);
	return c;
}

HOT u64 cookie_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

HOT bool is_mptcp(struct sock *sk)
{
	struct tcp_sock *tp = (void *)sk;

	return bpf_core_field_exists(tp->is_mptcp) && BPF_CORE_READ(tp, is_mptcp);
}

/* accepted_with returns who accepted a connection with this cookie; 0: not known. */
HOT task_id accepted_with(u64 cookie)
{
	task_id *id = bpf_map_lookup_elem(&accepted, &cookie);

	return id ? *id : 0;
}

/* accepted_by returns who accepted a connection, or has the MPTCP socket that it belongs to; 0: not known. */
__noinline int accepted_by(u64 sock)
{
	struct sock *sk = (void *)sock;
	struct inet_connection_sock *icsk = (void *)sk;
	struct mptcp_subflow_context *subflow;
	struct mptcp_sock *msk;
	task_id id;

	if (!is_mptcp(sk))
		return accepted_with(cookie_of(sk));
	subflow = BPF_CORE_READ(icsk, icsk_ulp_data);
	msk = (void *)BPF_CORE_READ(subflow, conn);
	id = accepted_with(cookie_of(BPF_CORE_READ(msk, first)));
	return id ? id : accepted_with(cookie_of((void *)msk));
}

/* Without a filter a row whose task is not known is recorded too, with task 0. */
HOT bool filtered(void)
{
	return want_tree || want_comm;
}

#define NOT_RECORDED -1

/*
 * actor returns the id of the task that changes the state of a socket; NOT_RECORDED; or 0 if that is no task: an
 * interrupt, or a kernel thread that looks after the connections of an MPTCP socket. Only tasks own a socket's lock.
 */
__noinline int actor(u64 sock)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sock *sk = (void *)sock;
	struct task_state *st;

	if (!BPF_CORE_READ(sk, sk_lock.owned) || (task->flags & PF_KTHREAD && is_mptcp(sk)))
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_tcp);
		return NOT_RECORDED;
	}
	return recorded(task, st) ? identity(task, st) : NOT_RECORDED;
}

/* listens: connections that come in are its task's until they are accepted. */
HOT int listens(struct sock *sk, u64 addr)
{
	task_id id = actor(addr);
	struct connection *c;

	if (id <= 0)
		return 0;
	c = new_connection(sk);
	if (c) {
		c->task = id;
		c->role = ROLE_LISTENS;
	}
	return 0;
}

HOT int connect_begins(struct task_struct *task, struct sock *sk, u64 addr)
{
	task_id id = actor(addr);
	struct connection *c;
	struct task_state *st;

	if (!id)
		id = accepted_by(addr);
	if (id == NOT_RECORDED || (!id && filtered())) {
		bpf_sk_storage_delete(&connections, sk);
		return 0;
	}
	c = new_connection(sk);
	if (!c)
		return 0;
	c->task = id;
	c->role = ROLE_CONNECTS;
	c->flags = 0;
	c->since = bpf_ktime_get_ns();
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (st && st->connect.ts && (!st->connect.sk || st->connect.sk == addr)) {
		st->connect.syn_sent = 1;
		c->since = st->connect.ts;
	}
	if (is_mptcp(sk)) {
		u64 cookie = bpf_get_socket_cookie(sk);

		bpf_map_update_elem(&accepted, &cookie, &id, BPF_NOEXIST);
	}
	return 0;
}

/*
 * comes_in: the kernel has made the socket of a connection to a listener. By fast open it may be accepted before it is
 * established, so it gets its cookie now. Kernels before 6.18 overwrite that; on these `established` makes it again.
 */
HOT int comes_in(struct sock *sk)
{
	struct connection *c = new_connection(sk);

	bpf_get_socket_cookie(sk);
	if (c) {
		c->since = 0;
		c->role = ROLE_LISTENS;
	}
	return 0;
}

HOT int established(struct sock *sk, u64 addr)
{
	struct connection *c = connection_of(sk);

	if (!c)
		return 0;
	if (c->role == ROLE_CONNECTS) {
		emit_connect(addr, c, 0);
		c->role = ROLE_OWNS;
	} else {
		bpf_get_socket_cookie(sk); /* by which the exit of accept finds it */
	}
	c->since = bpf_ktime_get_ns();
	return 0;
}

/* closed_by makes the task that closes a connection, or shuts it down, the one in the row of its close. */
HOT void closed_by(u64 addr, struct connection *c)
{
	task_id id = actor(addr);

	if (id > 0)
		c->task = id;
	else if (!id || c->role == ROLE_OWNS)
		return;
	else
		c->task = accepted_by(addr); /* 0: by a task that is not recorded */
	c->role = ROLE_OWNS;
}

/* connect_failed writes the row of a connect that was not established. */
HOT void connect_failed(struct task_struct *task, u64 addr, struct connection *c, s32 err)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (!err && st && st->connect.ts && st->connect.sk == addr && st->connect.syn_sent)
		st->connect.syn_sent = 0; /* connect fails now; its exit has the error */
	else
		emit_connect(addr, c, err ? -err : -ECANCELED);
}

HOT int closes(struct task_struct *task, struct sock *sk, u64 addr, s32 old)
{
	struct connection *known = connection_of(sk), c = {};
	s32 err = BPF_CORE_READ(sk, sk_err);
	bool listed = !filtered();
	task_id by;

	if (known)
		c = *known;
	if (old == TCP_SYN_SENT || (old == TCP_SYN_RECV && c.role == ROLE_CONNECTS)) {
		if (known)
			connect_failed(task, addr, &c, err);
		goto end;
	}
	/* The kernel sets sk_err before it closes a connection itself. */
	if ((old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT) && !err)
		closed_by(addr, &c);
	if (c.role == ROLE_NONE || c.role == ROLE_LISTENS) {
		by = accepted_by(addr);
		if (by || BPF_CORE_READ(sk, sk_socket)) {
			/* Who accepted it may not be known; but a task that is recorded listened. */
			listed = listed || (c.task && !want_comm);
			c.task = by;
		} else if (old == TCP_SYN_RECV) {
			goto end; /* it was never established, nor accepted */
		}
	}
	if (c.task || listed)
		emit_tcp(addr, c.task, c.since, TCP_close, -err);
end:
	bpf_sk_storage_delete(&connections, sk);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int tcp_state(u64 *ctx)
{
	struct sock *sk = ARG(ctx, 0, struct sock *);
	s32 old = ARG(ctx, 1, s32), state = ARG(ctx, 2, s32);
	struct task_struct *task = bpf_get_current_task_btf();
	struct connection *c;
	u64 addr; /* of sk, for global functions: they take no pointers */

	if (!enabled || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || old == state)
		return 0;
	bpf_probe_read_kernel(&addr, sizeof(addr), &ctx[0]);
	switch (state) {
	case TCP_LISTEN:
		return listens(sk, addr);
	case TCP_SYN_SENT:
		return connect_begins(task, sk, addr);
	case TCP_SYN_RECV:
		return old == TCP_LISTEN ? comes_in(sk) : 0;
	case TCP_ESTABLISHED:
		return established(sk, addr);
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK: /* caused by close or shutdown */
		c = new_connection(sk);
		if (c)
			closed_by(addr, c);
		return 0;
	case TCP_STATE_CLOSE:
		return old == TCP_LISTEN ? 0 : closes(task, sk, addr, old);
	}
	return 0;
}

/* tcp_sock_of returns the TCP socket of a descriptor of the current task; NULL: it is something else. */
HOT struct sock *tcp_sock_of(struct task_struct *task, u32 fd, struct socket **socket)
{
	struct file *file = (void *)file_of_fd((u64)task, fd);
	struct sock *sk;

	if (!file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	*socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(*socket, sk);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family), protocol = BPF_CORE_READ(sk, sk_protocol);

	if (!sk || (family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_type) != SOCK_STREAM)
		return NULL;
	return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP ? sk : NULL;
}

COLD int tcp_accepted(struct task_struct *task, struct task_state *st, u32 fd)
{
	struct socket *socket;
	struct sock *sk = tcp_sock_of(task, fd, &socket);
	struct tcp_event *e;
	task_id id;
	u64 cookie;

	if (sk && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP)
		sk = BPF_CORE_READ((struct mptcp_sock *)sk, first);
	if (!sk)
		return 0;
	id = identity(task, st);
	cookie = cookie_of(sk);
	if (cookie && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_STATE_CLOSE)
		bpf_map_update_elem(&accepted, &cookie, &id, BPF_ANY);
	e = reserve_of(bpf_get_current_uid_gid(), KIND_tcp, sizeof(*e));
	if (!e)
		return 0;
	fill_tcp(e, sk, id, TCP_accept);
	submit(e);
	return 0;
}

HOT void tcp_call_accepted(struct task_struct *task, struct task_state *st, s64 ret)
{
	if (ret >= 0 && calls_accept(st->call.class, st->call.arg))
		tcp_accepted(task, st, ret);
}

/* What sockaddr_in and sockaddr_in6 begin with. */
struct sockaddr_any {
	u16 family;
	u16 port;
	u32 ip;     /* IPv4; IPv6: the flow label */
	u8 ip6[16]; /* IPv6 */
};
/* Lengths of addresses; that of IPv6 is the least that the kernel takes. */
enum { SOCKADDR_IN = 16, SOCKADDR_IN6 = 24, SOCKADDR_MAX = 128 };

HOT void connect_begin(struct connect_call *c, struct sock *sk, u64 addr, s32 len)
{
	c->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	c->sk = (u64)sk;
	c->addr = addr;
	c->len = len;
	c->syn_sent = 0;
	c->ts = bpf_ktime_get_ns();
}

/*
 * emit_failed writes the row of a connect that failed before any state change. Such a connect costs as little as a call,
 * so its row goes to the ring of the events that do.
 */
COLD int emit_failed(struct task_struct *task, struct task_state *st, struct sockaddr_any *a, s32 ret)
{
	struct connect_call *c = &st->connect;
	task_id id = identity(task, st);
	struct tcp_event *e = reserve_in(RARE_CHEAP, KIND_tcp, sizeof(*e));

	if (!e)
		return 0;
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = KIND_tcp;
	e->task = id;
	e->ts = c->ts;
	e->op = TCP_connect;
	e->family = 4;
	put_ipv4(e->saddr, 0);
	put_ipv4(e->daddr, 0);
	if (c->family == AF_INET6) {
		__builtin_memset(e->daddr, 0, 16);
		if (a->family == AF_INET6 && c->len >= SOCKADDR_IN6) {
			__builtin_memcpy(e->daddr, a->ip6, 16);
			e->dport = ntohs(a->port);
		}
		if (!is_mapped(e->daddr)) {
			e->family = 6;
			__builtin_memset(e->saddr, 0, 16);
		}
	} else if (a->family == AF_INET && c->len >= SOCKADDR_IN) {
		put_ipv4(e->daddr, a->ip);
		e->dport = ntohs(a->port);
	}
	e->ret = ret;
	e->duration_ns = bpf_ktime_get_ns() - c->ts;
	submit(e);
	return 0;
}

/* connect_called: a function of the kernel begins to connect a socket. */
HOT int connect_called(struct sock *sk, void *addr, s32 len)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct connect_call *c;
	struct task_state *st;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_tcp);
		return 0;
	}
	if (!recorded(task, st))
		return 0;
	c = &st->connect;
	/* For a mapped address tcp_v6_connect calls tcp_v4_connect: this is the same connect. */
	if (c->ts && c->sk == (u64)sk && c->family == AF_INET6 && c->addr != (u64)addr)
		return 0;
	connect_begin(c, sk, (u64)addr, len);
	return 0;
}

HOT int connect_returned(s32 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sockaddr_any a = {};
	struct task_state *st;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!st || !st->connect.ts)
		return 0;
	if (ret < 0 && !st->connect.syn_sent) {
		bpf_probe_read_kernel(&a, st->connect.len < SOCKADDR_IN6 ? 8 : sizeof(a), (void *)st->connect.addr);
		emit_failed(task, st, &a, ret);
	}
	st->connect.ts = 0;
	return 0;
}

SEC("fentry/tcp_v4_connect")
int tcp_v4_fentry(u64 *ctx)
{
	return connect_called((void *)ctx[0], (void *)ctx[1], ctx[2]);
}

SEC("fexit/tcp_v4_connect")
int tcp_v4_fexit(u64 *ctx)
{
	return connect_returned(ctx[3]);
}

SEC("fentry/tcp_v6_connect")
int tcp_v6_fentry(u64 *ctx)
{
	return connect_called((void *)ctx[0], (void *)ctx[1], ctx[2]);
}

SEC("fexit/tcp_v6_connect")
int tcp_v6_fexit(u64 *ctx)
{
	return connect_returned(ctx[3]);
}

SEC("kprobe/tcp_v4_connect")
int tcp_v4_kprobe(struct pt_regs *ctx)
{
	return connect_called((void *)PARM0(ctx), (void *)PARM1(ctx), PARM2(ctx));
}

SEC("kretprobe/tcp_v4_connect")
int tcp_v4_kretprobe(struct pt_regs *ctx)
{
	return connect_returned(RESULT(ctx));
}

SEC("kprobe/tcp_v6_connect")
int tcp_v6_kprobe(struct pt_regs *ctx)
{
	return connect_called((void *)PARM0(ctx), (void *)PARM1(ctx), PARM2(ctx));
}

SEC("kretprobe/tcp_v6_connect")
int tcp_v6_kretprobe(struct pt_regs *ctx)
{
	return connect_returned(RESULT(ctx));
}

/*
 * tcp_connect_call: a connect call may reach tcp_v4_connect or tcp_v6_connect. It does not if the socket is connecting
 * or connected, or listens (__inet_stream_connect).
 */
COLD int tcp_connect_call(struct task_struct *task, struct task_state *st)
{
	struct socket *socket;
	struct sock *sk;
	u64 param[3];
	s32 len;

	if (!calls_connect(st->call.class, st->call.arg, param))
		return 0;
	sk = tcp_sock_of(task, param[0], &socket);
	len = param[2];
	if (!sk || BPF_CORE_READ(socket, state) != SS_UNCONNECTED ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_STATE_CLOSE || len < (s32)sizeof(u16) || len > SOCKADDR_MAX)
		return 0;
	connect_begin(&st->connect, sk, param[1], len);
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP)
		st->connect.sk = 0;
	return 0;
}

HOT void tcp_call_begin(struct task_struct *task, struct task_state *st)
{
	st->connect.ts = 0;
	tcp_connect_call(task, st);
}

/* tcp_connect_failed is the exit of a connect call that failed and caused no state change. */
COLD int tcp_connect_failed(struct task_struct *task, struct task_state *st, s32 ret)
{
	struct connect_call *c = &st->connect;
	struct sockaddr_any a = {};
	long unread;

	/* The kernel has read the address meanwhile, so it is in memory. */
	unread = bpf_probe_read_user(&a, c->len < SOCKADDR_IN6 ? 8 : sizeof(a), (void *)c->addr);
	if ((unread && ret == -EFAULT) || (!unread && a.family == AF_UNSPEC))
		return 0; /* it did not reach TCP, or disconnected the socket */
	return emit_failed(task, st, &a, ret);
}

HOT void tcp_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	if (st->connect.ts && !st->connect.syn_sent && ret < 0)
		tcp_connect_failed(task, st, ret);
	st->connect.ts = 0;
}

#endif
