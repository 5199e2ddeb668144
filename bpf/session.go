// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
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
	Families []string // names out of Families()
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

// Probe says for each family of the options which mechanism a session uses, and why not a better one.
func Probe(opt Options) ([]format.Probe, error) {
	opt.RingSize = os.Getpagesize()
	s, err := Open(opt)
	if s == nil || err != nil && !errors.Is(err, ErrRefused) {
		return nil, err
	}
	defer s.Close()
	return s.Probes, nil
}

// Open chooses mechanisms, loads and attaches. Nothing is recorded until Start.
//
// A family none of whose mechanisms works is in Probes without one. If that leaves none at all, the session has only
// Probes, and the error is ErrRefused. Other errors, without a session: ErrPrivilege, ErrNoBTF, or what the kernel said.
func Open(opt Options) (*Session, error) {
	kernel, err := preconditions()
	if err != nil {
		return nil, err
	}
	spec, err := loadFletch()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
	}
	if err := setCasts(spec, kernel); err != nil {
		return nil, err
	}
	s := &Session{woken: -1}
	if s.layouts, err = layouts(spec.Types); err != nil {
		return nil, err
	}
	if s.CPUs, err = ebpf.PossibleCPU(); err != nil {
		return nil, fmt.Errorf("counting CPUs: %w", err)
	}
	s.Probes = choose(spec, opt, tryHooks)
	err = s.load(spec, opt)
	if err == nil || errors.Is(err, ErrRefused) {
		return s, err
	}
	// A program was refused for itself: only now is it worth the time to try each mechanism whole.
	s.Close()
	if err := tryWhole(spec, identity); err != nil {
		return nil, fmt.Errorf("loading BPF programs: %w", err)
	}
	s = &Session{woken: -1, layouts: s.layouts, CPUs: s.CPUs, Probes: choose(spec, opt, tryWhole)}
	if err = s.load(spec, opt); err != nil && !errors.Is(err, ErrRefused) {
		s.Close()
		return nil, err
	}
	return s, err
}

func preconditions() (*btf.Spec, error) {
	if ok, err := privileged(); err != nil || !ok {
		return nil, errors.Join(ErrPrivilege, err)
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoBTF, err)
	}
	return kernel, nil
}

// privileged: CAP_BPF with CAP_PERFMON, or CAP_SYS_ADMIN.
func privileged() (bool, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false, fmt.Errorf("reading capabilities: %w", err)
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	return has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON), nil
}

func (s *Session) load(spec *ebpf.CollectionSpec, opt Options) error {
	programs := slices.Clone(identity.programs)
	var wants []string
	works := false
	for _, p := range s.Probes {
		if p.Mechanism == "" {
			continue
		}
		works = true
		m := mechanismOf(p.Family, p.Mechanism)
		programs = append(programs, m.programs...)
		wants = append(wants, m.wants...)
	}
	if !works {
		return ErrRefused
	}
	spec = only(spec, programs)
	for _, name := range []string{"bulk", "rare", "cpus", "slots"} {
		spec.Maps[name].MaxEntries = uint32(s.CPUs)
	}
	ownBytes, bulkBytes := bulkRings(opt.RingSize, s.Probes)
	rareBytes := cmp.Or(opt.RareRingSize, RareRingSize)
	var chunks [len(ownTables)]uint32
	var marks [len(ownTables)]uint64
	for i, bytes := range ownBytes {
		chunks[i], marks[i] = uint32(bytes)/spec.Maps["calls"].ValueSize, uint64(bytes/wakeAt)
	}
	spec.Maps["calls"].MaxEntries = (chunks[0] + chunks[1]) * uint32(s.CPUs)
	var comm [16]byte
	copy(comm[:15], opt.Comm)
	if err := configure(spec, wants, map[string]any{
		"own_tgid": uint32(os.Getpid()), "want_tree": opt.Command || len(opt.PIDs) > 0, "want_comm": opt.Comm != "",
		"comm_filter": comm, "own_chunks": chunks, "cpu_count": uint32(s.CPUs),
		"own_mark": marks, "bulk_mark": uint64(bulkBytes / wakeAt), "rare_mark": uint64(rareBytes / wakeAt),
	}); err != nil {
		return err
	}
	if v := spec.Variables["arity"]; v != nil {
		arity := make([]uint8, v.Size())
		for i := range arity {
			arity[i] = 6
		}
		copy(arity, opt.Arities)
		if err := v.Set(arity); err != nil {
			return fmt.Errorf("setting arity: %w", err)
		}
	}
	var err error
	if s.coll, err = ebpf.NewCollection(spec); err != nil {
		return fmt.Errorf("loading BPF programs: %w", err)
	}
	for _, pid := range opt.PIDs {
		if err := s.coll.Maps["targets"].Put(uint32(pid), uint32(1)); err != nil {
			return fmt.Errorf("following process %d: %w", pid, err)
		}
	}
	if err := s.makeRings(spec, bulkBytes, rareBytes); err != nil {
		return err
	}
	if s.cpus, err = newCPUMap(s.coll.Maps["cpus"], spec.Types, s.CPUs); err != nil {
		return err
	}
	if s.ownMem, s.own, err = mapOwn(s.coll.Maps["calls"], s.cpus, s.CPUs, ownBytes, s.layouts); err != nil {
		return err
	}
	if s.links, err = attach(spec, s.coll); err != nil {
		return err
	}
	if err := s.openFiles(); err != nil {
		return err
	}
	for _, p := range s.Probes {
		if m := mechanismOf(p.Family, p.Mechanism); m.check != nil {
			if err := m.check(s.coll); err != nil {
				return fmt.Errorf("attaching %s events by %s: %w", p.Family, p.Mechanism, err)
			}
		}
	}
	return nil
}

// openFiles opens what is read after the privileges may be gone.
func (s *Session) openFiles() error {
	s.lists, s.missed = make(map[string][]io.ReadCloser), make(map[string]*os.File)
	for name, l := range s.links {
		if it, ok := l.(*link.Iter); ok {
			for range 2 { // Start and Announce read the same
				f, err := it.Open()
				if err != nil {
					return fmt.Errorf("opening the iterator %s: %w", name, err)
				}
				s.lists[name] = append(s.lists[name], f)
			}
			continue
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", s.coll.Programs[name].FD()))
		if err != nil {
			return fmt.Errorf("opening the statistics of %s: %w", name, err)
		}
		s.missed[name] = f
	}
	return nil
}

// wakeAt is the part of a ring that is its mark: one in so many bytes. The rest lasts until the recorder runs.
const wakeAt = 4

// bulkRings divides the bytes that a CPU has for the bulk tables among those that are recorded: own are those of ownTables,
// others that of the programs that may be preempted. The rest have as little as a ring can.
func bulkRings(bytes int, probes []format.Probe) (own []int, others int) {
	page := os.Getpagesize()
	own = make([]int, len(ownTables))
	var wanted []*int
	for _, p := range probes {
		table := familyOf(p.Family).bulk.table
		if p.Mechanism == "" || table == "" {
			continue
		}
		ring := &others
		if i := slices.Index(ownTables[:], table); slices.Contains(mechanismOf(p.Family, p.Mechanism).programs, calls[0]) {
			ring = &own[i]
		}
		wanted = append(wanted, ring)
	}
	for _, ring := range wanted {
		*ring = max(bytes/len(wanted), page)
	}
	for _, ring := range []*int{&own[0], &own[1], &others} {
		*ring = max(*ring, page)
	}
	return own, others
}

func (s *Session) makeRings(spec *ebpf.CollectionSpec, bulk, rare int) (err error) {
	if s.woken, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("watching the rings: %w", err)
	}
	for _, set := range []struct {
		name string
		size int
	}{{"rare", rare}, {"bulk", bulk}} {
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

// Heard says whether the last Sweep has handed over every announcement that was made before it began. Else a ring was left
// early, at a record that was still being written or that emit had no room for, and there may be one behind.
func (s *Session) Heard() bool {
	return !slices.ContainsFunc(s.rings[:s.CPUs], func(r *ring) bool { return r.left })
}

// Woken is a descriptor that can be read from, as poll(2) says, when a ring has passed its mark since the last Rest.
func (s *Session) Woken() int { return s.woken }

// Rest makes Woken wait for the next time.
func (s *Session) Rest() {
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

func (s *Session) iterate(program string, emit Emit) error {
	left := s.lists[program]
	if len(left) == 0 {
		return fmt.Errorf("%s is no iterator, or has been read", program)
	}
	f := left[0]
	s.lists[program] = left[1:]
	defer f.Close()
	data, err := readList(f)
	if err != nil {
		return err
	}
	return walk(data, s.layouts, emit)
}

// listPiece is what an iterator is asked for at once, bytes. The kernel lets it write into a buffer of eight pages until there is as
// much as was asked for. A record that the buffer has no room for is thrown away, and its task visited again: the program has
// counted it, and does not announce it twice. The longest that the programs write of one task are 9 KB.
const listPiece = 16 << 10

func readList(f io.Reader) (list []byte, err error) {
	for err == nil {
		list = slices.Grow(list, listPiece)
		var n int
		n, err = f.Read(list[len(list) : len(list)+listPiece])
		list = list[:len(list)+n]
	}
	if err != io.EOF {
		return nil, err
	}
	return list, nil
}

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
