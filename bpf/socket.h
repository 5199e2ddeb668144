/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the name of a socket is made of: its protocol and addresses. They change while the socket is open. */
#ifndef FLETCH_SOCKET_H
#define FLETCH_SOCKET_H

#include "walk.h"

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5 };
enum { SOCK_DEAD = 0, SOCK_DONE = 1 }; /* include/net/sock.h */
enum {
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_DCCP = 33,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_L2TP = 115,
	IPPROTO_SCTP = 132,
	IPPROTO_UDPLITE = 136,
	IPPROTO_MPTCP = 262,
};
#define SUN_PATH_MAX 108 /* include/uapi/linux/un.h */

HOT u16 ntohs(u16 x)
{
	return __builtin_bswap16(x);
}

/* sock_of returns the address of the struct sock of an open socket. */
HOT u64 sock_of(u64 file)
{
	return FIELD(FIELD(file, struct file, private_data), struct socket, sk);
}

/* socket_inode is the inode number of the socket of a struct sock, 0 if it has none: it is closed, or not accepted yet. */
HOT u64 socket_inode(u64 sk)
{
	u64 socket = FIELD(sk, struct sock, sk_socket);

	return socket ? FIELD(socket, struct socket_alloc, vfs_inode.i_ino) : 0;
}

/*
 * unix_key is a hash of what a unix socket is connected and bound to. It is bound once. One for streams is connected once,
 * and its peer stays allocated, but may be accepted only later, which makes its inode; when it is closed nothing changes.
 */
HOT u64 unix_key(u64 sk)
{
	u64 addr = FIELD(sk, struct unix_sock, addr), peer = FIELD(sk, struct unix_sock, peer), at = 0;

	if (peer && (u16)FIELD(sk, struct sock, sk_type) == SOCK_DGRAM)
		at = socket_inode(peer);
	else if (peer)
		at = FIELD(peer, struct sock, sk_socket) ||
		     FIELD(peer, struct sock_common, skc_flags) & 1 << SOCK_DEAD;
	return mix(mix(addr, peer), at);
}

/* socket_key is a hash of the addresses of an open socket. */
HOT u64 socket_key(u64 file)
{
	u64 sk = sock_of(file), hash;
	u16 family = FIELD(sk, struct sock_common, skc_family);

	if (family == AF_INET || family == AF_INET6) {
		hash = (u16)FIELD(sk, struct inet_sock, inet_sport) |
		       (u32)(u16)FIELD(sk, struct sock_common, skc_dport) << 16;
		if (family == AF_INET)
			return mix(hash, FIELD(sk, struct sock_common, skc_rcv_saddr) << 32 |
						 (u32)FIELD(sk, struct sock_common, skc_daddr));
		hash = mix(hash, FIELD(sk, struct sock_common, skc_v6_rcv_saddr));
		hash = mix(hash, load_u64(sk + bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr) + 8));
		hash = mix(hash, FIELD(sk, struct sock_common, skc_v6_daddr));
		return mix(hash, load_u64(sk + bpf_core_field_offset(struct sock_common, skc_v6_daddr) + 8));
	}
	if (family == AF_UNIX && bpf_core_field_exists(((struct unix_sock *)0)->peer))
		return unix_key(sk);
	if (family == AF_NETLINK && bpf_core_field_exists(((struct netlink_sock *)0)->portid))
		return (u32)FIELD(sk, struct netlink_sock, portid);
	return 0;
}

HOT u32 inet_protocol(u32 type, u32 protocol)
{
	if (type == SOCK_RAW)
		return PROTOCOL_raw;
	switch (protocol) {
	case IPPROTO_TCP:
		return PROTOCOL_tcp;
	case IPPROTO_UDP:
		return PROTOCOL_udp;
	case IPPROTO_UDPLITE:
		return PROTOCOL_udplite;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return PROTOCOL_ping;
	case IPPROTO_MPTCP:
		return PROTOCOL_mptcp;
	case IPPROTO_SCTP:
		return PROTOCOL_sctp;
	case IPPROTO_DCCP:
		return PROTOCOL_dccp;
	case IPPROTO_L2TP:
		return PROTOCOL_l2tp;
	}
	return PROTOCOL_;
}

HOT u32 protocol_of(u32 family, u32 type, u32 protocol)
{
	if (family == AF_NETLINK)
		return protocol <= PROTOCOL_smc - PROTOCOL_route ? PROTOCOL_route + protocol : PROTOCOL_;
	if (family == AF_INET || family == AF_INET6)
		return inet_protocol(type, protocol);
	switch (type) {
	case SOCK_STREAM:
		return PROTOCOL_stream;
	case SOCK_DGRAM:
		return PROTOCOL_dgram;
	case SOCK_RAW:
		return PROTOCOL_raw;
	case SOCK_SEQPACKET:
		return PROTOCOL_seqpacket;
	}
	return PROTOCOL_;
}

/* put_inet appends the addresses of an IP socket of n bytes each. One that the socket does not have stays out of the columns. */
HOT u32 put_inet(struct scratch *s, struct path_event *e, struct socket_name *name, u64 sk, u32 off)
{
	struct inet_sock *inet = (void *)sk;
	struct sock *sock = (void *)sk;
	u64 *addr = (void *)&s->data[off];
	u32 n = name->domain == AF_INET ? 4 : 16;

	__builtin_memset(addr, 0, 32);
	name->sport = ntohs(BPF_CORE_READ(inet, inet_sport));
	name->dport = ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (n == 4) {
		addr[0] = FIELD(sk, struct sock_common, skc_daddr) << 32 |
			  (u32)FIELD(sk, struct sock_common, skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)addr, sock, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)(addr + 2), sock, __sk_common.skc_v6_daddr);
	}
	name->saddr_len = name->daddr_len = n;
	e->sport = name->sport;
	e->dport = name->dport;
	e->saddr.off = off;
	e->daddr.off = off + n;
	if (name->sport || (n == 4 ? (u32)addr[0] : addr[0] | addr[1]))
		e->saddr.len = n;
	if (name->dport || (n == 4 ? addr[0] >> 32 : addr[2] | addr[3]))
		e->daddr.len = n;
	return off + 2 * n;
}

/* put_sun_path appends the name of a unix socket, sets *r to it, and returns the new end. */
HOT u32 put_sun_path(struct scratch *s, u64 sk, u32 off, struct ref *r)
{
	u64 addr = FIELD(sk, struct unix_sock, addr);
	u32 len;

	r->off = off;
	r->flags = REF_UNIX;
	if (!addr)
		return off;
	len = (u32)FIELD(addr, struct unix_address, len) - sizeof(u16);
	barrier_var(off); /* else the compiler knows its bounds, and the verifier does not */
	if (len > SUN_PATH_MAX ||
	    bpf_probe_read_kernel(&s->data[off & (DPATH_MAX - 1)], len & 127,
				  (void *)addr + bpf_core_field_offset(struct unix_address, name) + sizeof(u16)))
		return off;
	r->len = len;
	return off + (len & 127);
}

/*
 * put_socket appends what the name of a socket is made of to the row in the scratch buffer, a path_event, and returns
 * the length of the row.
 */
HOT u32 put_socket(struct scratch *s, u64 file, const unsigned char *kernel)
{
	struct path_event *e = (void *)s->data;
	u32 start = sizeof(*e), len = start + sizeof(struct socket_name);
	struct socket_name *name = (void *)&s->data[start];
	u64 sk = sock_of(file), peer;

	__builtin_memset(name, 0, sizeof(*name));
	bpf_probe_read_kernel_str(name->kernel, sizeof(name->kernel), kernel);
	name->domain = FIELD(sk, struct sock_common, skc_family);
	name->protocol = protocol_of(name->domain, (u16)FIELD(sk, struct sock, sk_type),
				     (u16)FIELD(sk, struct sock, sk_protocol));
	e->domain = name->domain;
	e->protocol = name->protocol;
	if (name->domain == AF_INET || name->domain == AF_INET6) {
		len = put_inet(s, e, name, sk, len);
	} else if (name->domain == AF_UNIX && bpf_core_field_exists(((struct unix_sock *)0)->peer)) {
		peer = FIELD(sk, struct unix_sock, peer);
		len = put_sun_path(s, sk, len, &e->saddr);
		name->saddr_len = e->saddr.len;
		if (peer) {
			name->peer = socket_inode(peer);
			len = put_sun_path(s, peer, len, &e->daddr);
			name->daddr_len = e->daddr.len;
		}
	} else if (name->domain == AF_NETLINK && bpf_core_field_exists(((struct netlink_sock *)0)->portid)) {
		name->port = FIELD(sk, struct netlink_sock, portid);
	}
	e->name.flags = REF_SOCKET;
	return len;
}

#endif
