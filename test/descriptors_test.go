// SPDX-License-Identifier: Apache-2.0

package test

import "testing"

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
		t.Logf("%d reads, skipped: %q", len(report.Reads), report.Skipped)
	})
}
