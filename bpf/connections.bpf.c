//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The connections that are open when a recording begins or ends, as far as a descriptor of a recorded task refers to
 * them. (The kernel's iterator over TCP sockets would show those of one network namespace only.) They are listed once,
 * with the first task that holds them.
 */

u32 last_list; /* the number of lists begun so far */

/* listed_sock returns the socket of a file that may have a TCP connection, or listen; NULL: there is none. */
HOT struct sock *listed_sock(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk;

	if (!socket)
		return NULL;
	sk = socket->sk;
	if (!sk || sk->sk_type != SOCK_STREAM)
		return NULL;
	return sk->sk_protocol == IPPROTO_TCP || sk->sk_protocol == IPPROTO_MPTCP ? sk : NULL;
}

/* first_of returns the socket of the TCP connection: of an MPTCP socket, of its first one. */
HOT struct sock *first_of(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_MPTCP ? BPF_CORE_READ((struct mptcp_sock *)sk, first) : sk;
}

HOT void write_connection(struct seq_file *seq, struct sock *sk, struct connection *c, task_id id, u32 op)
{
	struct tcp_event e;

	fill_tcp(&e, sk, id, op);
	if (op == TCP_end) {
		e.duration_ns = since(e.ts, c->since);
		fill_traffic(&e, sk);
	}
	write_record(seq, &e, sizeof(e)); /* which the session counts: it may be only in a dump */
}

/*
 * holder says whether the task whose descriptors are listed is recorded, and sets its id, 0 if it has none. It does not
 * announce the task: in each program that can, the verifier checks ten times as much. Tasks are listed before.
 */
HOT bool holder(struct task_struct *task, task_id *id)
{
	struct task_state *st = bpf_task_storage_get(&tasks, task, 0, 0);

	if (!st && !want_tree)
		st = state_of(task);
	if (!st || !recorded(task, st))
		return false;
	*id = st->id;
	return true;
}

/*
 * Connections that wait to be accepted get their cookies, by which the exit of accept finds them. This is a program of
 * its own because of the loop: the verifier checks all of it once for each state in which it begins.
 */
SEC("iter/task_file")
int connections_waiting(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct request_sock *req;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!file)
		return 0;
	sk = listed_sock(file);
	if (!sk || sk->__sk_common.skc_state != TCP_LISTEN)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	req = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	for (int i = 0; i < 256 && req; i++) {
		sk = req->sk;
		if (!sk)
			break; /* for the verifier, which else follows both ways from here on: each has one */
		bpf_get_socket_cookie(sk);
		req = req->dl_next;
	}
	return 0;
}

SEC("iter/task_file")
int connections_begin(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk, *tcp;
	struct connection *c;
	u64 cookie;
	task_id id = 0;
	u8 state;

	if (!task || !file)
		return 0;
	sk = listed_sock(file);
	if (!sk)
		return 0;
	tcp = first_of(sk);
	state = BPF_CORE_READ(tcp, __sk_common.skc_state);
	if (!tcp || !holder(task, &id) || !id || state == TCP_STATE_CLOSE)
		return 0;
	c = new_connection(sk);
	/* A connection with a time or task was opened after the recording had begun, or is listed already. */
	if (!c || c->since || c->task || (sk != tcp && accepted_with(cookie_of(tcp))))
		return 0;
	c->task = id;
	cookie = bpf_get_socket_cookie(sk);
	if (sk != tcp)
		bpf_map_update_elem(&accepted, &cookie, &id, BPF_NOEXIST);
	if (state == TCP_LISTEN) {
		c->role = ROLE_LISTENS;
	} else if (state == TCP_SYN_SENT) {
		c->role = ROLE_CONNECTS;
		c->flags = FLAG_BEFORE;
		c->since = started;
	} else {
		c->role = ROLE_OWNS;
		write_connection(ctx->meta->seq, tcp, c, id, TCP_snapshot);
	}
	return 0;
}

/* list_open writes the row of a connection that is open now, unless this list has it. */
HOT int list_open(struct bpf_iter__task_file *ctx, u32 op)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sock *sk, *tcp;
	struct connection *c;
	task_id id = 0;
	u8 state;

	if (!ctx->meta->seq_num)
		last_list++;
	if (!task || !file)
		return 0;
	sk = listed_sock(file);
	if (!sk)
		return 0;
	tcp = first_of(sk);
	state = BPF_CORE_READ(tcp, __sk_common.skc_state);
	if (!tcp || !holder(task, &id) || state == TCP_STATE_CLOSE || state == TCP_LISTEN || state == TCP_SYN_SENT)
		return 0;
	c = new_connection(sk);
	if (!c || c->last_list == last_list)
		return 0;
	c->last_list = last_list;
	write_connection(ctx->meta->seq, tcp, c, id, op);
	return 0;
}

SEC("iter/task_file")
int connections_end(struct bpf_iter__task_file *ctx)
{
	return list_open(ctx, TCP_end);
}

/* Later generations begin with the connections that are open then. */
SEC("iter/task_file")
int connections_open(struct bpf_iter__task_file *ctx)
{
	return list_open(ctx, TCP_snapshot);
}
