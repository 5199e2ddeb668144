// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/fletch-trace/fletch/format"
	"golang.org/x/sys/unix"
)

// choose tries the mechanisms of each family on the running kernel, best first. It returns which one works, and why the
// better ones do not.
func choose(opt Options, try func(mechanism) error) []format.Probe {
	var probes []format.Probe
	for _, f := range families {
		if !slices.Contains(opt.Families, f.name) {
			continue
		}
		p := format.Probe{Family: f.name, Refused: []format.Refusal{}}
		for _, m := range f.allowed(opt) {
			err := m.unfit(opt)
			if err == nil {
				err = try(m)
			}
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

// errNoCall is why a mechanism cannot be used if rows are selected by the call.
var errNoCall = errors.New("it does not see the call, by whose result or duration rows are selected")

// unfit returns why a mechanism cannot do what the options select, nil if it can.
func (m *mechanism) unfit(opt Options) error {
	if opt.byCall() && slices.Contains(m.switches, "want_file") && !slices.Contains(m.switches, "want_file_calls") {
		return errNoCall
	}
	return nil
}

// tryHooks attaches an empty program to each hook of a mechanism, except for tracepoints, which every kernel must have.
// It takes milliseconds, but does not show whether the kernel accepts the programs themselves.
func (l *loader) tryHooks(m mechanism) error {
	for _, name := range m.programs {
		p := l.spec.Programs[name]
		switch {
		case p.Type == ebpf.Tracing && (p.AttachType == ebpf.AttachTraceRawTp || p.AttachType == ebpf.AttachTraceIter):
			continue
		case p.Type == ebpf.Kprobe && !hasKprobes():
			return errNoKprobes
		case p.Type == ebpf.LSM:
			if list, ok := lsmList(); ok && !slices.Contains(list, "bpf") {
				return errNotCalled(list)
			}
		}
		empty := p.Copy()
		empty.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
		prog, err := l.loadProgram(empty)
		if err != nil {
			return err
		}
		attached, err := attachOne(p, prog, nil)
		if err == nil {
			attached.Close()
		}
		prog.Close()
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", p.AttachTo, err)
		}
	}
	return nil
}

// tryPrograms loads and attaches the programs of a mechanism, with rings of one page, and removes them again.
func (l *loader) tryPrograms(m mechanism) error {
	spec := withPrograms(l.spec, m.programs)
	if err := setVariables(spec, m.switches, map[string]any{}); err != nil {
		return err
	}
	coll, err := l.load(spec)
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

// checkIPC makes this process access an IPC object of its own, and checks that the program was called. On a kernel
// whose list of LSMs lacks "bpf", a program on an LSM hook loads and attaches but is never called.
func checkIPC(coll *ebpf.Collection) error {
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

// lsmList returns the kernel's list of LSMs; false: it cannot be read.
func lsmList() ([]string, bool) {
	list, err := os.ReadFile("/sys/kernel/security/lsm")
	return strings.Split(strings.TrimSpace(string(list)), ","), err == nil
}

func errNotCalled(list []string) error {
	return fmt.Errorf("it would never be called: the kernel's list of LSMs (%s) lacks bpf; boot with lsm=…,bpf",
		strings.Join(list, ","))
}

// reason returns the refusal of the verifier or kernel as one line.
func reason(err error) string {
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		for _, line := range slices.Backward(ve.Log) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "processed ") { // that line is statistics
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
