// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// withPrograms returns a copy of the spec with only the named programs.
func withPrograms(spec *ebpf.CollectionSpec, programs []string) *ebpf.CollectionSpec {
	part := *spec
	part.Programs = maps.Clone(spec.Programs)
	maps.DeleteFunc(part.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return !slices.Contains(programs, name) })
	return part.Copy()
}

// setVariables sets constants of the programs: the switches to true, the others to their values.
func setVariables(spec *ebpf.CollectionSpec, switches []string, values map[string]any) error {
	for _, name := range switches {
		values[name] = true
	}
	for name, value := range values {
		v := spec.Variables[name]
		if v == nil {
			return fmt.Errorf("setting %s: no such variable", name)
		}
		if err := v.Set(value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// attach attaches all programs, and returns the links by program. With an error it returns those that were attached
// before. The link of an iterator has still to be opened.
func attach(spec *ebpf.CollectionSpec, coll *ebpf.Collection) (links map[string]link.Link, err error) {
	links = make(map[string]link.Link)
	for _, name := range slices.Sorted(maps.Keys(coll.Programs)) {
		l, err := attachOne(spec.Programs[name], coll.Programs[name], coll.Maps)
		if err != nil {
			return links, fmt.Errorf("attaching %s: %w", name, err)
		}
		links[name] = l
	}
	return links, nil
}

// attachOne attaches a program. maps are those that it was loaded with.
func attachOne(spec *ebpf.ProgramSpec, prog *ebpf.Program, maps map[string]*ebpf.Map) (link.Link, error) {
	switch {
	case spec.Name == "processes_leaving":
		return link.AttachIter(link.IterOptions{Program: prog, Map: maps["leaving"]})
	case isIterator[spec.Name]:
		return link.AttachIter(link.IterOptions{Program: prog})
	case spec.Type == ebpf.Tracing:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case spec.Type == ebpf.LSM:
		return link.AttachLSM(link.LSMOptions{Program: prog})
	case spec.Type == ebpf.Kprobe && !hasKprobes():
		return nil, errNoKprobes
	case strings.HasPrefix(spec.SectionName, "kretprobe/"):
		return link.Kretprobe(spec.AttachTo, prog, nil)
	case spec.Type == ebpf.Kprobe:
		return link.Kprobe(spec.AttachTo, prog, nil)
	}
	return nil, fmt.Errorf("no way to attach a %v program", spec.Type)
}

var errNoKprobes = errors.New("this kernel has no kprobes")

func hasKprobes() bool {
	_, err := os.Stat("/sys/bus/event_source/devices/kprobe")
	return err == nil
}

func closeLinks(links map[string]link.Link) {
	for _, l := range links {
		l.Close()
	}
}
