// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/fletch-trace/fletch/format"
)

// A family is a kind of event a user asks for, with the ways to get it, best first.
type family struct {
	name       string
	tables     []string // the tables its programs fill
	bulk       string   // the one of them that goes through the bulk rings; "" if none
	mechanisms []mechanism
}

// A mechanism is a set of programs, of which all must load and attach.
type mechanism struct {
	name     string
	programs []string
}

// families is the one list of them. A new family is a line here, its struct in events.h and its probe file.
var families = []family{
	{"process", []string{"process"}, "", []mechanism{{"tp_btf", []string{"process_exit"}}}},
	{"syscall", []string{"syscall", "pending"}, "syscall", []mechanism{{"tp_btf", []string{"syscall_enter", "syscall_exit", "syscall_death"}}}},
}

// identity are the programs every recording needs: they keep task ids and what is followed.
var identity = mechanism{"tp_btf", []string{"process_rename", "process_fork", "process_exec", "snapshot_begin", "snapshot_pending"}}

// Families are the names a user may ask for.
func Families() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// ErrRefused: the kernel allows no mechanism of a family that was asked for.
var ErrRefused = errors.New("no mechanism works on this kernel")

// best is what choose gives where nothing is refused.
func best(names []string) []format.Probe {
	var probes []format.Probe
	for _, f := range families {
		if slices.Contains(names, f.name) {
			probes = append(probes, format.Probe{Family: f.name, Mechanism: f.mechanisms[0].name, Refused: []format.Refusal{}})
		}
	}
	return probes
}

// choose tries the mechanisms of each family on the running kernel, best first, and says which one works and
// why the better ones do not. The error is for what no recording can do without.
func choose(spec *ebpf.CollectionSpec, names []string) ([]format.Probe, error) {
	if err := try(spec, identity); err != nil {
		return nil, err
	}
	var probes []format.Probe
	for _, f := range families {
		if !slices.Contains(names, f.name) {
			continue
		}
		p := format.Probe{Family: f.name, Refused: []format.Refusal{}}
		for _, m := range f.mechanisms {
			err := try(spec, m)
			if err == nil {
				p.Mechanism = m.name
				break
			}
			p.Refused = append(p.Refused, format.Refusal{Mechanism: m.name, Reason: reason(err)})
		}
		probes = append(probes, p)
	}
	return probes, nil
}

// try loads and attaches the programs of a mechanism, with rings of one page, and takes them away again.
func try(spec *ebpf.CollectionSpec, m mechanism) error {
	spec = only(spec, m.programs)
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	defer coll.Close()
	links, err := attach(coll, m.programs)
	for _, l := range links {
		l.Close()
	}
	return err
}

// only is a copy of the spec with no other programs than those named.
func only(spec *ebpf.CollectionSpec, programs []string) *ebpf.CollectionSpec {
	spec = spec.Copy()
	for name := range spec.Programs {
		if !slices.Contains(programs, name) {
			delete(spec.Programs, name)
		}
	}
	return spec
}

// reason is a verifier's or kernel's refusal in one line.
func reason(err error) string {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) && len(ve.Log) > 0 {
		return fmt.Sprintf("%v: %s", ve.Cause, strings.TrimSpace(ve.Log[len(ve.Log)-1]))
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func mechanismOf(familyName, name string) mechanism {
	for _, f := range families {
		if f.name != familyName {
			continue
		}
		for _, m := range f.mechanisms {
			if m.name == name {
				return m
			}
		}
	}
	return mechanism{}
}

// TablesOf are the tables that a family's programs fill.
func TablesOf(name string) []string {
	for _, f := range families {
		if f.name == name {
			return f.tables
		}
	}
	return nil
}

func isBulk(table string) bool {
	return slices.ContainsFunc(families, func(f family) bool { return f.bulk == table })
}
