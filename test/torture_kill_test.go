// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// few are the families for tests that start hundreds of recorders. Verifying the programs of all takes too long.
const few = "process,syscall,file"

// A recorder that is killed at any moment leaves captures that open, are incomplete, and have every row that could be
// read before. That holds for directories, tars, rotating recorders and flight recorders. Dumps stay complete, and one
// that is being written either opens or is empty.
func TestTortureKills(t *testing.T) {
	needKernel(t)
	const keep = 4
	last := 2 * time.Second
	random := func(d time.Duration) { time.Sleep(rand.N(d)) }
	tooOld := func(after view) func(string, part) bool {
		return func(_ string, p part) bool { return p.last < after.end-int64(last) }
	}
	families := few
	if testing.Short() {
		families = "process,syscall"
	}
	kinds := []struct {
		name string
		args []string
		much int // kills, with make torture
		// lead waits for the moment to kill the recorder. It calls seen, which looks at the captures, just before.
		lead func(s *subject, path string, seen func())
		gone func(after view) func(name string, p part) bool
	}{
		{name: "start", much: 30},
		{name: "directory", much: 30},
		{name: "capture.tar", much: 30},
		{name: "finish", much: 30, lead: func(s *subject, _ string, seen func()) {
			random(time.Second)
			seen()
			s.Process.Signal(syscall.SIGTERM) // which the command gets too
			random(40 * time.Millisecond)
		}},
		{name: "rotation", args: []string{"-C", "64KiB", "-G", "150ms", "-W", fmt.Sprint(keep)}, much: 40,
			gone: func(after view) func(string, part) bool {
				// The generation being written may have nothing yet.
				return func(name string, _ part) bool { return numberOf(name) <= after.newest()+1-keep }
			}},
		{name: "flight", args: []string{"--last", last.String()}, much: 30, gone: tooOld},
		{name: "dump", args: []string{"--last", last.String(), "--sync", "300ms"}, much: 40, lead: untilDump,
			gone: tooOld},
		{name: "dump from memory", args: []string{"--last", last.String(), "--in-memory"}, much: 20, lead: untilDump},
	}
	for _, k := range kinds {
		if testing.Short() && !slices.Contains([]string{"directory", "capture.tar", "dump"}, k.name) {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			kills := scale(2, k.much)
			if testing.Short() { // because CPUs are slow: two at once are too many
				kills = 1
			} else {
				t.Parallel()
			}
			var rows, missing, unopened, torn, dumps, making, early, complete, behind int64
			var begins time.Duration
			for i := range kills {
				path := filepath.Join(t.TempDir(), strings.ReplaceAll(k.name, " ", "-"))
				captures := func() []string { return []string{path} }
				flight := strings.Contains(strings.Join(k.args, " "), "--last")
				if flight {
					captures = func() (paths []string) {
						for _, name := range capturesIn(path) {
							paths = append(paths, filepath.Join(path, name))
						}
						return paths
					}
				}
				args := append([]string{"-q", "-w", path, "-e", families}, k.args...)
				s := expose(t, nil, append(args, "--", program("workload"), "spin", "1h")...)
				before := make(map[string]view)
				seen := func() {
					for _, path := range captures() {
						if strings.HasSuffix(path, ".new") {
							continue // it may be renamed at any moment
						}
						if v, err := look(path, false); err == nil {
							before[path] = v
						} else if _, there := os.Lstat(path); there == nil && !stillEmpty(path) {
							unopened++
							t.Errorf("a capture that does not open while it is recorded: %v", err)
						}
					}
				}
				if k.name == "start" && i%5 > 0 { // otherwise measure again how long the start takes
					random(begins * 2)
				} else {
					began := time.Now()
					waitFor(t, "rows", func() bool {
						for _, path := range captures() {
							if v, err := look(path, false); err == nil && v.rows() > 0 {
								return true
							}
						}
						_, err := os.Stat(path)
						return err == nil && strings.Contains(k.name, "memory") || s.ended()
					})
					if begins = time.Since(began); k.lead != nil {
						k.lead(s, path, seen)
					} else {
						random(1500 * time.Millisecond)
						seen()
					}
				}
				at := time.Now().UnixNano()
				s.kill()

				if len(captures()) == 0 || stillEmpty(captures()[0]) {
					early++
				}
				for _, path := range captures() {
					if stillEmpty(path) {
						continue
					}
					after, err := look(path, true)
					if err != nil {
						unopened++
						t.Errorf("a capture that does not open: %v", err)
						continue
					}
					gone := func(string, part) bool { return false }
					if k.gone != nil {
						gone = k.gone(after)
					}
					rows += before[path].rows()
					if n := after.missing(before[path], gone); n > 0 {
						missing += n
						t.Errorf("%s: %d of %d rows that it had are gone:\n%v\n%v", path, n, before[path].rows(),
							before[path], after)
					}
					if !after.whole && len(after.segments) > 0 && !strings.HasSuffix(path, ".new") {
						behind = max(behind, at-after.end)
					}
					torn += int64(after.torn)
					switch {
					case strings.HasSuffix(path, ".new"):
						making++
					case flight && filepath.Base(path) != "window":
						dumps++
						if !after.whole {
							t.Errorf("%s is a dump and is not whole", path)
						}
					case after.whole && k.name == "finish":
						complete++ // before the kill
					case after.whole:
						t.Errorf("%s says that it is complete", path)
					}
					status, stdout, stderr := output(t, program("analyze"), "info", "--json", path)
					var info struct{ Complete *bool }
					if err := json.Unmarshal([]byte(stdout), &info); status != 0 || err != nil ||
						info.Complete == nil || *info.Complete != after.whole {
						t.Errorf("analyze info: status %d, %s%s", status, stdout, stderr)
					}
				}
			}
			figures(t, "%d kills: %d rows had reached the file, %d of them missing, %d captures do not open; "+
				"the last row was at most %v old, %d torn batches, %d dumps whole, "+
				"%d in the making, %d had begun nothing, %d had finished",
				kills, rows, missing, unopened, time.Duration(behind).Round(time.Millisecond), torn, dumps, making,
				early, complete)
		})
	}
}

// untilDump asks for dumps until it sees one being written: the first, second or third, at random.
func untilDump(s *subject, path string, seen func()) {
	time.Sleep(rand.N(1500 * time.Millisecond))
	skip := rand.IntN(3)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !s.ended(); {
		s.Process.Signal(syscall.SIGUSR2)
		for again := time.Now().Add(300 * time.Millisecond); time.Now().Before(again); {
			names := capturesIn(path)
			if len(names) > 0 && strings.HasSuffix(names[len(names)-1], ".new") || len(names) > 1 &&
				strings.HasSuffix(names[len(names)-2], ".new") {
				if skip--; skip < 0 {
					time.Sleep(rand.N(2 * time.Millisecond))
					return
				}
				break
			}
		}
		if skip <= 0 {
			seen()
		}
	}
	s.t.Error("no dump was seen while it was written")
}
