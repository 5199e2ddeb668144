// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/fletch-trace/fletch/format"
)

var (
	// ErrNoBTF is returned on a kernel that does not describe its own types.
	ErrNoBTF = errors.New("this kernel has no BTF")
	// ErrPrivilege is returned if the process may not load BPF programs.
	ErrPrivilege = errors.New("not permitted to load BPF programs: CAP_BPF and CAP_PERFMON are needed")
)

// Options are what a session records, and how.
type Options struct {
	Families []string // of schema.Families()
	PIDs     []int    // record only the processes of these ids, which may be threads' ids, and their descendants
	Command  bool     // record only the process forked after ArmCommand, and its descendants
	Selection
	// WithoutArgs leaves the arguments out of the rows of executed programs.
	WithoutArgs bool
	// Strings is how many bytes are kept of each text that is passed to a system call, at most MaxString; 0: none.
	Strings  int
	UID, GID int // who the process may become when it drops its privileges; -1: nobody else
	RingSize int // bytes per CPU for the rings of all bulk tables; a power of two, a multiple of the page size
	// EventRingSize is the size of each CPU's ring for processes and connections, RareRingSize that of each of its
	// RareRings, in bytes; 0 means the constant of that name.
	EventRingSize int
	RareRingSize  int
	// Mechanisms maps families to the only mechanism that may be used, both by name. Other families use the best one.
	Mechanisms map[string]string
	probe      bool // nothing will be recorded
}

// MaxString is the most bytes that are kept of a text.
const MaxString = 4096

// wantsTree reports whether only processes and their descendants are recorded, not the whole host.
func (o *Options) wantsTree() bool { return o.Command || len(o.PIDs) > 0 }

// EventRingSize and RareRingSize, in bytes, are enough for a thousand processes that start between two sweeps.
const (
	EventRingSize = 1 << 20
	RareRingSize  = 1 << 20
)

// A Session is a set of attached programs and their rings. Once open it needs no privileges, and does not call bpf(2),
// which some kernels refuse without CAP_BPF: variables of the programs are written through a mapping, and the iterators
// and the files with the statistics of the programs are already open.
type Session struct {
	Probes     []format.Probe
	CPUs       int    // possible CPUs
	Cgroups    string // the hierarchy of cgroups: cgroup2, or the controllers of one of version 1
	Targets    []int  // the processes of Options.PIDs, in this process's pid namespace
	NoCgroup   bool   // there is no Options.Cgroup yet
	layouts    []*Layout
	hierarchy  hierarchy
	coll       *ebpf.Collection
	links      map[string]link.Link // by program
	iterators  *iterators
	fdinfo     map[string]*os.File // of the other programs, by name
	rings      []*ring             // by CPU: those for announcements, the other rare rings, the bulk rings
	cpus       *cpuMap
	namespaces *namespaces
	members    int // processes that follow has added to the map `targets`
	callRings  []*callRing
	callMem    []byte // the memory of all call rings
	renameLock uint64 // the address of the kernel's rename_lock; 0: it is unknown, or file events are not recorded
	wakeupFD   int    // epoll instance, readable when a ring has passed its wake-up mark; -1: none
	scratch    [MaxRecords]uint32
}

// Start begins the recording. It passes the rows of all running tasks that are recorded, of their cgroups and of their
// open connections to emit.
func (s *Session) Start(emit Emit) error {
	// Durations from here on are lower bounds: the second time is not before any call that begins while disabled. Until
	// it is set, a call that returns needs the first.
	err := s.setStarted()
	if err == nil {
		err = s.coll.Variables["enabled"].Set(uint32(1))
	}
	if err == nil {
		err = s.setStarted()
	}
	if err != nil {
		return fmt.Errorf("enabling the programs: %w", err)
	}
	if err := s.Announce(emit); err != nil {
		return err
	}
	if err := s.connections("connections_waiting", emit); err != nil {
		return err
	}
	return s.connections("connections_begin", s.counted(emit))
}

// counted is an Emit that counts what it passes to emit: records that no program has counted.
func (s *Session) counted(emit Emit) Emit {
	return func(l *Layout, r Records, cpu int32) error {
		s.cpus.addEmitted(l.Kind, r.Len())
		return emit(l, r, cpu)
	}
}

// OpenConnections passes the open connections to emit, as those that a generation begins with. The rows of tasks that
// they refer to have been passed before, in this generation or an earlier one.
func (s *Session) OpenConnections(emit Emit) error {
	return s.connections("connections_open", s.counted(emit))
}

// Processes passes the processes that are there to emit, with what they have used, as rows of op "end" that are not in
// Counts. Announce is to be called before.
func (s *Session) Processes(emit Emit) error { return s.processes("processes_used", emit) }

// processes passes the rows of processes to emit, if processes are recorded.
func (s *Session) processes(program string, emit Emit) error {
	if s.coll.Programs[program] == nil {
		return nil
	}
	if err := s.iterate(program, emit); err != nil {
		return fmt.Errorf("listing the processes: %w", err)
	}
	return nil
}

// connections passes the rows of the open connections to emit, if connections are recorded.
func (s *Session) connections(program string, emit Emit) error {
	if s.coll.Programs[program] == nil {
		return nil
	}
	if err := s.iterate(program, emit); err != nil {
		return fmt.Errorf("listing the open connections: %w", err)
	}
	return nil
}

// setStarted tells the programs that the recording begins now.
func (s *Session) setStarted() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	return s.coll.Variables["started"].Set(uint64(now.Nano()))
}

// ArmCommand makes a process that this one forks, until DisarmCommand, the command of Options.Command. Its recording
// begins at its execve.
func (s *Session) ArmCommand() error { return s.coll.Variables["command_armed"].Set(uint32(1)) }

// DisarmCommand ends ArmCommand.
func (s *Session) DisarmCommand() error { return s.coll.Variables["command_armed"].Set(uint32(0)) }

// SetEpoch begins epoch n; the first is 0. Each task and path gets a row again, with the same id, before its next
// event.
func (s *Session) SetEpoch(n uint32) error { return s.coll.Variables["epoch"].Set(n) }

// Shed makes the programs count the records of bulk tables as lost instead of writing them, or ends that.
func (s *Session) Shed(on bool) error {
	var n uint32
	if on {
		n = 1
	}
	return s.coll.Variables["shed"].Set(n)
}

// Announce passes the rows of the running tasks that have not been announced in this epoch, and of their cgroups, to
// emit. A recorder that drops old rows calls it after Stop, because the tasks of in-flight calls may have had no other
// event for hours.
func (s *Session) Announce(emit Emit) error {
	if err := s.iterate("snapshot_begin", emit); err != nil {
		return fmt.Errorf("listing the running tasks: %w", err)
	}
	return nil
}

// Sweep passes the complete records of all rings to emit. fill is how full the fullest ring was before, 0 to 1.
func (s *Session) Sweep(emit Emit) (fill float64, err error) {
	for _, r := range s.rings {
		fill = max(fill, r.fill())
		if err := r.sweep(s.layouts, &s.scratch, emit); err != nil {
			return fill, err
		}
	}
	for _, r := range s.callRings {
		fill = max(fill, r.fill())
		if err := r.sweep(&s.scratch, emit); err != nil {
			return fill, err
		}
	}
	return fill, nil
}

// SweepComplete reports whether the last Sweep read the rings that have the rows of dimensions up to where they ended
// when it began. It is false if a ring was left early, at a record that was still being written or for which emit
// returned ErrNoRoom: rows of dimensions may be behind that record.
func (s *Session) SweepComplete() bool {
	return !slices.ContainsFunc(s.rings[:s.CPUs], func(r *ring) bool { return r.stoppedEarly })
}

// WakeupFD returns a descriptor that is readable for poll(2) if a ring has passed its wake-up mark since the last
// ClearWakeup.
func (s *Session) WakeupFD() int { return s.wakeupFD }

// ClearWakeup makes WakeupFD unreadable until a ring passes its mark again.
func (s *Session) ClearWakeup() {
	var events [8]unix.EpollEvent
	for {
		if n, err := unix.EpollWait(s.wakeupFD, events[:], 0); n < len(events) || err != nil {
			return
		}
	}
}

const membarrierGlobal = 1 // MEMBARRIER_CMD_GLOBAL, include/uapi/linux/membarrier.h

// awaitLeaving waits until the rows of the processes that are ending are written, but not for long: one of them may
// hang. The command whose end is that of the recording is one of them.
func (s *Session) awaitLeaving() error {
	for range 100 {
		var n uint32
		if err := s.coll.Variables["leavers"].Get(&n); err != nil || n == 0 {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Stop ends the recording: it disables the programs, sweeps the rings for the last time, and passes the in-flight calls
// to emit, as rows of table pending, the open connections, and the processes that are still there.
func (s *Session) Stop(emit Emit) error {
	if err := s.awaitLeaving(); err != nil {
		return fmt.Errorf("waiting for processes to end: %w", err)
	}
	if err := s.coll.Variables["enabled"].Set(uint32(0)); err != nil {
		return fmt.Errorf("disabling the programs: %w", err)
	}
	// A program that still saw `enabled` runs with preemption off. The global barrier (synchronize_rcu) waits until
	// preemption has been on once on each CPU, so that such programs have finished.
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierGlobal, 0, 0); errno != 0 {
		time.Sleep(100 * time.Millisecond) // the kernel refuses it if CPUs run without a tick (nohz_full)
	}
	if _, err := s.Sweep(emit); err != nil {
		return err
	}
	if s.coll.Programs["connections_end"] != nil || s.coll.Programs["processes_end"] != nil {
		if err := s.Announce(emit); err != nil { // a task may be there, or hold connections, and have done nothing else
			return err
		}
	}
	if err := s.processes("processes_leaving", s.counted(emit)); err != nil {
		return err
	}
	if err := s.InFlight(s.counted(emit)); err != nil {
		return err
	}
	_, err := s.Sweep(emit) // listing may have announced more
	return err
}

// InFlight passes the calls in flight to emit, as rows of table pending, one of a task at most, the open connections,
// and the processes that are there. During the recording these are extra rows, which are not in Counts. Announce is to be called before.
func (s *Session) InFlight(emit Emit) error {
	last := make(map[int32]Records)
	var order []int32
	var layout *Layout
	err := s.iterate("snapshot_pending", func(l *Layout, r Records, _ int32) error {
		layout = l
		for i := range r.Len() {
			// While programs run, a call may be seen first on its CPU and then in its task, or have been followed by another.
			task := l.Int32At(r, i, "task")
			if _, again := last[task]; !again {
				order = append(order, task)
			}
			last[task] = SingleRecord(r.Copy(i))
		}
		return nil
	})
	for _, task := range order {
		if err == nil {
			err = emit(layout, last[task], -1)
		}
	}
	if err != nil {
		return fmt.Errorf("listing the in-flight calls: %w", err)
	}
	if err := s.connections("connections_end", emit); err != nil {
		return err
	}
	return s.processes("processes_end", emit)
}

// Layouts returns the layouts of all tables, indexed by kind; kinds without a table are nil.
func (s *Session) Layouts() []*Layout { return s.layouts }

// Close detaches the programs and frees everything.
func (s *Session) Close() {
	s.iterators.close()
	for _, f := range s.fdinfo {
		f.Close()
	}
	closeLinks(s.links)
	for _, r := range s.rings {
		r.close()
	}
	if s.wakeupFD >= 0 {
		unix.Close(s.wakeupFD)
	}
	s.cpus.close()
	if s.callMem != nil {
		unix.Munmap(s.callMem)
	}
	if s.coll != nil {
		s.coll.Close()
	}
}
