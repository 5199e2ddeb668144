// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// cpuMap is the map `cpus` of rings.h, mapped into memory: the counters and the call ring positions of each CPU.
type cpuMap struct {
	mem  []byte
	size uintptr // bytes of one CPU's struct cpu
	// Offsets of the members of struct cpu, in bytes. Each is an array of u64.
	head, tail, emitted, lost uintptr
}

func newCPUMap(m *ebpf.Map, types *btf.Spec, cpus int) (*cpuMap, error) {
	c := &cpuMap{size: uintptr(m.ValueSize())}
	var s *btf.Struct
	if err := types.TypeByName("cpu", &s); err != nil {
		return nil, fmt.Errorf("reading struct cpu: %w", err)
	}
	offsets := map[string]*uintptr{"head": &c.head, "tail": &c.tail, "emitted": &c.emitted, "lost": &c.lost}
	for _, member := range s.Members {
		if offset := offsets[member.Name]; offset != nil {
			*offset = uintptr(member.Offset.Bytes())
		}
	}
	page := os.Getpagesize()
	size := (int(c.size)*cpus + page - 1) &^ (page - 1)
	var err error
	c.mem, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the counters: %w", err)
	}
	return c, nil
}

// word returns the u64 at an offset in a CPU's struct cpu.
func (c *cpuMap) word(cpu int, offset uintptr) *uint64 {
	return (*uint64)(unsafe.Pointer(&c.mem[uintptr(cpu)*c.size+offset]))
}

// addEmitted counts records that no program has counted.
func (c *cpuMap) addEmitted(kind uint32, n int) {
	atomic.AddUint64(c.word(0, c.emitted+8*uintptr(kind)), uint64(n))
}

func (c *cpuMap) close() {
	if c != nil {
		unix.Munmap(c.mem)
	}
}

// Counts are how many records of one table the programs wrote (Emitted) and could not write (Lost) on one CPU since the
// start.
type Counts struct{ Emitted, Lost uint64 }

// Counts returns the counters of the table with this kind on one CPU.
func (s *Session) Counts(kind uint32, cpu int) Counts {
	index := 8 * uintptr(kind)
	return Counts{
		Emitted: atomic.LoadUint64(s.cpus.word(cpu, s.cpus.emitted+index)),
		Lost:    atomic.LoadUint64(s.cpus.word(cpu, s.cpus.lost+index)),
	}
}

// Missed returns how often the kernel skipped a program of the family because the same program was already running on
// that CPU. The programs could not count these events themselves.
func (s *Session) Missed(family string) (uint64, error) {
	var sum uint64
	for _, p := range s.Probes {
		if p.Family != family || p.Mechanism == "" {
			continue
		}
		for _, name := range mechanismOf(p.Family, p.Mechanism).programs {
			if isIterator[name] {
				continue
			}
			n, err := recursionMisses(s.fdinfo[name])
			if err != nil {
				return sum, fmt.Errorf("reading the statistics of %s: %w", name, err)
			}
			sum += n
		}
	}
	return sum, nil
}

// recursionMisses reads the current count of misses from a program's fdinfo (kernel/bpf/syscall.c,
// bpf_prog_show_fdinfo).
func recursionMisses(fdinfo *os.File) (uint64, error) {
	if _, err := fdinfo.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	text, err := io.ReadAll(fdinfo)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "recursion_misses:"); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no recursion_misses", fdinfo.Name())
}
