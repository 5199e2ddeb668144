// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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

// An offset is where the bytes came from or went, also if the call appends.
func TestOffsets(t *testing.T) {
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		var report []struct {
			Case         string
			Size, Offset int64
		}
		got := recordWork(t, "file", mechanism, &report, "offsets", t.TempDir())
		files, _ := filesBySize(t, got)
		for _, want := range report {
			if r, there := files[want.Size]; !there {
				t.Errorf("%s: no row of %d bytes", want.Case, want.Size)
			} else if r.n("offset") != want.Offset {
				t.Errorf("%s: %v, want offset %d", want.Case, r, want.Offset)
			}
		}
	})
}

// Programs that append one after the other write behind each other.
func TestShellsAppend(t *testing.T) {
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		script := "cd " + t.TempDir() + `; for text in one three seventeen; do sh -c "echo $text >>log"; done`
		got, _ := capture(t, 0, "-e", "file", "--mechanism", "file="+mechanism, "--", "sh", "-c", script)
		wantNoLoss(t, got)
		_, paths := filesBySize(t, got)
		var at []int64
		for _, r := range rows(t, got, "file") {
			if path := paths[r.n("path")]; path != nil && strings.HasSuffix(path.s("name"), "/log") {
				at = append(at, r.n("offset"))
			}
		}
		if want := []int64{0, 4, 10}; !slices.Equal(at, want) {
			t.Errorf("the shells wrote at %v, want %v", at, want)
		}
	})
}

// While directories above a file are exchanged all the time, each read has one of the two names that the file has had.
func TestPathsWhileRenamed(t *testing.T) {
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		var report struct {
			Names []string
			Reads int
		}
		got := recordWork(t, "file", mechanism, &report, "exchange", t.TempDir(), strconv.FormatInt(fewer(20_000), 10))
		_, paths := filesBySize(t, got)
		names := map[string]int{}
		for _, r := range rows(t, got, "file") {
			if r.n("size") == 90_001 {
				names[paths[r.n("path")].s("name")]++
			}
		}
		total := 0
		for name, n := range names {
			total += n
			if !slices.Contains(report.Names, name) && !strings.Contains(name, ":") {
				t.Errorf("%d reads of %s, which is neither of %q", n, name, report.Names)
			}
		}
		if total != report.Reads || names[report.Names[0]] == 0 || names[report.Names[1]] == 0 {
			t.Errorf("%d reads, of %v, want %d of both", total, slices.Sorted(maps.Keys(names)), report.Reads)
		}
		t.Logf("reads by name: %v", names)
	})
}

// The path of a program is right, wherever its directory is mounted.
func TestProgramsOfMounts(t *testing.T) {
	needKernel(t)
	needProgram(t, "unshare")
	dir := t.TempDir()
	script := fmt.Sprintf(`cd %s && mkdir src one stacked && cp %s src/ && for at in one stacked stacked stacked stacked
do mount --bind src $at && $at/workload fault 2>/dev/null; done; exit 0`, dir, program("workload"))
	got, _ := capture(t, 0, "-e", "process", "--", "unshare", "-m", "sh", "-c", script)
	wantNoLoss(t, got)
	who, count := tasks(t, got), map[string]int{}
	for _, r := range processes(t, got, "exec") {
		count[who[r.n("task")].s("exe")]++
	}
	if one, stacked := count[dir+"/one/workload"], count[dir+"/stacked/workload"]; one != 1 || stacked != 4 {
		t.Errorf("%d programs in one, %d in stacked: %v", one, stacked, count)
	}
}
