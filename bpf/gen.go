// SPDX-License-Identifier: Apache-2.0

package bpf

//go:generate go tool bpf2go -no-global-types -go-package bpf -target amd64,arm64 -cc clang -strip llvm-strip -cflags "-O2 -g -mcpu=v3 -Wall -Werror" fletch fletch.bpf.c
