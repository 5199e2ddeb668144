// SPDX-License-Identifier: Apache-2.0

package test

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// pathRead is one read that `workload paths` made.
type pathRead struct {
	Case, Name  string
	Size, Mntns int64
}

// filesBySize returns the rows of table file by the number of bytes that were requested, and the rows of table path by
// their id. No id may be announced twice.
func filesBySize(t *testing.T, c *format.Capture) (files, paths map[int64]row) {
	t.Helper()
	files, paths = map[int64]row{}, map[int64]row{}
	for _, r := range rows(t, c, "file") {
		files[r.n("size")] = r
	}
	for _, r := range rows(t, c, "path") {
		if _, twice := paths[r.n("path")]; twice || r.s("name") == "" {
			t.Errorf("path %v is announced twice or has no name", r)
		}
		paths[r.n("path")] = r
	}
	return files, paths
}

// A path is the one that the file had when it was read, in its mount namespace, whatever its mount, its name and the
// kernel's objects were used for before.
func TestPathsAreThoseOfTheirTime(t *testing.T) {
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		var report struct {
			Reads   []pathRead
			Skipped []string
		}
		got := recordWork(t, "file", mechanism, &report, "paths", t.TempDir())
		files, paths := filesBySize(t, got)
		rows, wrong := map[string]int64{}, map[string]int{}
		for _, want := range report.Reads {
			r, there := files[want.Size]
			if !there {
				t.Errorf("%s: no row of the read of %d bytes of %s", want.Case, want.Size, want.Name)
				continue
			}
			path := paths[r.n("path")]
			if path == nil {
				t.Fatalf("%s: path %d is not announced", want.Case, r.n("path"))
			}
			if path.s("name") != want.Name || path.n("mntns") != want.Mntns {
				if wrong[want.Case]++; wrong[want.Case] <= 3 {
					t.Errorf("%s: %s in %d, want %s in %d", want.Case, path.s("name"), path.n("mntns"), want.Name,
						want.Mntns)
				}
			}
			rows[want.Case]++
		}
		t.Logf("reads: %v, wrong: %v, skipped: %q", rows, wrong, report.Skipped)
	})
}
