// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"github.com/fletch-trace/fletch/format"
)

// A family is a kind of event a user asks for, with the ways to get it, best first.
type family struct {
	name       string
	tables     []string // the tables its programs fill
	bulk       bulk     // the one of them that comes by the million
	mechanisms []mechanism
}

// A bulk table goes through the bulk rings; its rows are compressed together with those that are alike in some columns.
type bulk struct {
	table string // "": none
	alike []string
}

// A mechanism is a set of programs, of which all must load and attach.
type mechanism struct {
	name     string
	programs []string
	wants    []string                          // switches of the programs (want_…) that it turns on
	check    func(coll *ebpf.Collection) error // that what is attached is ever called; nil: it is
}

// calls are the programs on every system call's entry and exit, and on what may happen between the two.
var calls = []string{"calls_enter", "calls_exit", "calls_switch"}

// families is the one list of them. A new family is a line here, its struct in events.h and its probe file.
var families = []family{
	{"process", []string{"process"}, bulk{}, []mechanism{
		{"tp_btf", []string{"process_exit"}, []string{"want_process"}, nil},
	}},
	{"syscall", []string{callsTable, "pending"}, bulk{callsTable, []string{"nr", "arg0"}}, []mechanism{
		{"tp_btf", append(calls, "calls_death"), []string{"want_syscall"}, nil},
	}},
	{"file", []string{"file", "path"}, bulk{"file", []string{"op", "path"}}, []mechanism{
		{"fentry", []string{"file_read_fentry", "file_read_fexit", "file_write_fentry", "file_write_fexit"}, nil, nil},
		{"kprobe", []string{"file_read_kprobe", "file_read_kretprobe", "file_write_kprobe", "file_write_kretprobe"}, nil, nil},
		{"tp_btf", calls, []string{"want_file_calls"}, nil},
	}},
	{"ipc", []string{"ipc"}, bulk{}, []mechanism{
		{"lsm", []string{"ipc_permission_lsm"}, nil, ipcFires},
		{"fentry", []string{"ipc_permission_fentry"}, nil, ipcFires},
		{"kprobe", []string{"ipc_permission_kprobe"}, nil, ipcFires},
		{"tp_btf", calls, []string{"want_ipc_calls"}, nil},
	}},
	{"tcp", []string{"tcp"}, bulk{}, []mechanism{
		{"fentry", append(calls, "tcp_state", "tcp_v4_fentry", "tcp_v4_fexit", "tcp_v6_fentry", "tcp_v6_fexit"), []string{"want_tcp"}, nil},
		{"kprobe", append(calls, "tcp_state", "tcp_v4_kprobe", "tcp_v4_kretprobe", "tcp_v6_kprobe", "tcp_v6_kretprobe"), []string{"want_tcp"}, nil},
		{"tp_btf", append(calls, "tcp_state"), []string{"want_tcp", "want_tcp_connects"}, nil},
	}},
	{"seccomp", []string{"seccomp"}, bulk{}, []mechanism{
		{"fentry", append(calls, "seccomp_signal", "seccomp_exit", "seccomp_fentry"), []string{"want_seccomp"}, nil},
		{"kprobe", append(calls, "seccomp_signal", "seccomp_exit", "seccomp_kprobe"), []string{"want_seccomp"}, nil},
		{"tp_btf", append(calls, "seccomp_signal", "seccomp_exit"), []string{"want_seccomp"}, nil},
	}},
}

// identity are the programs every recording needs: they keep task ids and what is followed.
var identity = mechanism{"tp_btf", []string{"process_rename", "process_fork", "process_exec", "snapshot_begin", "snapshot_pending"}, nil, nil}

var iterators = map[string]bool{"snapshot_begin": true, "snapshot_pending": true}

// Families are the names a user may ask for.
func Families() []string {
	var names []string
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// Mechanisms are the names of a family's mechanisms, best first; nil for what is no family.
func Mechanisms(name string) []string {
	var names []string
	for _, m := range familyOf(name).mechanisms {
		names = append(names, m.name)
	}
	return names
}

// TablesOf are the tables that a family's programs fill.
func TablesOf(name string) []string { return familyOf(name).tables }

func familyOf(name string) family {
	for _, f := range families {
		if f.name == name {
			return f
		}
	}
	return family{}
}

// callsTable is the bulk table that has rings of its own.
const callsTable = "syscall"

// bulkOf is the zero value for a table that does not come by the million.
func bulkOf(table string) bulk {
	for _, f := range families {
		if f.bulk.table == table {
			return f.bulk
		}
	}
	return bulk{}
}

// ErrRefused: the kernel allows no mechanism of a family that was asked for.
var ErrRefused = errors.New("no mechanism works on this kernel")

// allowed are the mechanisms that may be tried: all, or the one that is forced.
func (f family) allowed(opt Options) []mechanism {
	forced := opt.Mechanisms[f.name]
	return slices.DeleteFunc(slices.Clone(f.mechanisms), func(m mechanism) bool { return forced != "" && m.name != forced })
}

// choose tries the mechanisms of each family on the running kernel, best first, and says which one works and
// why the better ones do not.
func choose(spec *ebpf.CollectionSpec, opt Options, try func(*ebpf.CollectionSpec, mechanism) error) []format.Probe {
	var probes []format.Probe
	for _, f := range families {
		if !slices.Contains(opt.Families, f.name) {
			continue
		}
		p := format.Probe{Family: f.name, Refused: []format.Refusal{}}
		for _, m := range f.allowed(opt) {
			err := try(spec, m)
			if err == nil {
				p.Mechanism = m.name
				break
			}
			p.Refused = append(p.Refused, format.Refusal{Mechanism: m.name, Reason: reason(err)})
		}
		probes = append(probes, p)
	}
	return probes
}

// tryHooks attaches an empty program wherever those of the mechanism would go, but for the tracepoints, which no
// recording can do without. It takes milliseconds; whether the programs themselves load is seen when they do.
func tryHooks(spec *ebpf.CollectionSpec, m mechanism) error {
	for _, name := range m.programs {
		p := spec.Programs[name]
		switch {
		case p.Type == ebpf.Tracing && (p.AttachType == ebpf.AttachTraceRawTp || p.AttachType == ebpf.AttachTraceIter):
			continue
		case p.Type == ebpf.Kprobe && !haveKprobes():
			return errNoKprobes
		case p.Type == ebpf.LSM:
			if list, ok := lsmList(); ok && !slices.Contains(list, "bpf") {
				return errNotCalled(list)
			}
		}
		empty := p.Copy()
		empty.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
		prog, err := ebpf.NewProgram(empty)
		if err != nil {
			return err
		}
		l, err := attachOne(p, prog)
		if err == nil {
			l.Close()
		}
		prog.Close()
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", p.AttachTo, err)
		}
	}
	return nil
}

// tryWhole loads and attaches the programs of a mechanism, with rings of one page, and takes them away again.
func tryWhole(spec *ebpf.CollectionSpec, m mechanism) error {
	spec = only(spec, m.programs)
	if err := configure(spec, m.wants, map[string]any{"own_tgid": uint32(os.Getpid())}); err != nil {
		return err
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	defer coll.Close()
	links, err := attach(spec, coll)
	defer closeLinks(links)
	if err == nil && m.check != nil {
		err = m.check(coll)
	}
	return err
}

// only is a copy of the spec with no other programs than those named.
func only(spec *ebpf.CollectionSpec, programs []string) *ebpf.CollectionSpec {
	spec = spec.Copy()
	for name := range spec.Programs {
		if !slices.Contains(programs, name) {
			delete(spec.Programs, name)
		}
	}
	return spec
}

// configure sets the constants of the programs.
func configure(spec *ebpf.CollectionSpec, wants []string, values map[string]any) error {
	for _, name := range wants {
		values[name] = true
	}
	for name, value := range values {
		v := spec.Variables[name]
		if v == nil {
			return fmt.Errorf("setting %s: no such variable", name)
		}
		if err := v.Set(value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// attach attaches every program; an iterator's link is there to be opened.
func attach(spec *ebpf.CollectionSpec, coll *ebpf.Collection) (links map[string]link.Link, err error) {
	links = make(map[string]link.Link)
	for _, name := range slices.Sorted(maps.Keys(coll.Programs)) {
		l, err := attachOne(spec.Programs[name], coll.Programs[name])
		if err != nil {
			return links, fmt.Errorf("attaching %s: %w", name, err)
		}
		links[name] = l
	}
	return links, nil
}

func attachOne(spec *ebpf.ProgramSpec, prog *ebpf.Program) (link.Link, error) {
	switch {
	case iterators[spec.Name]:
		return link.AttachIter(link.IterOptions{Program: prog})
	case spec.Type == ebpf.Tracing:
		return link.AttachTracing(link.TracingOptions{Program: prog})
	case spec.Type == ebpf.LSM:
		return link.AttachLSM(link.LSMOptions{Program: prog})
	case spec.Type == ebpf.Kprobe && !haveKprobes():
		return nil, errNoKprobes
	case strings.HasPrefix(spec.SectionName, "kretprobe/"):
		return link.Kretprobe(spec.AttachTo, prog, nil)
	case spec.Type == ebpf.Kprobe:
		return link.Kprobe(spec.AttachTo, prog, nil)
	}
	return nil, fmt.Errorf("no way to attach a %v program", spec.Type)
}

var errNoKprobes = errors.New("this kernel has no kprobes")

func haveKprobes() bool {
	_, err := os.Stat("/sys/bus/event_source/devices/kprobe")
	return err == nil
}

func closeLinks(links map[string]link.Link) {
	for _, l := range links {
		l.Close()
	}
}

// ipcFires makes the recorder ask for an IPC object of its own, and looks whether the program was called: one
// on an LSM hook loads and attaches on a kernel whose list of LSMs lacks "bpf", and is never called.
func ipcFires(coll *ebpf.Collection) error {
	id, _, errno := unix.Syscall(unix.SYS_MSGGET, unix.IPC_PRIVATE, 0o600, 0)
	if errno != 0 {
		return fmt.Errorf("checking that it is called: msgget: %w", errno)
	}
	var buf [256]byte // struct msqid_ds
	unix.Syscall(unix.SYS_MSGCTL, id, unix.IPC_STAT, uintptr(unsafe.Pointer(&buf[0])))
	unix.Syscall(unix.SYS_MSGCTL, id, unix.IPC_RMID, 0)
	var fired uint32
	if err := coll.Variables["ipc_fired"].Get(&fired); err != nil {
		return fmt.Errorf("checking that it is called: %w", err)
	}
	if fired == 0 {
		list, _ := lsmList()
		return errNotCalled(list)
	}
	return nil
}

// lsmList is the kernel's list of LSMs, where it can be read.
func lsmList() ([]string, bool) {
	list, err := os.ReadFile("/sys/kernel/security/lsm")
	return strings.Split(strings.TrimSpace(string(list)), ","), err == nil
}

func errNotCalled(list []string) error {
	return fmt.Errorf("it would never be called: the kernel's list of LSMs (%s) lacks bpf; boot with lsm=…,bpf", strings.Join(list, ","))
}

// reason is a verifier's or kernel's refusal in one line.
func reason(err error) string {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		for _, line := range slices.Backward(ve.Log) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "processed ") { // how much, not why
				return fmt.Sprintf("%v: %s", ve.Cause, line)
			}
		}
	}
	if errors.Is(err, unix.EPERM) {
		return "the kernel refuses the program: operation not permitted"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func mechanismOf(familyName, name string) mechanism {
	for _, m := range familyOf(familyName).mechanisms {
		if m.name == name {
			return m
		}
	}
	return mechanism{}
}
