//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// attachEmpty attaches a program that does nothing to the entry and to the exit of every system call: the least cost
// that tracing with BPF can have. detach removes both.
func attachEmpty() (detach func(), err error) {
	var undo []func()
	detach = func() {
		for _, f := range undo {
			f()
		}
	}
	for _, hook := range []string{"sys_enter", "sys_exit"} {
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "empty", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: hook,
			License:      "Dual BSD/GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		})
		if err != nil {
			detach()
			return nil, fmt.Errorf("loading an empty program for %s: %w", hook, err)
		}
		undo = append(undo, func() { p.Close() })
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			detach()
			return nil, fmt.Errorf("attaching an empty program to %s: %w", hook, err)
		}
		undo = append(undo, func() { l.Close() })
	}
	return detach, nil
}

// waitAlone waits, while patience lasts, until no other BPF programs are attached to raw tracepoints, and returns how
// many there still are.
func (b *bench) waitAlone(ctx context.Context) (n int) {
	for {
		if n = attachedPrograms(); n == 0 || ctx.Err() != nil || !b.spendPatience(50*time.Millisecond) {
			return n
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func attachedPrograms() (n int) {
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		info, err := it.Link.Info()
		if err != nil {
			continue
		}
		if t := info.Tracing(); t != nil && ebpf.AttachType(t.AttachType) == ebpf.AttachTraceRawTp {
			n++
		}
	}
	return n
}
