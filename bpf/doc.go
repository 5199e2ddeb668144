// SPDX-License-Identifier: Apache-2.0

// Package bpf is the part of a recording that needs privileges: it chooses for each event family the best mechanism
// that the running kernel has, loads and attaches the BPF programs, and reads their rings.
//
// events.h is the schema, and nothing of it is repeated in Go: [Layouts] returns tables and columns generated from the
// BTF of the compiled objects, and [Layout.Gather] copies columns out of records at the offsets found there.
package bpf

//go:generate go tool bpf2go -no-global-types -go-package bpf -target amd64,arm64 -cc clang -strip llvm-strip -cflags "-O2 -g -mcpu=v3 -Wall -Werror" fletch fletch.bpf.c
