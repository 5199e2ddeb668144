// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"os"
	"strconv"
)

// kernelSymbol returns the address of a symbol of the kernel. It is 0 if the kernel does not tell it: it shows symbols
// of data only if it has CONFIG_KALLSYMS_ALL, and addresses only with privileges.
func kernelSymbol(name string) uint64 {
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
