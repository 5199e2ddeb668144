// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// kernelSymbol returns the address of a symbol of the kernel. It is 0 if the kernel does not tell it: it shows symbols
// of data only if it has CONFIG_KALLSYMS_ALL, and addresses only with privileges.
func kernelSymbol(l *loader, name string) uint64 {
	if address, err := lookUpSymbol(l, name); err == nil {
		return address
	}
	symbols, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return 0
	}
	return addressOf(symbols, name)
}

// addressOf finds a symbol among lines such as "ffffffff81000000 T startup_64"; those of modules have a fourth field.
func addressOf(symbols []byte, name string) uint64 {
	end := bytes.Index(symbols, []byte(" "+name+"\n"))
	if end < 0 {
		return 0
	}
	line := symbols[bytes.LastIndexByte(symbols[:end], '\n')+1 : end]
	address, _, _ := bytes.Cut(line, []byte(" "))
	n, err := strconv.ParseUint(string(address), 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// lookUpSymbol is kernelSymbol by a program, since Linux 5.16. Reading the list of all symbols takes a hundred times as
// long. The error is that of a kernel that does not take the program.
func lookUpSymbol(l *loader, name string) (address uint64, err error) {
	text := append([]byte(name), make([]byte, 8-len(name)%8)...) // with a NUL at least
	at := -int16(len(text))
	ins := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	for i := range len(text) / 8 {
		word := binary.NativeEndian.Uint64(text[8*i:])
		ins = append(ins, asm.LoadImm(asm.R1, int64(word), asm.DWord),
			asm.StoreMem(asm.RFP, at+int16(8*i), asm.R1, asm.DWord))
	}
	ins = append(ins,
		asm.Mov.Imm(asm.R1, 0), asm.StoreMem(asm.RFP, at-8, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, int32(at)),
		asm.Mov.Imm(asm.R2, int32(len(name)+1)),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Reg(asm.R4, asm.RFP), asm.Add.Imm(asm.R4, int32(at-8)),
		asm.FnKallsymsLookupName.Call(),
		asm.LoadMem(asm.R1, asm.RFP, at-8, asm.DWord),
		asm.StoreMem(asm.R6, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return())
	prog, err := l.loadProgram(&ebpf.ProgramSpec{
		Name: "find_symbol", Type: ebpf.Syscall, Flags: unix.BPF_F_SLEEPABLE, License: "GPL", Instructions: ins,
	})
	if err != nil {
		return 0, err
	}
	defer prog.Close()
	_, err = prog.Run(&ebpf.RunOptions{Context: uint64(0), ContextOut: &address})
	return address, err
}
