// SPDX-License-Identifier: Apache-2.0

package test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// descriptorRead is one read that `workload descriptors` made, and what its descriptor led to then.
type descriptorRead struct {
	Case, Name, Kind, Domain, Protocol, Saddr, Daddr string
	Size, Sport, Dport                               int64
}

// A path says what kind of file it is, and of a socket the protocol and the addresses that it had at the event.
func TestKindsOfDescriptors(t *testing.T) {
	eachABI(t, "file", func(t *testing.T, mechanism string) {
		var report struct {
			Reads   []descriptorRead
			Skipped []string
		}
		got := recordWork(t, "file", mechanism, &report, "descriptors", t.TempDir())
		files, paths := filesBySize(t, got)
		for _, want := range report.Reads {
			r, there := files[want.Size]
			if !there {
				t.Errorf("%s: no row of the read of %d bytes of %s", want.Case, want.Size, want.Name)
				continue
			}
			p := paths[r.n("path")]
			if p == nil {
				t.Fatalf("%s: path %d is not announced", want.Case, r.n("path"))
			}
			if is := (descriptorRead{want.Case, p.s("name"), p.s("kind"), p.s("domain"), p.s("protocol"), p.s("saddr"),
				p.s("daddr"), want.Size, p.n("sport"), p.n("dport")}); is != want {
				t.Errorf("%+v, want %+v", is, want)
			}
		}
		skipCases(t, report.Skipped)
	})
}

// namedCall is one call that `workload named-calls` made, and what its descriptors led to then.
type namedCall struct {
	Case        string
	Mark, NR    int64
	Path, Path2 string
}

// callsBehindMarks returns the first call of each of these numbers behind its mark, by mark.
func callsBehindMarks(t *testing.T, c *format.Capture, want []namedCall) map[int64]row {
	t.Helper()
	const marks, number = 99, 0x1fffffff
	who := tasks(t, c)
	threads := map[int64][]row{}
	for _, r := range rows(t, c, "syscall") {
		tid := who[r.n("task")].n("tid")
		threads[tid] = append(threads[tid], r)
	}
	nr := map[int64]int64{}
	for _, call := range want {
		nr[call.Mark] = call.NR
	}
	found := map[int64]row{}
	for _, calls := range threads {
		slices.SortStableFunc(calls, func(a, b row) int { return cmp.Compare(a.n("ts"), b.n("ts")) })
		at := int64(0)
		for _, r := range calls {
			_, marked := nr[r.n("arg1")]
			switch {
			case marked && r.n("arg2") == marks && uint32(r.n("arg0")) == 0xffffffff:
				at = r.n("arg1")
			case at != 0 && r.n("nr")&number == nr[at]:
				found[at], at = r, 0
			}
		}
	}
	return found
}

// Each call has what its descriptors led to when it was made, also those that it ends, and those that came from
// elsewhere.
func TestDescriptorsOfCalls(t *testing.T) {
	eachABI(t, "syscall", func(t *testing.T, mechanism string) {
		var report struct {
			Calls   []namedCall
			Skipped []string
		}
		got := recordWork(t, "syscall", mechanism, &report, "named-calls", t.TempDir())
		names := map[int64]string{0: ""}
		for _, r := range rows(t, got, "path") {
			names[r.n("path")] = r.s("name")
		}
		found := callsBehindMarks(t, got, report.Calls)
		for _, want := range report.Calls {
			r, there := found[want.Mark]
			if !there {
				t.Errorf("%s: no row", want.Case)
				continue
			}
			path, known := names[r.n("path")]
			path2, known2 := names[r.n("path2")]
			if !known || !known2 {
				t.Errorf("%s: path %d or %d is not announced", want.Case, r.n("path"), r.n("path2"))
			}
			if path != want.Path || path2 != want.Path2 {
				t.Errorf("%s: %q and %q, want %q and %q", want.Case, path, path2, want.Path, want.Path2)
			}
		}
		skipCases(t, report.Skipped)
	})
}
