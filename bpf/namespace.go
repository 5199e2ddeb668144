// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// ErrInside is returned for a recording of the whole host by a process that is in a pid namespace of its own: it cannot
// list the processes that run outside of it.
var ErrInside = errors.New("the whole host cannot be recorded from inside a pid namespace")

// ErrNoProc is returned if /proc does not have this process.
var ErrNoProc = errors.New("/proc is not mounted, or is that of another pid namespace")

// A NoProcessError says that Options.PIDs has an id of no process that runs.
type NoProcessError struct {
	PID   int
	Ended bool // it has ended, but is still there (a zombie)
}

func (e *NoProcessError) Error() string {
	if e.Ended {
		return fmt.Sprintf("following process %d: it has ended, and its parent has not waited for it", e.PID)
	}
	return fmt.Sprintf("following process %d: no such process", e.PID)
}

// ErrUserNamespace is returned in a user namespace: its capabilities do not allow BPF programs.
var ErrUserNamespace = errors.New("not permitted to load BPF programs from inside a user namespace")

// The inodes of initial namespaces under /proc/PID/ns: include/linux/proc_ns.h.
const (
	initialPID  = 0xeffffffc
	initialTime = 0xeffffffa
	initialUser = 0xeffffffd
)

// inInitial reports whether this process is in the initial namespace of a type. If the kernel has no namespaces of that
// type it is.
func inInitial(name string, inode uint64) (bool, error) {
	var self, ns unix.Stat_t
	if err := unix.Stat("/proc/self/", &self); err != nil {
		return false, fmt.Errorf("%w (/proc/self: %v)", ErrNoProc, err)
	}
	err := unix.Stat("/proc/self/ns/"+name, &ns)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("finding out the %s namespace: %w", name, err)
	}
	return err != nil || ns.Ino == inode, nil
}

// namespaces translates between the numbers that this process sees and those of the initial namespaces, which the
// programs see and records have.
type namespaces struct {
	pid       int           // of this process, in the initial pid namespace
	monotonic time.Duration // what the time namespace adds to CLOCK_MONOTONIC
	lister    *link.Iter    // list_tasks, until Open returns; nil: it is not needed
}

// ownNumbers and taskNumbers are the structs of namespace.bpf.c.
type ownNumbers struct {
	Level, PID uint32
	Sec, Nsec  int64
}

type taskNumbers struct{ OwnTID, OwnPID, PID, PPID, Ended uint32 }

// findNamespaces compares the namespaces of this process with the initial ones. A program that lists tasks is loaded
// only where that is needed: for Options.PIDs, and in other namespaces. It is an error if one of these ids is unknown.
func findNamespaces(l *loader, opt Options) (*namespaces, error) {
	n := &namespaces{pid: os.Getpid()}
	initial := true
	for name, inode := range map[string]uint64{"pid": initialPID, "time": initialTime} {
		in, err := inInitial(name, inode)
		if err != nil {
			return nil, err
		}
		initial = initial && in
	}
	if initial && len(opt.PIDs) == 0 {
		return n, nil
	}
	prog, err := l.loadProgram(l.spec.Programs["list_tasks"])
	if err != nil {
		return nil, fmt.Errorf("loading BPF programs: %w", err)
	}
	defer prog.Close()
	if n.lister, err = link.AttachIter(link.IterOptions{Program: prog}); err != nil {
		return nil, fmt.Errorf("attaching list_tasks: %w", err)
	}
	own, tasks, err := n.list()
	if err == nil {
		_, _, err = find(tasks, opt.PIDs)
	}
	if err == nil && own.Level > 0 && !opt.wantsTree() && !opt.probe {
		err = ErrInside
	}
	if err != nil {
		n.close()
		return nil, err
	}
	n.pid, pidLevel = int(own.PID), int(own.Level)
	n.monotonic = time.Duration(own.Sec)*time.Second + time.Duration(own.Nsec)
	return n, nil
}

// list returns the numbers of this process, and of all threads that it can see.
func (n *namespaces) list() (own ownNumbers, tasks []taskNumbers, err error) {
	f, err := n.lister.Open()
	if err != nil {
		return own, nil, fmt.Errorf("listing the tasks: %w", err)
	}
	defer f.Close()
	data, err := readIterator(f)
	if err != nil {
		return own, nil, fmt.Errorf("listing the tasks: %w", err)
	}
	at, err := binary.Decode(data, binary.NativeEndian, &own)
	if err != nil {
		return own, nil, fmt.Errorf("listing the tasks: %w", err)
	}
	tasks = make([]taskNumbers, (len(data)-at)/binary.Size(taskNumbers{}))
	_, err = binary.Decode(data[at:], binary.NativeEndian, tasks)
	return own, tasks, err
}

func (n *namespaces) close() {
	if n != nil && n.lister != nil {
		n.lister.Close()
	}
}

// find returns the processes that ids, of processes or threads, stand for: in the initial pid namespace, and in this
// process's.
func find(tasks []taskNumbers, ids []int) (pids []uint32, own []int, err error) {
	for _, id := range ids {
		i := slices.IndexFunc(tasks, func(t taskNumbers) bool { return int(t.OwnTID) == id })
		if i < 0 || tasks[i].Ended != 0 {
			return nil, nil, &NoProcessError{PID: id, Ended: i >= 0}
		}
		if !slices.Contains(pids, tasks[i].PID) {
			pids, own = append(pids, tasks[i].PID), append(own, int(tasks[i].OwnPID))
		}
	}
	return pids, own, nil
}

// MonotonicOffset is what the time namespace of this process adds to CLOCK_MONOTONIC. The programs read that clock
// without it.
func (s *Session) MonotonicOffset() time.Duration { return s.namespaces.monotonic }

// follow makes the processes of Options.PIDs, and what they have started, the ones that are recorded. What they start
// meanwhile, the program on fork adds. So nobody is missed once a list has no more children of them. A process whose
// parent had ended before is not found: it has another parent.
func (s *Session) follow(ids []int) error {
	if len(ids) == 0 {
		return nil
	}
	if err := s.coll.Variables["following"].Set(uint32(1)); err != nil {
		return fmt.Errorf("following forks: %w", err)
	}
	_, tasks, err := s.namespaces.list()
	if err != nil {
		return err
	}
	pids, own, err := find(tasks, ids)
	if err != nil {
		return err
	}
	s.Targets = own
	members := map[uint32]bool{}
	for len(pids) > 0 {
		for _, pid := range pids {
			if err := s.addMember(pid); err != nil {
				return fmt.Errorf("following process %d: %w", pid, err)
			}
			members[pid] = true
		}
		if _, tasks, err = s.namespaces.list(); err != nil {
			return err
		}
		pids = s.children(tasks, members)
	}
	return s.dropEnded(tasks, members)
}

// children returns the processes in a list of tasks that are no members, but whose parents are.
func (s *Session) children(tasks []taskNumbers, members map[uint32]bool) []uint32 {
	found := map[uint32]bool{}
	for _, t := range tasks {
		if members[t.PPID] && !members[t.PID] && t.Ended == 0 && int(t.PID) != s.namespaces.pid {
			found[t.PID] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

// addMember adds a process to the map `targets`, unless the program on fork has.
func (s *Session) addMember(pid uint32) error {
	err := s.coll.Maps["targets"].Update(pid, uint32(1), ebpf.UpdateNoExist)
	if err == nil {
		s.members++
	}
	if errors.Is(err, ebpf.ErrKeyExist) {
		return nil
	}
	return err
}

// dropEnded removes members that had ended before they were added: the program on exit did not know them.
func (s *Session) dropEnded(tasks []taskNumbers, members map[uint32]bool) error {
	for _, t := range tasks {
		if t.Ended == 0 {
			delete(members, t.PID)
		}
	}
	for pid := range members {
		err := s.coll.Maps["targets"].Delete(pid)
		if err == nil {
			s.members--
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("following process %d: %w", pid, err)
		}
	}
	return nil
}

// Running returns how many of the processes that are recorded have not ended. It is for sessions that record trees of
// processes, not the whole host.
func (s *Session) Running() int {
	var joined int32
	if err := s.coll.Variables["joined"].Get(&joined); err != nil {
		return 0
	}
	return s.members + int(joined)
}
