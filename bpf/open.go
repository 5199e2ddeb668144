// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/fletch-trace/fletch/format"
	"golang.org/x/sys/unix"
)

// Probe returns for each family of the options which mechanism a session would use, and why it cannot use better ones.
func Probe(opt Options) ([]format.Probe, error) {
	opt.RingSize, opt.probe = os.Getpagesize(), true
	s, err := Open(opt)
	if s == nil || err != nil && !errors.Is(err, ErrRefused) {
		return nil, err
	}
	defer s.Close()
	return s.Probes, nil
}

// Open chooses a mechanism for each family, and loads and attaches the programs. Nothing is recorded until Start.
//
// A family for which no mechanism works has an entry without one in Probes. If no family works, Open returns ErrRefused
// and a session that has only Probes. With other errors it returns no session: ErrPrivilege, ErrNoBTF, or an error of
// the kernel.
func Open(opt Options) (*Session, error) {
	types := btf.NewCache()
	kernel, err := preconditions(types)
	if err != nil {
		return nil, err
	}
	spec, err := loadFletch()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
	}
	if err := spec.Variables["args_max"].Get(&argsMax); err != nil {
		return nil, fmt.Errorf("reading args_max: %w", err)
	}
	h, err := adapt(spec, kernel)
	if err != nil {
		return nil, err
	}
	l := &loader{spec, types}
	ns, err := findNamespaces(l, opt)
	if err != nil {
		return nil, err
	}
	defer ns.close()
	if err := spec.Variables["recorder_tgid"].Set(uint32(ns.pid)); err != nil {
		return nil, fmt.Errorf("setting recorder_tgid: %w", err)
	}
	s, err := openSession(l, opt, h, ns)
	if err == nil {
		err = s.follow(opt.PIDs)
	}
	if err != nil && !errors.Is(err, ErrRefused) {
		s.Close()
		return nil, err
	}
	return s, err
}

// openSession opens a session that does not yet follow Options.PIDs. The session is not nil, even if there is an error.
func openSession(l *loader, opt Options, h hierarchy, ns *namespaces) (*Session, error) {
	empty := Session{wakeupFD: -1, layouts: Layouts(), hierarchy: h, Cgroups: h.name, namespaces: ns}
	var err error
	if empty.CPUs, err = ebpf.PossibleCPU(); err != nil {
		return &empty, fmt.Errorf("counting CPUs: %w", err)
	}
	if slices.Contains(opt.Families, "file") || slices.Contains(opt.Families, "syscall") {
		empty.renameLock = kernelSymbol(l, "rename_lock")
	}
	s := empty
	s.Probes = choose(opt, l.tryHooks)
	if err = s.load(l, opt); err == nil || errors.Is(err, ErrRefused) {
		return &s, err
	}
	// The hooks exist, but the kernel refused a program. Find out which mechanisms work by loading each, which is slow.
	s.Close()
	if err := l.tryPrograms(identity); err != nil {
		return &empty, fmt.Errorf("loading BPF programs: %w", err)
	}
	s = empty
	s.Probes = choose(opt, l.tryPrograms)
	return &s, s.load(l, opt)
}

// adapt sets the constants of the programs that depend on the kernel. It returns the hierarchy of cgroups.
func adapt(spec *ebpf.CollectionSpec, kernel *btf.Spec) (hierarchy, error) {
	if err := setCasts(spec, kernel); err != nil {
		return hierarchy{}, err
	}
	h, err := chooseHierarchy(kernel)
	if err != nil {
		return hierarchy{}, err
	}
	return h, setVariables(spec, nil, map[string]any{
		"cgroup_controller": h.controller, "exit_tells_last": tracepointArgs(kernel, "sched_process_exit") > 1,
	})
}

// tracepointArgs returns how many arguments a tracepoint has, 0 if the kernel does not have it.
func tracepointArgs(kernel *btf.Spec, name string) int {
	var t *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+name, &t); err != nil {
		return 0
	}
	p, _ := t.Type.(*btf.Pointer)
	if p == nil {
		return 0
	}
	f, _ := p.Target.(*btf.FuncProto)
	if f == nil {
		return 0
	}
	return len(f.Params) - 1 // the first one is the probe's data
}

// preconditions checks the privileges, and returns the types of the kernel.
func preconditions(types *btf.Cache) (*btf.Spec, error) {
	if ok, err := privileged(); err != nil || !ok {
		return nil, errors.Join(ErrPrivilege, err)
	}
	if initial, err := inInitial("user", initialUser); err != nil || !initial {
		return nil, cmp.Or(err, ErrUserNamespace)
	}
	kernel, err := types.Kernel()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoBTF, err)
	}
	return kernel, nil
}

// privileged reports whether the process has CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN.
func privileged() (bool, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return false, fmt.Errorf("reading capabilities: %w", err)
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	return has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON), nil
}

// load loads and attaches the programs of the mechanisms in Probes, and opens everything that needs privileges.
func (s *Session) load(l *loader, opt Options) error {
	programs, switches := s.selected()
	if programs == nil {
		return ErrRefused
	}
	if opt.wantsTree() {
		programs = append(programs, "tree_exit")
	}
	if opt.byCgroup() {
		programs = append(programs, "process_cgroup_made")
	}
	spec := withPrograms(l.spec, programs)
	dropLines(spec.Programs) // if the kernel refuses a program, those of tryPrograms have them
	sizes := s.ringSizes(opt)
	if err := s.configure(spec, opt, switches, sizes); err != nil {
		return err
	}
	var err error
	if s.coll, err = l.load(spec); err != nil {
		return fmt.Errorf("loading BPF programs: %w", err)
	}
	if err := s.makeRings(spec, sizes); err != nil {
		return err
	}
	if s.links, err = attach(spec, s.coll); err != nil {
		return err
	}
	if s.NoCgroup, err = opt.fill(s.coll, s.hierarchy); err != nil {
		return err
	}
	if err := s.openFiles(opt); err != nil {
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

// selected returns the programs of the mechanisms in Probes and the switches to turn on; nil if no family is recorded.
func (s *Session) selected() (programs, switches []string) {
	for _, p := range s.Probes {
		if p.Mechanism != "" {
			m := mechanismOf(p.Family, p.Mechanism)
			programs, switches = append(programs, m.programs...), append(switches, m.switches...)
		}
	}
	if programs == nil {
		return nil, nil
	}
	if s.renameLock != 0 { // nobody has to see the renames
		programs = slices.DeleteFunc(programs, func(name string) bool { return strings.HasPrefix(name, "file_rename") })
		switches = slices.DeleteFunc(switches, func(name string) bool { return name == "want_rename_calls" })
	}
	return append(programs, identity.programs...), switches
}

// configure sets the sizes of the maps and the constants of the programs.
func (s *Session) configure(spec *ebpf.CollectionSpec, opt Options, switches []string, sizes ringSizes) error {
	for _, name := range []string{"bulk", "rare", "cpus", "slots", "texts"} {
		spec.Maps[name].MaxEntries = uint32(s.CPUs)
	}
	spec.Maps["rare"].MaxEntries *= rareSets
	spec.Maps["call_rings"].MaxEntries = 0
	var chunks [len(callTables)]uint32
	var marks [len(callTables)]uint64
	for i, bytes := range sizes.call {
		chunks[i], marks[i] = uint32(bytes)/spec.Maps["call_rings"].ValueSize, uint64(bytes/wakeupFraction)
		spec.Maps["call_rings"].MaxEntries += chunks[i] * uint32(s.CPUs)
	}
	bulkKinds := uint32(0)
	for _, l := range s.layouts {
		if l != nil && l.Bulk {
			bulkKinds |= 1 << l.Kind
		}
	}
	texts := opt.Strings > 0 && slices.Contains(switches, "want_syscall")
	if texts && s.renameLock == 0 && !slices.Contains(switches, "want_rename_calls") {
		switches = append(switches, "want_rename_calls") // the paths of working directories change
	}
	values, err := opt.constants(spec, s.hierarchy)
	if err != nil {
		return err
	}
	maps.Copy(values, map[string]any{
		"want_tree": opt.wantsTree(), "without_args": opt.WithoutArgs, "call_ring_chunks": chunks,
		"cpu_count": uint32(s.CPUs), "call_ring_marks": marks,
		"bulk_kinds": bulkKinds, "page_size": uint32(os.Getpagesize()), "ipc_index_bits": ipcIndexBits(),
		"hash_seeds": [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}, "rename_lock": s.renameLock,
		"bulk_mark": uint64(sizes.bulk / wakeupFraction), "rare_mark": uint64(sizes.rare / wakeupFraction),
		"event_mark":   uint64(sizes.event / wakeupFraction),
		"want_strings": texts, "strings_max": uint32(min(opt.Strings, MaxString)),
	})
	return setVariables(spec, switches, values)
}

// ipcIndexBits returns how many bits of the id of a System V object are its index (ipc/util.h).
func ipcIndexBits() uint32 {
	line, _ := os.ReadFile("/proc/cmdline")
	if slices.Contains(strings.Fields(string(line)), "ipcmni_extend") {
		return 24
	}
	return 15
}

// openFiles opens the iterators and statistics, which are read after privileges may have been dropped.
func (s *Session) openFiles(opt Options) (err error) {
	s.fdinfo = make(map[string]*os.File)
	listing := make(map[string]*link.Iter)
	for name, l := range s.links {
		if it, ok := l.(*link.Iter); ok {
			listing[name] = it
			continue
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", s.coll.Programs[name].FD()))
		if err != nil {
			return fmt.Errorf("opening the statistics of %s: %w", name, err)
		}
		s.fdinfo[name] = f
	}
	s.iterators, err = openIterators(listing, opt.UID, opt.GID)
	return err
}
