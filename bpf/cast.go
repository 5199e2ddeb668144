// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// setCasts tells the programs whether they may load from an address by bpf_rdonly_cast. Where they may not it takes the calls out:
// an interpreter refuses a program with such a call even if it cannot be reached, and each would be looked for in the types of
// every module of the kernel.
func setCasts(spec *ebpf.CollectionSpec, kernel *btf.Spec) error {
	if canCast(kernel) {
		if err := spec.Variables["can_cast"].Set(true); err != nil {
			return fmt.Errorf("setting can_cast: %w", err)
		}
		return nil
	}
	for _, p := range spec.Programs {
		withoutCasts(p.Instructions)
	}
	return nil
}

// canCast is a variable for tests.
var canCast = func(kernel *btf.Spec) bool {
	var cast *btf.Func
	return kernel.TypeByName("bpf_rdonly_cast", &cast) == nil && compiles()
}

// withoutCasts puts something as long into the place of each call.
func withoutCasts(instructions asm.Instructions) {
	for i := range instructions {
		if ins := &instructions[i]; ins.IsKfuncCall() {
			*ins = asm.Mov.Imm(asm.R0, 0).WithSource(ins.Source())
		}
	}
}

// compiles says whether the kernel compiles programs. Without the file it does so always.
func compiles() bool {
	setting, err := os.ReadFile("/proc/sys/net/core/bpf_jit_enable")
	return err != nil || string(setting) != "0\n"
}
