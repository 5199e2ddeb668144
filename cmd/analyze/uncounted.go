// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// uncountedCall is how often a system call moved bytes that are in no row of the table file.
type uncountedCall struct {
	Name  string `json:"name"`
	Calls int64  `json:"calls"`
	Bytes int64  `json:"bytes"` // -1: the result of the call does not tell
}

// movers are the calls that move bytes and have no row in the table file. The value says whether the result is the
// number of bytes.
var movers = map[string]bool{
	"readv": true, "writev": true, "preadv": true, "pwritev": true, "preadv2": true, "pwritev2": true,
	"sendfile": true, "sendfile64": true, "splice": true, "tee": true, "vmsplice": true, "copy_file_range": true,
	"recv": true, "recvfrom": true, "recvmsg": true, "send": true, "sendto": true, "sendmsg": true,
	"recvmmsg": false, "recvmmsg_time64": false, "sendmmsg": false, "socketcall": false,
	"io_uring_enter": false, "io_submit": false, "process_vm_readv": true, "process_vm_writev": true,
}

// mapAnonymous is MAP_ANONYMOUS of asm-generic, x86 and Arm.
const mapAnonymous = 0x20

var (
	movesBytes   = view.Satisfies("ret", func(ret int64) bool { return ret > 0 })
	mapsFiles    = view.Satisfies("arg3", func(flags int64) bool { return flags&mapAnonymous == 0 })
	succeeds     = view.Satisfies("ret", func(ret int64) bool { return !syscalls.Failed(ret) })
	movingCalls  = view.Count(movesBytes)
	movedBytes   = view.Sum("ret", movesBytes)
	fileMappings = view.Count(mapsFiles.And(succeeds))
)

// uncounted are the calls of all programs that move bytes and have no row in the table file, the most frequent first,
// in the window of time that a filter leaves.
type uncounted struct {
	calls    []uncountedCall // nil: not known, because no calls were recorded
	windowed bool            // not of all the time
	crowded  bool            // calls of too many names were recorded, so some may be missing
	unknown  []string        // captures with files and without calls
}

// readUncounted counts such calls in the captures in which files were recorded, at the times that p allows. The rest of
// p does not apply: it is for the columns of the table file.
func readUncounted(e *env, set capture.Set, p *filter.Program) (*uncounted, error) {
	u := &uncounted{}
	var known capture.Set
	for _, c := range set {
		switch {
		case !recorded(c, "file"):
		case recorded(c, "syscall"):
			known = append(known, c)
		default:
			u.unknown = append(u.unknown, c.Path)
		}
	}
	if len(known) == 0 && len(u.unknown) > 0 {
		return u, nil
	}
	window := windowOf(p)
	u.windowed = window != nil
	in := e.input(window, known...)
	results, err := view.GroupRows(e.ctx, in, "syscall",
		view.Grouping{By: []*view.Key{view.Call}, Count: []view.Value{movingCalls, movedBytes, fileMappings}})
	if err != nil {
		return nil, err
	}
	u.calls, u.crowded = []uncountedCall{}, in.Crowded
	for _, g := range results[0].Top(0, nil) {
		name := g.Texts[0]
		base := name[strings.IndexByte(name, ':')+1:] // without the ABI
		inBytes, moves := movers[base]
		c := uncountedCall{name, movingCalls.Of(g), movedBytes.Of(g)}
		switch {
		case name == "mmap" || base == "mmap2": // mmap of other ABIs has its arguments in memory
			c.Calls, c.Bytes = fileMappings.Of(g), -1
		case !moves:
			continue
		case !inBytes:
			c.Bytes = -1
		}
		if c.Calls > 0 {
			u.calls = append(u.calls, c)
		}
	}
	slices.SortStableFunc(u.calls, func(a, b uncountedCall) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Name, b.Name))
	})
	return u, nil
}

// windowOf is the part of a filter that selects times, nil if there is none.
func windowOf(p *filter.Program) *filter.Program {
	if p == nil {
		return nil
	}
	from, to := p.TimeRange()
	return filter.Between(nil, from, to)
}

// notes says for people what is not counted.
func (u *uncounted) notes(several bool) (notes []string) {
	if text := u.text(); text != "" {
		notes = append(notes, text)
	}
	for _, path := range u.unknown {
		text := "not counted here: bytes moved by writev, copy_file_range, mmap and the like; how many is not known, " +
			"because system calls were not recorded"
		if several {
			text = path + ": " + text
		}
		notes = append(notes, text)
	}
	return notes
}

// text is the list of calls, "" if it is empty.
func (u *uncounted) text() string {
	var parts []string
	for _, c := range u.calls {
		part := term.Count(c.Calls) + " " + c.Name
		if strings.Contains(c.Name, "mmap") {
			part += " of files"
		}
		if c.Bytes >= 0 {
			part += " (" + term.Bytes(c.Bytes) + ")"
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	which := "of all programs"
	if u.windowed {
		which += " in this time"
	}
	if u.crowded {
		which += ", at least"
	}
	return "not counted here, " + which + ": bytes moved by " + strings.Join(parts, ", ")
}
