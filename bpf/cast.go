// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// setCasts sets can_cast, by which the programs use bpf_rdonly_cast. On a kernel without it, it removes the calls: the
// BPF interpreter refuses programs with such a call even if it is unreachable, and the loader would search the types of
// all kernel modules for the function.
func setCasts(spec *ebpf.CollectionSpec, kernel *btf.Spec) error {
	if canCast(kernel) {
		if err := spec.Variables["can_cast"].Set(true); err != nil {
			return fmt.Errorf("setting can_cast: %w", err)
		}
		return nil
	}
	for _, p := range spec.Programs {
		removeCasts(p.Instructions)
	}
	return nil
}

// canCast reports whether the kernel has bpf_rdonly_cast and its JIT compiler is on. Tests replace it.
var canCast = func(kernel *btf.Spec) bool {
	var cast *btf.Func
	return kernel.TypeByName("bpf_rdonly_cast", &cast) == nil && jitEnabled()
}

// removeCasts replaces each call of bpf_rdonly_cast by another instruction of the same length.
func removeCasts(instructions asm.Instructions) {
	for i := range instructions {
		if ins := &instructions[i]; ins.IsKfuncCall() {
			*ins = asm.Mov.Imm(asm.R0, 0).WithSource(ins.Source())
		}
	}
}

// jitEnabled reports whether the kernel compiles BPF programs. Without the file it always does.
func jitEnabled() bool {
	setting, err := os.ReadFile("/proc/sys/net/core/bpf_jit_enable")
	return err != nil || string(setting) != "0\n"
}
