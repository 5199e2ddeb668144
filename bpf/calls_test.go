// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// The tables of calls.h, which are indexed by ABI and number: 512 native numbers, those of x32 only, as many of the
// 32-bit ABI from 1024 on, and arm's private ones.
func TestArguments(t *testing.T) {
	const (
		compat, x32 = 0x20000000, 0x40000000
		private     = 0xf0000
	)
	for object, arch := range map[string]string{"fletch_x86_bpfel.o": "x86_64", "fletch_arm64_bpfel.o": "aarch64"} {
		spec, err := ebpf.LoadCollectionSpec(object)
		if err != nil {
			t.Fatal(err)
		}
		var arity [2048]uint8
		if err := spec.Variables["arity"].Get(&arity); err != nil {
			t.Fatal(err)
		}
		calls, err := syscalls.ForArch(arch)
		if err != nil {
			t.Fatal(err)
		}
		known := 0
		check := func(index, nr int) {
			if got, want := int(arity[index]), calls.Arity(int32(nr)); got != want {
				t.Errorf("%s: %d arguments of %s, want %d", arch, got, calls.Name(int32(nr)), want)
			} else if want < 6 {
				known++
			}
		}
		for nr := range 512 {
			check(nr, nr)
			check(1024+nr, compat|nr)
			if arch == "x86_64" {
				check(512+nr, x32|512+nr)
			} else {
				check(1536+nr, compat|private+nr)
			}
		}
		if known < 700 {
			t.Errorf("%s: only %d calls have fewer than six arguments", arch, known)
		}
	}
}
