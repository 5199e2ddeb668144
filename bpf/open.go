// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/fletch-trace/fletch/format"
	"golang.org/x/sys/unix"
)

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
	s := &Session{woken: -1, layouts: Layouts()}
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

// load loads and attaches what Probes say, and opens all that is needed later.
func (s *Session) load(spec *ebpf.CollectionSpec, opt Options) error {
	programs, wants := s.chosen()
	if programs == nil {
		return ErrRefused
	}
	spec = only(spec, programs)
	sizes := s.ringSizes(opt)
	if err := s.configure(spec, opt, wants, sizes); err != nil {
		return err
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
	if err := s.makeRings(spec, sizes); err != nil {
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

// chosen are the programs of what is recorded, and the switches that they need; no programs if nothing is.
func (s *Session) chosen() (programs, wants []string) {
	for _, p := range s.Probes {
		if p.Mechanism != "" {
			m := mechanismOf(p.Family, p.Mechanism)
			programs, wants = append(programs, m.programs...), append(wants, m.wants...)
		}
	}
	if programs == nil {
		return nil, nil
	}
	return append(programs, identity.programs...), wants
}

// configure sets the sizes of the maps and the constants of the programs.
func (s *Session) configure(spec *ebpf.CollectionSpec, opt Options, wants []string, sizes ringSizes) error {
	for _, name := range []string{"bulk", "rare", "cpus", "slots"} {
		spec.Maps[name].MaxEntries = uint32(s.CPUs)
	}
	spec.Maps["calls"].MaxEntries = 0
	var chunks [len(ownTables)]uint32
	var marks [len(ownTables)]uint64
	for i, bytes := range sizes.own {
		chunks[i], marks[i] = uint32(bytes)/spec.Maps["calls"].ValueSize, uint64(bytes/wakeAt)
		spec.Maps["calls"].MaxEntries += chunks[i] * uint32(s.CPUs)
	}
	bulkKinds := uint32(0)
	for _, l := range s.layouts {
		if l != nil && l.Bulk {
			bulkKinds |= 1 << l.Kind
		}
	}
	var comm [16]byte
	copy(comm[:15], opt.Comm)
	values := map[string]any{
		"own_tgid": uint32(os.Getpid()), "want_tree": opt.Command || len(opt.PIDs) > 0, "want_comm": opt.Comm != "",
		"comm_filter": comm, "own_chunks": chunks, "cpu_count": uint32(s.CPUs), "own_mark": marks,
		"bulk_kinds": bulkKinds, "bulk_mark": uint64(sizes.bulk / wakeAt), "rare_mark": uint64(sizes.rare / wakeAt),
	}
	if v := spec.Variables["arity"]; v != nil {
		arity := make([]uint8, v.Size())
		for i := range arity {
			arity[i] = 6
		}
		copy(arity, opt.Arities)
		values["arity"] = arity
	}
	return setVariables(spec, wants, values)
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
