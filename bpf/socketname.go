// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/internal/schema"
)

// A socketName is struct socket_name of events.h, and the addresses behind it.
type socketName struct {
	peer             uint64
	port             uint32
	domain, protocol string
	sport, dport     uint16
	saddr, daddr     []byte
	kernel           []byte
}

// socketNameSize is the size of struct socket_name, in bytes.
const socketNameSize = 40

var (
	socketDomains   = schema.Of("path").Column("domain").Values
	socketProtocols = schema.Of("path").Column("protocol").Values
	pathIno         = memberOf("path", "ino").offset
)

// memberOf returns the place of a column in the records of its table.
func memberOf(table, column string) member {
	for _, r := range records {
		if r.table == table {
			return r.members[schema.Of(table).Index(column)]
		}
	}
	return member{}
}

// parseSocketName takes a struct socket_name apart; ok is false if it is too short.
func parseSocketName(b []byte) (n socketName, ok bool) {
	if len(b) < socketNameSize {
		return n, false
	}
	u16 := func(at int) uint16 { return binary.NativeEndian.Uint16(b[at:]) }
	value := func(names []string, i uint16) string {
		if int(i) < len(names) {
			return names[i]
		}
		return ""
	}
	n = socketName{
		peer: binary.NativeEndian.Uint64(b), port: binary.NativeEndian.Uint32(b[8:]),
		domain: value(socketDomains, u16(12)), protocol: value(socketProtocols, u16(14)),
		sport: u16(16), dport: u16(18),
	}
	saddr, daddr := int(u16(20)), int(u16(22))
	n.kernel, _, _ = bytes.Cut(b[24:socketNameSize], []byte{0})
	if len(b) < socketNameSize+saddr+daddr {
		return n, false
	}
	n.saddr = b[socketNameSize : socketNameSize+saddr]
	n.daddr = b[socketNameSize+saddr : socketNameSize+saddr+daddr]
	return n, true
}

// appendSocket appends the name of a socket as strace -yy prints it: TCP:[10.0.0.1:443->10.0.0.2:51234], and the inode
// number where it has no address: TCP:[4711]. rec is the record of the path.
func appendSocket(dst, b, rec []byte) []byte {
	n, ok := parseSocketName(b)
	if !ok {
		return dst
	}
	ino := binary.NativeEndian.Uint64(rec[pathIno:])
	if len(n.kernel) == 0 {
		n.kernel = []byte("socket")
	}
	dst = append(appendEscaped(dst, n.kernel), ':', '[')
	switch {
	case n.domain == "unix":
		dst = n.appendUnix(dst, ino)
	case (n.domain == "inet" || n.domain == "inet6") && !n.unbound():
		dst = appendEndpoint(dst, n.saddr, n.sport)
		if n.dport != 0 || !zeros(n.daddr) {
			dst = appendEndpoint(append(dst, "->"...), n.daddr, n.dport)
		}
	case n.domain == "netlink" && n.port != 0 && n.protocol != "":
		dst = append(append(dst, strings.ToUpper(n.protocol)...), ':')
		dst = strconv.AppendUint(dst, uint64(n.port), 10)
	default:
		dst = strconv.AppendUint(dst, ino, 10)
	}
	return append(dst, ']')
}

// unbound reports whether an IP socket has no address at all.
func (n *socketName) unbound() bool {
	return n.sport == 0 && n.dport == 0 && zeros(n.saddr) && zeros(n.daddr)
}

// appendUnix appends what is in the brackets of a unix socket: its inode, that of its peer, its name.
func (n *socketName) appendUnix(dst []byte, ino uint64) []byte {
	dst = strconv.AppendUint(dst, ino, 10)
	if n.peer != 0 {
		dst = strconv.AppendUint(append(dst, "->"...), n.peer, 10)
	}
	switch {
	case len(n.saddr) == 0:
		return dst
	case n.saddr[0] == 0:
		dst = append(dst, `,@"`...)
		return append(appendEscaped(dst, n.saddr[1:]), '"')
	}
	path, _, _ := bytes.Cut(n.saddr, []byte{0})
	return append(appendEscaped(append(dst, `,"`...), path), '"')
}

// appendEndpoint appends an IP address and a port.
func appendEndpoint(dst, addr []byte, port uint16) []byte {
	ip, _ := netip.AddrFromSlice(addr)
	if ip.Is4() {
		dst = ip.AppendTo(dst)
	} else {
		dst = append(ip.AppendTo(append(dst, '[')), ']')
	}
	return strconv.AppendUint(append(dst, ':'), uint64(port), 10)
}

// appendSocketAddress appends a sockaddr_t: an IP address, the path of a unix socket, or @ and its abstract name.
func appendSocketAddress(dst []byte, r ref) []byte {
	switch {
	case len(r.bytes) == 0:
		return dst
	case r.flags&refUnix == 0:
		ip, _ := netip.AddrFromSlice(r.bytes)
		return ip.AppendTo(dst)
	case r.bytes[0] == 0:
		return appendEscaped(append(dst, '@'), r.bytes[1:])
	}
	path, _, _ := bytes.Cut(r.bytes, []byte{0})
	return appendEscaped(dst, path)
}

func zeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
