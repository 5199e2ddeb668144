//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * TCP connections, from the state changes of sockets. A change may happen in an interrupt, while an unrelated task is
 * current; so the task that connected, accepted or closed is stored by socket. A connect that fails before the first
 * packet causes no state change: it is seen at tcp_v4_connect and tcp_v6_connect, or at the system call.
 */
#ifndef FLETCH_TCP
#define FLETCH_TCP

#include "calls.h"
#include "path.h"

enum { AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6, SOCK_DONE = 1 };
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

struct connection {
	u64 since;    /* when it began to connect; from then on, when it was established */
	task_id task; /* the last one that connected, accepted or closed it; 0: none yet */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, struct connection);
} connections SEC(".maps");

HOT void put_ipv4(u8 *addr, u32 ip)
{
	__builtin_memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
	__builtin_memcpy(addr + 12, &ip, 4);
}

HOT u16 ntohs(u16 x)
{
	return __builtin_bswap16(x);
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
		u32 mapped;

		BPF_CORE_READ_INTO(&e->saddr, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&e->daddr, sk, __sk_common.skc_v6_daddr);
		__builtin_memcpy(&mapped, e->daddr + 8, 4);
		/* An IPv6 socket may have an IPv4 connection, with mapped addresses. */
		e->family = mapped == 0xffff0000 && !e->daddr[0] ? 4 : 6;
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

HOT void emit_tcp(struct sock *sk, struct connection *c, u32 op, s32 ret)
{
	struct tcp_event *e = reserve(KIND_tcp, sizeof(*e));

	if (!e)
		return;
	fill_tcp(e, sk, c->task, op);
	e->ret = ret;
	if (op != TCP_accept) {
		e->duration_ns = c->since ? e->ts - c->since : 0;
		if (op == TCP_connect)
			e->ts = c->since;
	}
	if (ret == 0 || op == TCP_close)
		fill_traffic(e, sk);
	submit(e);
}

/* acting_task returns the id of the current task, which caused a state change itself; 0: it is not recorded. */
HOT task_id acting_task(struct task_struct *task, struct task_state **state)
{
	struct task_state *st = state_of(task);

	*state = st;
	if (!st) {
		count_lost(KIND_tcp);
		return 0;
	}
	return recorded(task, st) ? identity(task, st) : 0;
}

/* connect_ended writes the row of a connect whose socket leaves the state SYN_SENT. */
HOT void connect_ended(struct task_struct *task, struct sock *sk, u64 *key, struct connection *c, s32 state)
{
	struct task_state *st;

	if (state == TCP_STATE_CLOSE) {
		s32 err = BPF_CORE_READ(sk, sk_err);

		st = bpf_task_storage_get(&tasks, task, 0, 0);
		if (!err && st && st->connect.ts && st->connect.syn_sent)
			st->connect.syn_sent = 0; /* connect fails now; its exit has the error */
		else
			emit_tcp(sk, c, TCP_connect, err ? -err : -ECANCELED);
		bpf_map_delete_elem(&connections, key);
	} else if (state == TCP_ESTABLISHED) {
		emit_tcp(sk, c, TCP_connect, 0);
		c->since = bpf_ktime_get_ns();
	}
}

SEC("tp_btf/inet_sock_set_state")
int tcp_state(u64 *ctx)
{
	struct sock *sk = ARG(ctx, 0, struct sock *);
	s32 old = ARG(ctx, 1, s32), state = ARG(ctx, 2, s32);
	struct task_struct *task = bpf_get_current_task_btf();
	struct connection fresh = {}, *c;
	struct task_state *st;
	u64 key = (u64)sk;

	if (!enabled || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || old == TCP_LISTEN || state == TCP_LISTEN)
		return 0;
	if (state == TCP_SYN_SENT) {
		fresh.task = acting_task(task, &st);
		if (!fresh.task)
			return 0;
		st->connect.syn_sent = 1;
		fresh.since = st->connect.ts ? st->connect.ts : bpf_ktime_get_ns();
		bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
		return 0;
	}
	c = bpf_map_lookup_elem(&connections, &key);
	if (old == TCP_SYN_SENT) {
		if (c)
			connect_ended(task, sk, &key, c, state);
		return 0;
	}
	if (state == TCP_ESTABLISHED) { /* from SYN_RECV: it has not been accepted yet */
		fresh.since = bpf_ktime_get_ns();
		bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
		return 0;
	}
	if (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK) { /* caused by close or shutdown */
		fresh.task = acting_task(task, &st);
		if (!fresh.task)
			return 0;
		if (c)
			c->task = fresh.task;
		else
			bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
		return 0;
	}
	if (state == TCP_STATE_CLOSE && c) {
		if (c->task)
			emit_tcp(sk, c, TCP_close, -BPF_CORE_READ(sk, sk_err));
		bpf_map_delete_elem(&connections, &key);
	}
	return 0;
}

/* tcp_sock_of returns the TCP socket of a descriptor of the current task; NULL: it is something else. */
HOT struct sock *tcp_sock_of(struct task_struct *task, u32 fd)
{
	struct file *file = (void *)file_of_fd((u64)task, fd);
	struct socket *sock;
	struct sock *sk;

	if (!file || BPF_CORE_READ(file, f_inode, i_sb, s_magic) != SOCKFS_MAGIC)
		return NULL;
	sock = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(sock, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return NULL;
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return family == AF_INET || family == AF_INET6 ? sk : NULL;
}

COLD int tcp_accepted(struct task_struct *task, struct task_state *st, u32 fd)
{
	struct sock *sk = tcp_sock_of(task, fd);
	struct connection fresh = {}, *c;
	u64 key = (u64)sk;

	if (!sk)
		return 0;
	fresh.task = identity(task, st);
	c = bpf_map_lookup_elem(&connections, &key);
	if (c) {
		c->task = fresh.task;
		fresh.since = c->since;
	} else {
		fresh.since = bpf_ktime_get_ns();
		bpf_map_update_elem(&connections, &key, &fresh, BPF_ANY);
	}
	emit_tcp(sk, &fresh, TCP_accept, 0);
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

HOT void connect_begin(struct connect_call *c, struct sockaddr_any *a)
{
	c->family = a->family;
	c->dport = ntohs(a->port);
	if (a->family == AF_INET6)
		__builtin_memcpy(c->daddr, a->ip6, 16);
	else
		put_ipv4(c->daddr, a->ip);
	c->syn_sent = 0;
	c->ts = bpf_ktime_get_ns();
}

/* connect_end writes the row of a connect that failed before any state change. */
HOT void connect_end(struct task_struct *task, struct task_state *st, s32 ret)
{
	struct connect_call *c = &st->connect;
	struct tcp_event *e;
	task_id id;

	if (!c->ts)
		return;
	if (ret < 0 && !c->syn_sent) {
		id = identity(task, st);
		e = reserve(KIND_tcp, sizeof(*e));
		if (e) {
			__builtin_memset(e, 0, sizeof(*e));
			e->kind = KIND_tcp;
			e->task = id;
			e->ts = c->ts;
			e->op = TCP_connect;
			e->family = c->family == AF_INET6 ? 6 : 4;
			put_ipv4(e->saddr, 0);
			if (c->family == AF_INET6)
				__builtin_memset(e->saddr, 0, 16);
			__builtin_memcpy(e->daddr, c->daddr, 16);
			e->dport = c->dport;
			e->ret = ret;
			e->duration_ns = bpf_ktime_get_ns() - c->ts;
			submit(e);
		}
	}
	c->ts = 0;
}

HOT int connect_called(void *addr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sockaddr_any a = {};
	struct task_state *st;

	if (!enabled)
		return 0;
	st = state_of(task);
	if (!st) {
		count_lost(KIND_tcp);
		return 0;
	}
	/* For a mapped address tcp_v6_connect calls tcp_v4_connect: this is the same connect. */
	if (!recorded(task, st) || st->connect.ts)
		return 0;
	bpf_probe_read_kernel(&a, 8, addr);
	if (a.family == AF_INET6)
		bpf_probe_read_kernel(&a, sizeof(a), addr);
	connect_begin(&st->connect, &a);
	return 0;
}

HOT int connect_returned(s32 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *st;

	if (!enabled)
		return 0;
	st = bpf_task_storage_get(&tasks, task, 0, 0);
	if (st)
		connect_end(task, st, ret);
	return 0;
}

SEC("fentry/tcp_v4_connect")
int tcp_v4_fentry(u64 *ctx)
{
	return connect_called((void *)ctx[1]);
}

SEC("fexit/tcp_v4_connect")
int tcp_v4_fexit(u64 *ctx)
{
	return connect_returned(ctx[3]);
}

SEC("fentry/tcp_v6_connect")
int tcp_v6_fentry(u64 *ctx)
{
	return connect_called((void *)ctx[1]);
}

SEC("fexit/tcp_v6_connect")
int tcp_v6_fexit(u64 *ctx)
{
	return connect_returned(ctx[3]);
}

SEC("kprobe/tcp_v4_connect")
int tcp_v4_kprobe(struct pt_regs *ctx)
{
	return connect_called((void *)PARM1(ctx));
}

SEC("kretprobe/tcp_v4_connect")
int tcp_v4_kretprobe(struct pt_regs *ctx)
{
	return connect_returned(RESULT(ctx));
}

SEC("kprobe/tcp_v6_connect")
int tcp_v6_kprobe(struct pt_regs *ctx)
{
	return connect_called((void *)PARM1(ctx));
}

SEC("kretprobe/tcp_v6_connect")
int tcp_v6_kretprobe(struct pt_regs *ctx)
{
	return connect_returned(RESULT(ctx));
}

COLD int tcp_connect_call(struct task_struct *task, struct task_state *st)
{
	struct sockaddr_any a = {};
	u64 param[3];

	if (!calls_connect(st->call.class, st->call.arg, param) || !tcp_sock_of(task, param[0]))
		return 0;
	if (bpf_probe_read_user(&a, param[2] >= sizeof(a) ? sizeof(a) : 8, (void *)param[1]))
		return 0;
	connect_begin(&st->connect, &a);
	return 0;
}

HOT void tcp_call_begin(struct task_struct *task, struct task_state *st)
{
	st->connect.ts = 0;
	tcp_connect_call(task, st);
}

/* tcp_call_end writes no row for the errors that do not come from tcp_v4_connect or tcp_v6_connect. */
HOT void tcp_call_end(struct task_struct *task, struct task_state *st, s64 ret)
{
	s32 err = -ret;

	if (!st->connect.ts)
		return;
	if (err == EINPROGRESS || err == EALREADY || err == EISCONN || err == EINTR || err == EFAULT || err == EBADF ||
	    err == ENOTSOCK || err == EINVAL || err >= ERESTARTSYS)
		st->connect.ts = 0;
	else
		connect_end(task, st, ret);
}

#endif
