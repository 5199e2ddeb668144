// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Proc finds processes in /proc, where they have the numbers of the pid namespace that it was mounted in.
type Proc struct {
	ns     uint64           // that namespace; 0: unknown
	nested map[nsPID]string // the directories of processes in namespaces below it; nil: not read yet
}

// An nsPID is the number of a process in its own pid namespace.
type nsPID struct {
	ns  uint64 // the inode
	pid int
}

// pidLevel is how many pid namespaces are around that of this process; 0: it is the initial one. Open sets it.
var pidLevel int

// FindProc finds out which namespace /proc is of: it shows the numbers of this process in that and in all below it.
func FindProc() *Proc {
	if pidLevel == 0 {
		return &Proc{ns: initialPID}
	}
	status, _ := os.ReadFile("/proc/self/status")
	switch len(numbers(status)) {
	case 1:
		return &Proc{ns: inode("/proc/self/ns/pid")}
	case pidLevel + 1:
		return &Proc{ns: initialPID}
	}
	return &Proc{}
}

// numbers returns the numbers in the file status of a process: the last one is that in its own namespace.
func numbers(status []byte) []string {
	_, line, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ = strings.Cut(line, "\n")
	return strings.Fields(line)
}

// inode returns the inode that a path leads to; 0: it cannot be reached.
func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// Directory returns the directory of a process, of which pid is the number in the initial pid namespace, and nspid that
// in its own, whose inode is pidns. It is not ok if this /proc does not show which directory that is.
func (p *Proc) Directory(pid, nspid int32, pidns int64) (dir string, ok bool) {
	switch p.ns {
	case initialPID:
		return fmt.Sprintf("/proc/%d", pid), true
	case uint64(pidns):
		return fmt.Sprintf("/proc/%d", nspid), nspid != 0
	}
	if p.nested == nil {
		p.readNested()
	}
	dir, ok = p.nested[nsPID{uint64(pidns), int(nspid)}]
	return dir, ok
}

// readNested finds the processes that have numbers in namespaces below that of /proc.
func (p *Proc) readNested() {
	p.nested = make(map[nsPID]string)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			continue // it has ended
		}
		all := numbers(status)
		if len(all) < 2 {
			continue
		}
		if pid, err := strconv.Atoi(all[len(all)-1]); err == nil {
			p.nested[nsPID{inode(filepath.Join(dir, "ns", "pid")), pid}] = dir
		}
	}
}
