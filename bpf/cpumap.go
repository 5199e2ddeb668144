// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// cpuMap is the map `cpus` of rings.h, mapped: for each CPU its counters, and how far its own rings are written and read.
type cpuMap struct {
	mem                       []byte
	size                      uintptr // bytes of one CPU's
	head, tail, emitted, lost uintptr // where in them; each is an array
}

func newCPUMap(m *ebpf.Map, types *btf.Spec, cpus int) (*cpuMap, error) {
	c := &cpuMap{size: uintptr(m.ValueSize())}
	var s *btf.Struct
	if err := types.TypeByName("cpu", &s); err != nil {
		return nil, fmt.Errorf("reading struct cpu: %w", err)
	}
	offsets := map[string]*uintptr{"head": &c.head, "tail": &c.tail, "emitted": &c.emitted, "lost": &c.lost}
	for _, member := range s.Members {
		if at := offsets[member.Name]; at != nil {
			*at = uintptr(member.Offset.Bytes())
		}
	}
	page := os.Getpagesize()
	var err error
	c.mem, err = unix.Mmap(m.FD(), 0, (int(c.size)*cpus+page-1)&^(page-1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the counters: %w", err)
	}
	return c, nil
}

func (c *cpuMap) word(cpu int, offset uintptr) *uint64 {
	return (*uint64)(unsafe.Pointer(&c.mem[uintptr(cpu)*c.size+offset]))
}

func (c *cpuMap) close() {
	if c != nil {
		unix.Munmap(c.mem)
	}
}
