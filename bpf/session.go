// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/fletch-trace/fletch/format"
)

var (
	// ErrNoBTF: the kernel does not describe its own types.
	ErrNoBTF = errors.New("this kernel has no BTF")
	// ErrPrivilege: the process may not load BPF programs.
	ErrPrivilege = errors.New("not permitted to load BPF programs: CAP_BPF and CAP_PERFMON are needed")
)

// Options say what a session records.
type Options struct {
	Families []string // names out of schema.Families()
	PIDs     []int    // only these processes and what they start
	Command  bool     // only the process that is forked after ArmCommand, and what it starts
	Comm     string   // only tasks of this name
	RingSize int      // bytes of each bulk ring; a power of two, multiple of the page size
	// RareRingSize is the same of the rings of the rare families; 0 is RareRingSize.
	RareRingSize int
	Arities      []uint8 // arguments of each native system call, by number
	// Mechanisms forces a mechanism on a family, both by name: that one is tried and no other.
	Mechanisms map[string]string
}

// RareRingSize is enough for a thousand processes started within a sweep.
const RareRingSize = 1 << 20

// A Session is a set of attached programs and their rings. Once it is open it takes no privilege: bpf(2), which on some
// kernels is refused whoever has no CAP_BPF, is not called any more. What the programs look at while they run
// (Variables) is written through a mapping; iterators, and what tells of events that were missed, are open already.
type Session struct {
	Probes  []format.Probe
	CPUs    int // possible ones
	layouts []*Layout
	coll    *ebpf.Collection
	links   map[string]link.Link       // by program
	lists   map[string][]io.ReadCloser // iterators, by program: each is read once
	missed  map[string]*os.File        // fdinfo of the other programs
	rings   []*ring                    // the rare ones, by CPU; then the bulk ones
	cpus    *cpuMap
	own     []*ownRing
	ownMem  []byte // of all of them
	woken   int    // an epoll instance: readable when a ring has passed its mark; -1: none
	scratch [chunkRecords]uint32
}

// Start begins the recording and hands over what already runs: a task row for every task that is to be
// recorded, and their cgroups.
func (s *Session) Start(emit Emit) error {
	if err := s.coll.Variables["enabled"].Set(uint32(1)); err != nil {
		return fmt.Errorf("enabling the programs: %w", err)
	}
	return s.Announce(emit)
}

// ArmCommand makes the process that this one forks next, until DisarmCommand, the command of Options.Command.
func (s *Session) ArmCommand() error { return s.coll.Variables["command_armed"].Set(uint32(1)) }

// DisarmCommand ends ArmCommand.
func (s *Session) DisarmCommand() error { return s.coll.Variables["command_armed"].Set(uint32(0)) }

// SetEpoch makes every task and path that was announced in an earlier epoch (the first one is 0) be announced again, under the
// same id, before its next event.
func (s *Session) SetEpoch(n uint32) error { return s.coll.Variables["epoch"].Set(n) }

// Shed makes the programs count the records of the bulk families as lost instead of writing them.
func (s *Session) Shed(on bool) error {
	var n uint32
	if on {
		n = 1
	}
	return s.coll.Variables["shed"].Set(n)
}

// Announce hands over the task rows, and their cgroups, of all that run and were not announced in this epoch: what
// waits in a call for longer than names are kept says nothing before the call is handed over as pending.
func (s *Session) Announce(emit Emit) error {
	if err := s.iterate("snapshot_begin", emit); err != nil {
		return fmt.Errorf("listing the running tasks: %w", err)
	}
	return nil
}

// Emit takes records of one table. They are the ring's own memory: gone when it returns. cpu is -1 for those
// that come from no ring; these it cannot take later.
type Emit func(l *Layout, r Records, cpu int32) error

// Sweep hands over everything that is complete in every ring. fill is how full the fullest one was, 0 to 1.
func (s *Session) Sweep(emit Emit) (fill float64, err error) {
	for _, r := range s.rings {
		fill = max(fill, r.fill())
		if err := r.sweep(s.layouts, &s.scratch, emit); err != nil {
			return fill, err
		}
	}
	for _, r := range s.own {
		fill = max(fill, r.fill())
		if err := r.sweep(&s.scratch, emit); err != nil {
			return fill, err
		}
	}
	return fill, nil
}

// SweepComplete reports whether the last Sweep read the rare rings, which have the rows of dimensions, up to where they
// ended when it began. It is false if a ring was left early, at a record that was still being written or for which emit
// returned ErrNoRoom: rows of dimensions may be behind that record.
func (s *Session) SweepComplete() bool {
	return !slices.ContainsFunc(s.rings[:s.CPUs], func(r *ring) bool { return r.stoppedEarly })
}

// WakeupFD returns a descriptor that is readable for poll(2) if a ring has passed its wake-up mark since the last
// ClearWakeup.
func (s *Session) WakeupFD() int { return s.woken }

// ClearWakeup makes WakeupFD unreadable until a ring passes its mark again.
func (s *Session) ClearWakeup() {
	var events [8]unix.EpollEvent
	for {
		if n, err := unix.EpollWait(s.woken, events[:], 0); n < len(events) || err != nil {
			return
		}
	}
}

const membarrierGlobal = 1 // MEMBARRIER_CMD_GLOBAL, include/uapi/linux/membarrier.h

// Stop ends the recording: after it no program writes any more, the calls still out have been handed over,
// and so has the rest of the rings.
func (s *Session) Stop(emit Emit) error {
	if err := s.coll.Variables["enabled"].Set(uint32(0)); err != nil {
		return fmt.Errorf("disabling the programs: %w", err)
	}
	// A program that saw itself enabled runs with preemption off. The global barrier waits until every CPU
	// has been through a point where it is on (it is synchronize_rcu): what is out is in the ring then.
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		time.Sleep(100 * time.Millisecond) // refused where CPUs run without a tick (nohz_full)
	}
	if _, err := s.Sweep(emit); err != nil {
		return err
	}
	if err := s.iterate("snapshot_pending", emit); err != nil {
		return fmt.Errorf("listing the calls still out: %w", err)
	}
	return nil
}

// Layouts are the session's tables, indexed by kind; nil where there is none.
func (s *Session) Layouts() []*Layout { return s.layouts }

// Close detaches and frees everything.
func (s *Session) Close() {
	for _, list := range s.lists {
		for _, f := range list {
			f.Close()
		}
	}
	for _, f := range s.missed {
		f.Close()
	}
	closeLinks(s.links)
	for _, r := range s.rings {
		r.close()
	}
	if s.woken >= 0 {
		unix.Close(s.woken)
	}
	s.cpus.close()
	if s.ownMem != nil {
		unix.Munmap(s.ownMem)
	}
	if s.coll != nil {
		s.coll.Close()
	}
}
