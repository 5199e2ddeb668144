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

// wakeupFraction sets the wake-up mark of a ring: the recorder is woken up when 1/wakeupFraction of it is full. The
// rest has to last until the recorder runs.
const wakeupFraction = 4

// The sets of rare rings: enum rare_set of rings.h.
const (
	rareEvents = iota
	rareCheap
	rareAnnounced
	rareSets
)

// RareRings is how many rings each CPU has for announcements, and for the events that any user can make fast.
const RareRings = rareSets - 1

// ringSizes are the sizes of one CPU's rings, in bytes. Each is a power of two and a multiple of the page size.
type ringSizes struct {
	call              [len(callTables)]int // call rings, in the order of callTables
	bulk, event, rare int                  // BPF ring buffers; there are RareRings of size rare
}

// ringSizes divides opt.RingSize among the bulk tables that are recorded. Rings that are not used have one page.
func (s *Session) ringSizes(opt Options) ringSizes {
	page := os.Getpagesize()
	sizes := ringSizes{
		bulk: page, event: cmp.Or(opt.EventRingSize, EventRingSize), rare: cmp.Or(opt.RareRingSize, RareRingSize),
	}
	inCallRings, others := bulkTables(s.Probes)
	share := opt.RingSize >> bits.Len(uint(max(len(inCallRings)+others, 1)-1))
	if others > 0 {
		sizes.bulk = max(share<<bits.Len(uint(others-1)), page)
	}
	for i, table := range callTables {
		sizes.call[i] = page
		if slices.Contains(inCallRings, table) {
			sizes.call[i] = max(share, page)
		}
	}
	return sizes
}

// bulkTables returns the recorded bulk tables that go through call rings, and the number of the others.
func bulkTables(probes []format.Probe) (inCallRings []string, others int) {
	for _, p := range probes {
		if p.Mechanism == "" {
			continue
		}
		byCalls := slices.Contains(mechanismOf(p.Family, p.Mechanism).programs, callPrograms[0])
		for _, table := range schema.TablesOf(p.Family) {
			switch {
			case !schema.Of(table).Bulk:
			case byCalls && slices.Contains(callTables[:], table):
				inCallRings = append(inCallRings, table)
			default:
				others++
			}
		}
	}
	return inCallRings, others
}

// makeRings creates and maps the rings and the counters.
func (s *Session) makeRings(spec *ebpf.CollectionSpec, sizes ringSizes) (err error) {
	if s.cpus, err = newCPUMap(s.coll.Maps["cpus"], spec.Types, s.CPUs); err != nil {
		return err
	}
	m := s.coll.Maps["call_rings"]
	if s.callMem, s.callRings, err = mapCallRings(m, s.cpus, s.CPUs, sizes.call, s.layouts); err != nil {
		return err
	}
	if s.wakeupFD, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("watching the rings: %w", err)
	}
	for _, set := range []struct {
		name  string
		index int // in the map, as enum rare_set
		size  int
	}{
		{"rare", rareAnnounced, sizes.rare}, {"rare", rareEvents, sizes.event}, {"rare", rareCheap, sizes.rare},
		{"bulk", 0, sizes.bulk},
	} {
		for cpu := range s.CPUs {
			r, err := newRing(spec.Maps[set.name].InnerMap, cpu, set.size)
			if err != nil {
				return err
			}
			s.rings = append(s.rings, r)
			if set.name == "rare" && set.index == rareEvents {
				event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
				if err := unix.EpollCtl(s.wakeupFD, unix.EPOLL_CTL_ADD, r.m.FD(), &event); err != nil {
					return fmt.Errorf("watching the rings: %w", err)
				}
			}
			if err := s.coll.Maps[set.name].Put(uint32(set.index*s.CPUs+cpu), r.m); err != nil {
				return fmt.Errorf("setting the ring of cpu %d: %w", cpu, err)
			}
		}
	}
	return nil
}
