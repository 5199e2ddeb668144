// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"net/netip"
	"testing"

	"github.com/fletch-trace/fletch/internal/schema"
)

func TestAddressesStayDifferent(t *testing.T) {
	rules := everything
	rules.KeepPrivate = true
	r := newReplacer(&rules)
	seen := map[string]string{}
	for i := range 20_000 {
		from := netip.AddrFrom4([4]byte{byte(9 + i>>14), byte(i >> 10), byte(i >> 5), byte(i)}).String()
		to := r.text(schema.Addresses, []byte(from))
		if from != to && r.keepsAddress(netip.MustParseAddr(to)) {
			t.Fatalf("%s becomes %s, as which another one stays", from, to)
		}
		if before, ok := seen[to]; ok && before != from {
			t.Fatalf("%s and %s both become %s", before, from, to)
		}
		seen[to] = from
	}
}

func TestAddressesKeepTheirFamily(t *testing.T) {
	r := newReplacer(&everything)
	for _, from := range []string{"192.0.2.1", "127.0.0.1", "2001:4860::1", "::1", "fe80::1", "::ffff:192.0.2.1"} {
		to := r.text(schema.Addresses, []byte(from))
		was, is := netip.MustParseAddr(from), netip.MustParseAddr(to)
		if from == to || was.Is4() != is.Is4() || was.Is4In6() != is.Is4In6() {
			t.Errorf("%s becomes %s", from, to)
		}
		if was.Is6() && !was.Is4In6() && !tokens6.Contains(is) {
			t.Errorf("%s becomes %s, which may be somebody's", from, to)
		}
	}
	if r.address("::ffff:192.0.2.1") != "::ffff:"+r.address("192.0.2.1") {
		t.Error("a mapped address has another token")
	}
	private := everything
	private.KeepPrivate = true
	for from, kept := range map[string]bool{
		"0.0.0.0": true, "::": true, "127.0.0.1": true, "10.1.2.3": true, "192.168.0.1": true, "172.16.0.1": true,
		"169.254.0.1": true, "::1": true, "fe80::1": true, "fd00::1": true, "8.8.8.8": false, "2001:4860::1": false,
	} {
		if got := newReplacer(&private).text(schema.Addresses, []byte(from)) == from; got != kept {
			t.Errorf("with private ones kept, %s stays: %v", from, got)
		}
	}
}

// Only the kernel's spelling of an address is one: two texts never become the same.
func TestSpellingsOfAddressesStayDifferent(t *testing.T) {
	r, made := newReplacer(&everything), map[string]string{}
	for _, text := range []string{
		"a::", "a:0::", "A::", "000a::", "a:0:0:0:0:0:0:0", "::ffff:192.0.2.1", "::ffff:c000:201", "::FFFF:192.0.2.1",
		"192.0.2.1", "1::102:304", "1::1.2.3.4",
	} {
		to := r.text(schema.Addresses, []byte(text))
		if other, ok := made[to]; ok {
			t.Errorf("%q and %q become %q", text, other, to)
		}
		made[to] = text
	}
}

func FuzzText(f *testing.F) {
	for _, text := range []string{"", "127.0.0.1", "fe80::1%eth0", "/a/../b (deleted)", "…/x…", "a\xff", "pipe:[1]"} {
		f.Add([]byte(text), byte(schema.Paths))
	}
	r, check := newReplacer(&everything), newPairs()
	f.Fuzz(func(t *testing.T, text []byte, content byte) {
		c := schema.Names + schema.Content(content)%4
		made := r.text(c, text)
		if len(made) > 16*len(text)+64 || !check.pair(c, text, []byte(made)) {
			t.Errorf("%q becomes %q", text, made)
		}
	})
}
