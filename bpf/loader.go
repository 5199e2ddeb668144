// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// A loader loads programs into the kernel. It decodes the types of the kernel once for all of them, which takes as much
// CPU time as loading a few programs.
type loader struct {
	spec  *ebpf.CollectionSpec // all programs
	types *btf.Cache           // of the kernel
}

// load loads the programs and maps of a part of the spec.
func (l *loader) load(part *ebpf.CollectionSpec) (*ebpf.Collection, error) {
	return ebpf.NewCollectionWithOptions(part, ebpf.CollectionOptions{Cache: l.types})
}

// loadProgram loads a program that uses no maps.
func (l *loader) loadProgram(p *ebpf.ProgramSpec) (*ebpf.Program, error) {
	coll, err := l.load(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{p.Name: p}})
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the name of the program
		}
		return nil, err
	}
	defer coll.Close()
	prog := coll.DetachProgram(p.Name)
	if prog == nil {
		return nil, fmt.Errorf("loading %s: no such program", p.Name)
	}
	return prog, nil
}

// dropLines removes the source lines of programs, which only the verifier's messages show: to encode and check them
// takes a twentieth of a start. The kernel wants those of the first instruction of each function.
func dropLines(programs map[string]*ebpf.ProgramSpec) {
	for _, p := range programs {
		for i := range p.Instructions {
			if ins := &p.Instructions[i]; ins.Source() != nil && ins.Symbol() == "" {
				*ins = ins.WithSource(nil)
			}
		}
	}
}
