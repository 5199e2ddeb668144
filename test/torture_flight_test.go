// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// known describes the calls of `workload calls` with one thread, which have ascending numbers as arguments, that are in
// a capture.
type known struct {
	n           int64
	missing     int64 // numbers between the first and the last that are not there
	twice       int64
	first, last int64 // numbers
	from, to    int64 // when, ns
	silence     int64 // the longest time between two, ns: mostly while the thread waits for a CPU
}

// wantNoGap wants each number between the first and the last once, except as many as the capture has losses.
func wantNoGap(t *testing.T, c *format.Capture) (k known) {
	t.Helper()
	table := c.Table("syscall")
	if table == nil {
		t.Errorf("%s has no calls", c.Path)
		return k
	}
	nr := number(t, c, "getpgid")
	var numbers, times []int64
	var b format.Batch
	for _, block := range table.Blocks() {
		if err := table.Read(&b, block, []string{"nr", "arg0", "ts"}); err != nil {
			t.Fatal(err)
		}
		nrs, args, ts := b.Column("nr").I32, b.Column("arg0").I64, b.Column("ts").I64
		for i := range b.Rows {
			if int64(nrs[i]) == nr && args[i] >= 1<<30 {
				numbers, times = append(numbers, args[i]), append(times, ts[i])
			}
		}
	}
	if len(numbers) == 0 {
		t.Errorf("%s has no known calls", c.Path)
		return k
	}
	slices.Sort(numbers)
	slices.Sort(times)
	for i := range numbers[1:] {
		k.silence = max(k.silence, times[i+1]-times[i])
		switch d := numbers[i+1] - numbers[i]; d {
		case 0:
			k.twice++
		default:
			k.missing += d - 1
		}
	}
	k.n, k.first, k.last = int64(len(numbers)), numbers[0], numbers[len(numbers)-1]
	k.from, k.to = times[0], times[len(times)-1]
	if k.twice > 0 || k.missing > lost(c) {
		t.Errorf("%s: of %d calls %d are there twice, %d are missing, and only %v were lost", c.Path, k.n, k.twice,
			k.missing, c.Lost())
	}
	return k
}

// wantWindow wants a dump to be a complete capture in which each generation has what its ids refer to, and no known
// calls are missing, except for lost ones.
func wantWindow(t *testing.T, c *format.Capture) known {
	t.Helper()
	if m := c.Manifest; !m.Complete || m.Dump == nil {
		t.Errorf("%s: complete %v, %+v", c.Path, m.Complete, m.Dump)
	}
	for _, damage := range c.Damage() {
		t.Error(damage)
	}
	wantNamed(t, c)
	return wantNoGap(t, c)
}

// spans formats for each generation the times of its first and last call, from the beginning of the capture.
func spans(c *format.Capture) string {
	var b strings.Builder
	for _, s := range c.Table("syscall").Segments {
		first, last := int64(0), int64(0)
		for _, block := range s.Blocks {
			if first == 0 || block.MinTS < first {
				first = block.MinTS
			}
			last = max(last, block.MaxTS)
		}
		fmt.Fprintf(&b, " %s from %v to %v;", s.Name, time.Unix(0, first).Sub(c.Manifest.Start),
			time.Unix(0, last).Sub(c.Manifest.Start))
	}
	return b.String()
}

// dumpsOf returns the names of the dumps in a flight recorder's directory, by time.
func dumpsOf(dir string) []string {
	return slices.DeleteFunc(capturesIn(dir), func(name string) bool {
		return name == "window" ||
			strings.HasSuffix(name, ".new")
	})
}

// A flight recorder under full load makes a hundred dumps. Each is complete and long enough, dumps that follow each
// other closely have no gap between them, and memory and disk space do not grow.
func TestTortureDumps(t *testing.T) {
	needKernel(t)
	// The others that run in parallel would leave it ever more of the CPUs, and a second of events is as many as there
	// is time for: the window would grow with them.
	needTimeAlone(t)
	const last = time.Second
	for _, c := range []struct {
		name string
		args []string
		much int
	}{{"window", nil, 100}, {"memory", []string{"--in-memory", "--max-memory", "512MiB"}, 50}} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flight")
			// Always with zstd, because without it the window becomes ten times as large when the rings are full.
			args := append([]string{"-q", "-w", path, "-e", allFamilies, "-z", "zstd", "--last",
				last.String()}, c.args...)
			s := expose(t, nil, append(append(args, "--"), heavyLoad(t.TempDir())...)...)
			waitFor(t, "the flight recorder", func() bool { _, err := os.Stat(path); return err == nil || s.ended() })
			untilItMoves(t, s, path)
			time.Sleep(3 * time.Second) // of a full load, after which its buffers are as many as it takes
			dumps := scale(3, c.much)
			var rows, missing, events, alone int64
			var silence, shortest, longest time.Duration
			var usages []usage
			var disk []int64
			var before *format.Capture
			var counted known
			for i := range dumps {
				s.Process.Signal(syscall.SIGUSR2)
				waitFor(t, "a dump", func() bool { return len(dumpsOf(path)) > 0 || s.ended() })
				names := dumpsOf(path)
				if len(names) != 1 {
					t.Fatalf("%d dumps", len(names))
				}
				b, err := s.usage()
				if err != nil {
					t.Fatal(err)
				}
				usages, disk = append(usages, b), append(disk, onDisk(path))

				got, err := format.Open(filepath.Join(path, names[0]))
				if err != nil {
					t.Fatalf("a dump that does not open: %v", err)
				}
				k := wantWindow(t, got)
				m := got.Manifest
				if m.Dump == nil {
					t.FailNow()
				}
				if m.Start.After(m.Dump.TS.Add(-last)) {
					t.Errorf("dump %d, %s, begins %v before its signal, want %v: %s", i, names[0],
						m.Dump.TS.Sub(m.Start), last, spans(got))
				}
				if before != nil && m.Dump.TS.Sub(before.Manifest.Dump.TS) < last {
					if k.first > counted.last+1 {
						t.Errorf("%s begins with call %d, and the dump before ends with %d", names[0],
							k.first, counted.last)
					}
				} else if i > 0 {
					alone++
				}
				before, counted = got, k
				length := time.Duration(k.to - k.from)
				if i == 0 || length < shortest {
					shortest = length
				}
				longest, silence = max(longest, length), max(silence, time.Duration(k.silence))
				rows, missing, events = rows+k.n, missing+k.missing, events+lost(got)
				got.Close()
				if err := os.RemoveAll(filepath.Join(path, names[0])); err != nil {
					t.Fatal(err)
				}
			}
			syscall.Kill(-s.Process.Pid, syscall.SIGTERM)
			<-s.done
			names := capturesIn(path)
			if len(names) != 1 || !strings.HasSuffix(names[0], "-end") {
				t.Fatalf("the directory has %v, want the dump of the end", names)
			}
			wantWindow(t, open(t, filepath.Join(path, names[0])))
			flat(t, usages)
			tenth := max(1, len(disk)/10)
			begun, ended := slices.Max(disk[:tenth]), slices.Max(disk[len(disk)-tenth:])
			if ended > 2*begun+8<<20 {
				t.Errorf("%d bytes on the disk in the end, %d in the beginning", ended, begun)
			}
			figures(t, "%d dumps of %v to %v, %d known calls, %d of them missing while %d events were lost, "+
				"the longest silence %v, %d dumps apart from those before",
				dumps, shortest.Round(time.Millisecond), longest.Round(time.Millisecond), rows, missing, events,
				silence.Round(time.Millisecond), alone)
			figures(t, "begin: %v, %.1f MiB on the disk; end: %v, %.1f MiB on the disk", usages[0], mib(disk[0]),
				usages[len(usages)-1], mib(disk[len(disk)-1]))
		})
	}
}

// untilItMoves waits until a flight recorder's window has dropped its first generation. It finds that out by dumps,
// which it removes.
func untilItMoves(t *testing.T, s *subject, path string) {
	t.Helper()
	for oldest := 1; oldest == 1; {
		s.Process.Signal(syscall.SIGUSR2)
		waitFor(t, "a dump", func() bool { return len(dumpsOf(path)) > 0 || s.ended() })
		for _, name := range dumpsOf(path) {
			c, err := format.Open(filepath.Join(path, name))
			if err != nil {
				t.Fatalf("a dump that does not open: %v", err)
			}
			oldest, _, _ = segmentsOf(t, c)
			c.Close()
			if err := os.RemoveAll(c.Path); err != nil {
				t.Fatal(err)
			}
		}
		if s.ended() {
			t.Fatal("the recorder has ended")
		}
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// most returns the greatest value of each resource.
func most(usages []usage) (b usage) {
	for _, o := range usages {
		b = usage{max(b.rings, o.rings), max(b.own, o.own), max(b.descriptors, o.descriptors),
			max(b.threads, o.threads)}
	}
	return b
}

// flat wants the resources of a process not to grow: in the last quarter of the time they must be about those of the
// second quarter. Rings have a fixed size. Other memory is buffers, as many as were ever needed at once, and garbage, a
// fifth of that. Descriptors are more while the segments of two generations are open.
func flat(t *testing.T, usages []usage) {
	t.Helper()
	n := len(usages)
	begun, ended := most(usages[n/4:max(n/2, n/4+1)]), most(usages[3*n/4:])
	if ended.rings > begun.rings || ended.own > begun.own*11/10+scale[int64](12<<20, 4<<20) ||
		ended.descriptors > begun.descriptors+12 || ended.threads > begun.threads+8 {
		t.Errorf("it took %v in the second quarter, and %v in the last one", begun, ended)
	}
}

// Under full load too, a dump has the event that triggered it, and the calls before and after it without a gap.
func TestTortureTriggers(t *testing.T) {
	needKernel(t)
	needTime(t)
	const before, after = 2 * time.Second, time.Second
	dir := t.TempDir()
	trip := filepath.Join(dir, "trip")
	if err := os.WriteFile(trip, []byte("#!/bin/sh\nexit 7\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	load := heavyLoad(t.TempDir())
	load[2] = strings.Replace(load[2], "; /bin/true;",
		fmt.Sprintf("; [ ! -e %[1]s/go ] || { rm %[1]s/go; %[1]s/trip; }; /bin/true;", dir), 1)
	path := filepath.Join(t.TempDir(), "flight")
	s := expose(t, nil, append([]string{"-q", "-w", path, "-e", allFamilies, "--last", before.String(), "--after",
		after.String(),
		"--trigger", `op == "exit" && comm == "trip" && exit_code == 7`, "--"}, load...)...)
	waitFor(t, "the flight recorder", func() bool { _, err := os.Stat(path); return err == nil || s.ended() })
	waitForWindow(t, filepath.Join(path, "window"), before)
	n := scale(1, 15)
	var least, following time.Duration
	var missing, events int64
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the dump", func() bool { return len(dumpsOf(path)) > 0 || s.ended() })
		names := dumpsOf(path)
		if len(names) != 1 {
			t.Fatalf("%d dumps", len(names))
		}
		c := open(t, filepath.Join(path, names[0]))
		k := wantWindow(t, c)
		found := 0
		for _, r := range processes(t, c, "exit") {
			if r.n("exit_code") == 7 && c.Manifest.Dump != nil && time.Unix(0, r.n("ts")).Equal(c.Manifest.Dump.TS) {
				found++
				b, a := time.Duration(r.n("ts")-k.from), time.Duration(k.to-r.n("ts"))
				if i == 0 || b < least {
					least = b
				}
				if i == 0 || a < following {
					following = a
				}
				// The thread that makes the calls may have to wait for a CPU.
				if silence := time.Duration(k.silence); b < before-silence || a < after-silence {
					t.Errorf("%s: %v before the event and %v after it, want %v and %v", c.Path, b, a, before, after)
				}
			}
		}
		if found != 1 {
			t.Errorf("%s: its event is there %d times", c.Path, found)
		}
		missing, events = missing+k.missing, events+lost(c)
		if err := os.RemoveAll(c.Path); err != nil {
			t.Fatal(err)
		}
	}
	figures(t, "%d triggers: at least %v before the event, %v after it; "+
		"%d known calls missing while %d events were lost",
		n, least.Round(time.Millisecond), following.Round(time.Millisecond), missing, events)
}
