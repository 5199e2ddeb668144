// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"os"
	"testing"

	"github.com/cilium/ebpf/btf"
)

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

// The kernel and the list of its symbols say the same. Kernels that list no symbols of data say 0 for rename_lock.
func TestLookUpSymbol(t *testing.T) {
	symbols, err := os.ReadFile("/proc/kallsyms")
	if ok, _ := privileged(); !ok || err != nil || addressOf(symbols, "_text") == 0 {
		t.Skip("the kernel does not tell addresses here")
	}
	l := &loader{types: btf.NewCache()}
	for _, name := range []string{"_text", "rename_lock", "vfs_read", "no_such_symbol_", "bpf_rdonly_cast"} {
		got, err := lookUpSymbol(l, name)
		if want := addressOf(symbols, name); err != nil || got != want {
			t.Errorf("%s is at %#x, want %#x; error: %v", name, got, want, err)
		}
	}
}
