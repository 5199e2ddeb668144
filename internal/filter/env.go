// SPDX-License-Identifier: Apache-2.0

package filter

// Env leads from the ids that rows hold to what they stand for. An answer with
// ok is kept, so it must not change; an id that is unknown is asked for again.
type Env interface {
	// Task returns the identity that column task refers to.
	Task(id int32) (t Task, ok bool)
	// Path returns the name that column path refers to.
	Path(id int32) (name string, ok bool)
	// Cgroup returns what the Cgroup of a Task stands for.
	Cgroup(id int64) (g Cgroup, ok bool)
	// SyscallName returns the name of a system call, made up if it is unknown.
	SyscallName(nr int32) string
}

// Task is an identity: a thread as it was when it did something.
type Task struct {
	TID, PID, PPID int32
	UID, GID       int64
	Cgroup         int64
	Comm, Exe      string
}

// Cgroup is a control group: its path, and the container's id if it has one.
type Cgroup struct{ Name, Container string }
