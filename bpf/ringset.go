// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"fmt"
	"math/bits"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"golang.org/x/sys/unix"
)

// wakeAt is the part of a ring that is its mark: one in so many bytes. The rest lasts until the recorder runs.
const wakeAt = 4

// ringSizes are the bytes of one CPU's rings.
type ringSizes struct {
	own        [len(ownTables)]int // of ownTables
	bulk, rare int                 // of the programs that may be preempted
}

// ringSizes divides the bytes that a CPU has for bulk tables among those that are recorded. The rest have as little as a ring
// can. Each size is a power of two.
func (s *Session) ringSizes(opt Options) ringSizes {
	page := os.Getpagesize()
	sizes := ringSizes{bulk: page, rare: cmp.Or(opt.RareRingSize, RareRingSize)}
	own, others := ownAndOthers(s.Probes)
	share := opt.RingSize >> bits.Len(uint(max(len(own)+others, 1)-1))
	if others > 0 {
		sizes.bulk = max(share<<bits.Len(uint(others-1)), page)
	}
	for i, table := range ownTables {
		sizes.own[i] = page
		if slices.Contains(own, table) {
			sizes.own[i] = max(share, page)
		}
	}
	return sizes
}

// ownAndOthers are the bulk tables that are recorded: those with rings of their own, and how many others there are.
func ownAndOthers(probes []format.Probe) (own []string, others int) {
	for _, p := range probes {
		if p.Mechanism == "" {
			continue
		}
		byCalls := slices.Contains(mechanismOf(p.Family, p.Mechanism).programs, calls[0])
		for _, table := range schema.TablesOf(p.Family) {
			switch {
			case !schema.Of(table).Bulk:
			case byCalls && slices.Contains(ownTables[:], table):
				own = append(own, table)
			default:
				others++
			}
		}
	}
	return own, others
}

// makeRings makes the rings and maps them, and the counters.
func (s *Session) makeRings(spec *ebpf.CollectionSpec, sizes ringSizes) (err error) {
	if s.cpus, err = newCPUMap(s.coll.Maps["cpus"], spec.Types, s.CPUs); err != nil {
		return err
	}
	if s.ownMem, s.own, err = mapOwn(s.coll.Maps["calls"], s.cpus, s.CPUs, sizes.own, s.layouts); err != nil {
		return err
	}
	if s.woken, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("watching the rings: %w", err)
	}
	for _, set := range []struct {
		name string
		size int
	}{{"rare", sizes.rare}, {"bulk", sizes.bulk}} {
		for cpu := range s.CPUs {
			r, err := newRing(spec.Maps[set.name].InnerMap, cpu, set.size)
			if err != nil {
				return err
			}
			s.rings = append(s.rings, r)
			if set.name == "rare" {
				event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
				if err := unix.EpollCtl(s.woken, unix.EPOLL_CTL_ADD, r.m.FD(), &event); err != nil {
					return fmt.Errorf("watching the rings: %w", err)
				}
			}
			if err := s.coll.Maps[set.name].Put(uint32(cpu), r.m); err != nil {
				return fmt.Errorf("giving cpu %d its ring: %w", cpu, err)
			}
		}
	}
	return nil
}
