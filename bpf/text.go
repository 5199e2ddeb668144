// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// textSocket is TEXT_SOCKADDR of events.h.
const textSocket = 1

// appendText appends a text that was passed to the kernel.
func appendText(dst []byte, r ref) []byte {
	if r.form == textSocket {
		return appendSockaddr(dst, r.bytes)
	}
	dst = appendEscaped(dst, r.bytes)
	if r.flags&refCut != 0 {
		dst = append(dst, cutMark...)
	}
	return dst
}

// appendSockaddr appends the address of a socket, a struct sockaddr_* in the byte order of this machine:
//
//	10.0.0.1:443  [fe80::1%2]:443  unix:/run/socket  unix:@abstract  netlink:PID:GROUPS
//	packet:INDEX:PROTOCOL:HARDWARE  vsock:CID:PORT
//
// Of other families it has the number and the bytes, as family:N:HEX.
func appendSockaddr(dst, b []byte) []byte {
	if len(b) < 2 {
		return appendBytes(append(dst, "family:"...), b)
	}
	family, n := binary.NativeEndian.Uint16(b), binary.NativeEndian
	switch {
	case family == unix.AF_INET && len(b) >= 8:
		addr := netip.AddrFrom4([4]byte(b[4:]))
		return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[2:])).AppendTo(dst)
	case family == unix.AF_INET6 && len(b) >= 24:
		addr := netip.AddrFrom16([16]byte(b[8:]))
		if len(b) >= 28 && n.Uint32(b[24:]) != 0 {
			addr = addr.WithZone(strconv.FormatUint(uint64(n.Uint32(b[24:])), 10))
		}
		return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[2:])).AppendTo(dst)
	case family == unix.AF_UNIX:
		dst = append(dst, "unix:"...)
		if b = b[2:]; len(b) > 0 && b[0] == 0 {
			dst, b = append(dst, '@'), b[1:]
		}
		return appendEscaped(dst, b)
	case family == unix.AF_NETLINK && len(b) >= 12:
		dst = strconv.AppendUint(append(dst, "netlink:"...), uint64(n.Uint32(b[4:])), 10)
		return strconv.AppendUint(append(dst, ":0x"...), uint64(n.Uint32(b[8:])), 16)
	case family == unix.AF_PACKET && len(b) >= 12:
		dst = strconv.AppendInt(append(dst, "packet:"...), int64(int32(n.Uint32(b[4:]))), 10)
		dst = strconv.AppendUint(append(dst, ":0x"...), uint64(binary.BigEndian.Uint16(b[2:])), 16)
		return appendBytes(append(dst, ':'), b[12:min(len(b), 12+int(b[11]))])
	case family == unix.AF_VSOCK && len(b) >= 12:
		dst = strconv.AppendUint(append(dst, "vsock:"...), uint64(n.Uint32(b[8:])), 10)
		return strconv.AppendUint(append(dst, ':'), uint64(n.Uint32(b[4:])), 10)
	}
	dst = strconv.AppendUint(append(dst, "family:"...), uint64(family), 10)
	return appendBytes(append(dst, ':'), b[2:])
}

// appendBytes appends b as hexadecimal digits.
func appendBytes(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	for _, c := range b {
		dst = append(dst, hex[c>>4], hex[c&15])
	}
	return dst
}
