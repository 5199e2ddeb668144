// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/internal/schema"
)

// Of the name of a socket the addresses are replaced as addresses, and the path of a unix socket as a path: as in the
// columns of their own.
func TestNamesOfSockets(t *testing.T) {
	key := []byte("0123456789abcdef")
	both := newReplacer(&Rules{Paths: true, Addresses: true, Key: key})
	v4, v6 := both.text(schema.Addresses, []byte("10.1.2.3")), both.text(schema.Addresses, []byte("fe80::7"))
	path := both.text(schema.Addresses, []byte("/run/secret"))
	abstract := strings.TrimPrefix(both.text(schema.Paths, []byte("secret")), "@")
	for _, c := range []struct{ name, paths, addresses string }{
		{"TCP:[10.1.2.3:443]", "", "TCP:[" + v4 + ":443]"},
		{"TCP:[0.0.0.0:80->10.1.2.3:443]", "", "TCP:[0.0.0.0:80->" + v4 + ":443]"},
		{"UDPv6:[[fe80::7]:53->[fe80::7]:99]", "", "UDPv6:[[" + v6 + "]:53->[" + v6 + "]:99]"},
		{`UNIX-STREAM:[17->18,"/run/secret"]`, `UNIX-STREAM:[17->18,"` + path + `"]`, ""},
		{`UNIX:[17,@"secret"]`, `UNIX:[17,@"` + abstract + `"]`, ""},
		{"UNIX-STREAM:[17->18]", "", ""},
		{"NETLINK:[ROUTE:1234]", "", ""},
		{"L2TP/IPv6:[1234]", "", ""},
	} {
		for _, rules := range []Rules{{Paths: true}, {Addresses: true}, {Paths: true, Addresses: true}} {
			want := c.name
			if rules.Paths && c.paths != "" {
				want = c.paths
			}
			if rules.Addresses && c.addresses != "" {
				want = c.addresses
			}
			rules.Key = key
			if got := newReplacer(&rules).text(schema.Paths, []byte(c.name)); got != want {
				t.Errorf("%+v: %s becomes %s, want %s", rules, c.name, got, want)
			}
		}
	}
	only := newReplacer(&Rules{Paths: true, Key: key})
	if got := only.text(schema.Addresses, []byte("/run/secret")); got != path {
		t.Errorf("the address of a unix socket becomes %s, want %s", got, path)
	}
}
