// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
)

// A Selection selects rows of the families that are recorded. A row must satisfy all of it; the zero value selects all.
type Selection struct {
	Comm      string        // only tasks of this name; "": all
	UIDs      []uint32      // only tasks of these real user ids; nil: all
	Cgroup    string        // only tasks in this cgroup and below, by its path from the root; "": all
	Container string        // only tasks in the container whose id begins like this; "": all
	Calls     *Calls        // only these system calls, in syscall and pending; nil: all
	Failed    bool          // only calls that return an error, and their rows of file
	Slower    time.Duration // only calls that take at least this long, and their rows of file; 0: all
}

// Calls are system calls, by their numbers as in column nr.
type Calls struct {
	Numbers []int32
	Except  bool // all but these
}

// MaxUIDs is how many UIDs a selection may have.
const MaxUIDs = 64

// byCall reports whether rows are selected by what a call returns, or how long it takes.
func (sel *Selection) byCall() bool { return sel.Failed || sel.Slower > 0 }

// byCgroup reports whether rows are selected by the cgroup of their tasks.
func (sel *Selection) byCgroup() bool { return sel.Cgroup != "" || sel.Container != "" }

// constants returns the constants of the programs that select rows. spec is of the programs.
func (sel *Selection) constants(spec *ebpf.CollectionSpec, h hierarchy) (map[string]any, error) {
	var comm [16]byte
	copy(comm[:15], sel.Comm)
	var users [MaxUIDs]uint32
	if len(sel.UIDs) > MaxUIDs {
		return nil, fmt.Errorf("selecting users: more than %d", MaxUIDs)
	}
	copy(users[:], sel.UIDs)
	values := map[string]any{
		"want_comm": sel.Comm != "", "comm_filter": comm,
		"want_users": len(sel.UIDs) > 0, "user_filter": users, "user_count": uint32(len(sel.UIDs)),
		"want_cgroups": sel.byCgroup(), "cgroup_hierarchy": h.id,
		"want_calls": sel.Calls != nil, "want_failed": sel.Failed, "slower_ns": uint64(sel.Slower),
	}
	if sel.Calls != nil {
		var arity [2048]uint8
		if err := spec.Variables["arity"].Get(&arity); err != nil {
			return nil, fmt.Errorf("reading arity: %w", err)
		}
		sel.Calls.leaveOut(arity[:])
		values["arity"] = arity
	}
	return values, nil
}

// leaveOut marks the calls that are not selected, in an array by call_index (calls.h).
func (c *Calls) leaveOut(arity []uint8) {
	const leftOut = 0x80 // ARITY_LEFT_OUT
	var listed [2048]bool
	for _, nr := range c.Numbers {
		listed[callIndex(nr)] = true
	}
	for i := range arity {
		if listed[i] == c.Except {
			arity[i] |= leftOut
		}
	}
}

// callIndex is call_index of calls.h, for a number as column nr has it. A call of x32 is the native one of that index.
func callIndex(nr int32) int {
	const compat, x32, armPrivate, elsewhere, ofCompat, unknown = 1 << 29, 1 << 30, 0xf0000, 512, 1024, 1023
	n, base := int(nr), 0
	switch {
	case nr < 0:
		return unknown
	case n&compat != 0:
		n, base = n&^compat, ofCompat
	case n&x32 != 0:
		n &^= x32
		if n < unknown {
			return n
		}
	}
	switch {
	case n < elsewhere:
		return base + n
	case base != 0 && runtime.GOARCH == "arm64" && n >= armPrivate && n < armPrivate+elsewhere:
		return base + elsewhere + n - armPrivate
	}
	return unknown
}

// fill tells the programs which cgroups are recorded, and by which name one that is made later is. The programs are
// attached: a cgroup that is made meanwhile is seen by one of both. missing: there is no such cgroup yet.
func (sel *Selection) fill(coll *ebpf.Collection, h hierarchy) (missing bool, err error) {
	if !sel.byCgroup() {
		return false, nil
	}
	var key [256]byte
	if sel.Cgroup != "" && copy(key[:255], sel.Cgroup) == len(sel.Cgroup) { // one of a longer name is only looked for now
		if err := coll.Maps["selected_names"].Put(key, uint32(1)); err != nil {
			return false, fmt.Errorf("selecting cgroup %s: %w", sel.Cgroup, err)
		}
	}
	root, err := h.mountPoint()
	if err != nil {
		return false, err
	}
	var ids []uint64
	if sel.Container != "" {
		if ids, err = containerCgroups(root, sel.Container); err != nil {
			return false, err
		}
	}
	if sel.Cgroup != "" {
		id, err := cgroupID(filepath.Join(root, sel.Cgroup))
		missing = errors.Is(err, fs.ErrNotExist)
		if err != nil && !missing {
			return false, fmt.Errorf("selecting cgroup %s: %w", sel.Cgroup, err)
		}
		if !missing {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if err := coll.Maps["selected_cgroups"].Put(id, uint32(1)); err != nil {
			return false, fmt.Errorf("selecting cgroups: %w", err)
		}
	}
	return missing, nil
}
