// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"encoding/binary"
	"net/netip"
)

// tokens6 is where tokens of IPv6 addresses are: the prefix for documentation, which no host has.
var tokens6 = netip.MustParsePrefix("2001:db8::/32")

// address returns another address of the same family. Different IPv4 addresses become different ones, because their
// 32 bits are enciphered; of IPv6 the lower 96 bits are a hash. Another spelling of an address ("a:0::" of "a::"),
// which no recorder writes, is a text like any other: different texts stay different.
func (r *replacer) address(text string) string {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil || addr.Zone() != "" || addr.String() != text:
		return r.tokens(text)
	case r.keepsAddress(addr):
		return text
	case addr.Is4():
		return r.address4(addr).String()
	case addr.Is4In6():
		return netip.AddrFrom16(r.address4(addr.Unmap()).As16()).String()
	}
	b := tokens6.Addr().As16()
	copy(b[4:], r.sum("ipv6", string(addr.AsSlice())))
	return netip.AddrFrom16(b).String()
}

// keepsAddress reports whether an address stays as it is: that of no host always does.
func (r *replacer) keepsAddress(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.IsUnspecified() {
		return true
	}
	return r.rules.KeepPrivate && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() ||
		addr.IsLinkLocalMulticast() || addr.IsInterfaceLocalMulticast())
}

// address4 enciphers an address, again while that is one that would have stayed as it is: so no two become the same.
func (r *replacer) address4(addr netip.Addr) netip.Addr {
	for {
		b := addr.As4()
		left, right := binary.BigEndian.Uint16(b[:]), binary.BigEndian.Uint16(b[2:])
		for round := range byte(8) { // a Feistel network
			var in [3]byte
			in[0] = round
			binary.BigEndian.PutUint16(in[1:], right)
			left, right = right, left^binary.BigEndian.Uint16(r.sum("ipv4", string(in[:])))
		}
		binary.BigEndian.PutUint16(b[:], left)
		binary.BigEndian.PutUint16(b[2:], right)
		if addr = netip.AddrFrom4(b); !r.keepsAddress(addr) && !r.rules.keeps(addr.String()) {
			return addr
		}
	}
}
