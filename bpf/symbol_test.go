// SPDX-License-Identifier: Apache-2.0

package bpf

import "testing"

func TestAddressOf(t *testing.T) {
	const symbols = "ffffffff81000000 T startup_64\n0000000000000010 d not_rename_lock\n" +
		"ffffffff82a07e40 D rename_lock\nffffffffc0a00000 d rename_lock\t[module]\nffffffff82a07e80 D rename_lock_too\n"
	for name, want := range map[string]uint64{
		"rename_lock": 0xffffffff82a07e40, "startup_64": 0xffffffff81000000, "lock": 0, "rename_loc": 0,
	} {
		if got := addressOf([]byte(symbols), name); got != want {
			t.Errorf("%s is at %#x, want %#x", name, got, want)
		}
	}
	if got := addressOf([]byte("0000000000000000 D rename_lock\n"), "rename_lock"); got != 0 {
		t.Errorf("a hidden address is %#x", got)
	}
}
