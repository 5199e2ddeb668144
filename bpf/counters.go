// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// Counts are what the programs counted for one table on one CPU since the start.
type Counts struct{ Emitted, Lost uint64 }

// Counts reads the counters of one table on one CPU.
func (s *Session) Counts(kind uint32, cpu int) Counts {
	at := 8 * uintptr(kind)
	return Counts{Emitted: atomic.LoadUint64(s.cpus.word(cpu, s.cpus.emitted+at)), Lost: atomic.LoadUint64(s.cpus.word(cpu, s.cpus.lost+at))}
}

// Missed is how often the kernel skipped a program of the family because the same program was already running
// on that CPU: events that no counter of ours saw.
func (s *Session) Missed(family string) (uint64, error) {
	var sum uint64
	for _, p := range s.Probes {
		if p.Family != family || p.Mechanism == "" {
			continue
		}
		for _, name := range mechanismOf(p.Family, p.Mechanism).programs {
			n, err := recursionMisses(s.missed[name])
			if err != nil {
				return sum, fmt.Errorf("reading the statistics of %s: %w", name, err)
			}
			sum += n
		}
	}
	return sum, nil
}

// recursionMisses reads the counter out of a program's fdinfo (kernel/bpf/syscall.c, bpf_prog_show_fdinfo), as it is now.
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
