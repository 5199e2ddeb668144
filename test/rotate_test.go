// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// numbersOf reads an integer column, by segment: what is in TABLE/000003.arrow is under 3.
func numbersOf(t *testing.T, c *format.Capture, table, column string) map[int][]int64 {
	t.Helper()
	out := make(map[int][]int64)
	tab := c.Table(table)
	if tab == nil {
		return out
	}
	for i := range tab.Segments {
		one := *tab
		one.Segments = slices.Clone(tab.Segments)
		for j := range one.Segments {
			if j != i {
				one.Segments[j].Blocks = nil
			}
		}
		name := strings.TrimSuffix(filepath.Base(tab.Segments[i].Name), ".arrow")
		number, err := strconv.Atoi(name)
		if err != nil {
			t.Fatalf("segment %s: %v", tab.Segments[i].Name, err)
		}
		err = one.Scan(context.Background(), []string{column}, 1, func(_ int, b *format.Batch) error {
			v := b.Column(column)
			for j := range b.Rows {
				if v.Type == format.Int32 {
					out[number] = append(out[number], int64(v.I32[j]))
				} else {
					out[number] = append(out[number], v.I64[j])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// wantNamed wants each generation to be complete: it has the task, path and cgroup of each id in its rows, each once.
func wantNamed(t *testing.T, c *format.Capture) {
	t.Helper()
	missing, twice := unnamed(t, c)
	if len(twice) > 0 {
		t.Errorf("twice in a segment: %v", twice)
	}
	for dimension, ids := range missing {
		t.Errorf("%d ids of %s are not announced in their generation: %v", len(ids), dimension, ids)
	}
}

// wantNamedOrCounted wants the task, path and cgroup of each id in the rows of a generation to be in it or to be
// counted as lost. They may be there several times.
func wantNamedOrCounted(t *testing.T, c *format.Capture) {
	t.Helper()
	missing, _ := unnamed(t, c)
	for dimension, ids := range missing {
		if n := c.Lost()[dimension]; int64(len(ids)) > n {
			t.Errorf("%d ids of %s are not announced in their generation, and %d are counted", len(ids), dimension, n)
		}
	}
}

// unnamed returns the ids in the rows of each generation that it does not announce, and those that it announces twice:
// as text that says which, by dimension and in a list.
func unnamed(t *testing.T, c *format.Capture) (missing map[string]map[string]bool, twice []string) {
	t.Helper()
	named := map[string]map[int][]int64{
		"task": numbersOf(t, c, "task", "task"), "path": numbersOf(t, c, "path", "path"),
		"cgroup": numbersOf(t, c, "cgroup", "cgroup"),
	}
	sets := make(map[string]map[int]map[int64]bool)
	for dimension, segments := range named {
		sets[dimension] = make(map[int]map[int64]bool)
		for number, ids := range segments {
			set := make(map[int64]bool, len(ids))
			for _, id := range ids {
				if set[id] {
					twice = append(twice, fmt.Sprintf("%s %d in segment %d", dimension, id, number))
				}
				set[id] = true
			}
			sets[dimension][number] = set
		}
	}
	missing = make(map[string]map[string]bool)
	for _, tab := range c.Tables() {
		for _, dimension := range []string{"task", "path", "cgroup"} {
			if tab.Schema.Index(dimension) < 0 || tab.Schema.Table == dimension {
				continue
			}
			for number, ids := range numbersOf(t, c, tab.Schema.Table, dimension) {
				for _, id := range ids {
					if id != 0 && !sets[dimension][number][id] {
						if missing[dimension] == nil {
							missing[dimension] = make(map[string]bool)
						}
						missing[dimension][fmt.Sprintf("%d in segment %d", id, number)] = true
					}
				}
			}
		}
	}
	return missing, twice
}

// segmentsOf returns the lowest and the highest number of a segment, and the greatest number of segments of a table.
func segmentsOf(t *testing.T, c *format.Capture) (first, last, most int) {
	t.Helper()
	for _, tab := range c.Tables() {
		most = max(most, len(tab.Segments))
		for _, s := range tab.Segments {
			n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(s.Name), ".arrow"))
			if err != nil {
				t.Fatal(err)
			}
			if first == 0 || n < first {
				first = n
			}
			last = max(last, n)
		}
	}
	return first, last, most
}

// mix returns a shell script that repeatedly makes events of several families.
func mix(dir string, times int) string {
	return fmt.Sprintf(`i=0; while [ $i -lt %[1]d ]; do
%[2]s calls 20000 2 >/dev/null; [ $((i%%10)) -ne 3 ] || %[2]s tcp 1 >/dev/null
mkdir -p %[3]s/$i; %[2]s files %[3]s/$i 2 >/dev/null; /bin/true
i=$((i+1)); done`, times, program("workload"), dir)
}

// A rotating recording keeps the newest generations of all tables, and they are a complete capture.
func TestRotationKeepsTheNewest(t *testing.T) {
	all := [][]string{
		{"-C", "256KiB", "-G", "300ms", "-W", "2"},
		{"-C", "64KiB", "-W", "4"},
		{"-G", "200ms", "-W", "4"},
	}
	if testing.Short() {
		all = all[:1]
	}
	for _, args := range all {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			got, _ := capture(t, 0, append(args, "-e", allFamilies, "--", "sh", "-c", mix(t.TempDir(), 15))...)
			wantNoLoss(t, got)
			wantNamed(t, got)
			keep, _ := strconv.Atoi(args[len(args)-1])
			first, last, most := segmentsOf(t, got)
			if most > keep || last-first >= keep || first < 2 {
				t.Errorf("segments %d to %d, at most %d of a table; want the newest %d", first, last, most, keep)
			}
			for _, damage := range got.Damage() {
				t.Error(damage)
			}
			for _, tab := range got.Tables() {
				for _, s := range tab.Segments {
					if !s.Complete {
						t.Errorf("segment %s is not complete", s.Name)
					}
				}
			}
			// The last event is in the capture.
			if exits := processes(t, got, "exit"); len(exits) == 0 || exits[len(exits)-1].n("exit_code") != 0 {
				t.Error("the command's exit is not in the capture")
			}
		})
	}
}

// Rotation without -W drops nothing.
func TestRotationAloneDropsNothing(t *testing.T) {
	const n, threads = 300000, 3
	got, _ := capture(t, 0, "-C", "16KiB", "-e", "process,syscall", "--", program("workload"), "calls", strconv.Itoa(n),
		strconv.Itoa(threads))
	wantNoLoss(t, got)
	tasks(t, got)
	first, last, _ := segmentsOf(t, got)
	if first != 1 || last < 3 {
		t.Errorf("segments %d to %d, want several from 1", first, last)
	}
	want := number(t, got, "getpgid")
	count := 0
	for segment, nrs := range numbersOf(t, got, "syscall", "nr") {
		for _, nr := range nrs {
			if nr == want {
				count++
			}
		}
		if segment > last {
			t.Errorf("segment %d", segment)
		}
	}
	if count != n*threads {
		t.Errorf("%d calls of getpgid, want %d", count, n*threads)
	}
}

// A task, a connection and a file without events for many generations are announced again in the generation of their
// next event: of a call that waits all that time, and of a close.
func TestSleepersAreNamed(t *testing.T) {
	needKernel(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	rec, path := start(t, "-e", "process,syscall,file,tcp", "-G", "150ms", "-W", "2", "-p", strconv.Itoa(os.Getpid()))
	segment := func() int {
		m, _ := filepath.Glob(filepath.Join(path, "*", "*.arrow"))
		last := 0
		for _, name := range m {
			n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".arrow"))
			last = max(last, n)
		}
		return last
	}

	conn, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		// Not from.Read, which waits in the poller and not in read(2).
		var b [1]byte
		_, err := syscall.Read(int(from.Fd()), b[:])
		read <- err
	}()
	begun := segment()
	waitFor(t, "ten generations", func() bool {
		os.Getpid()
		syscall.Getppid()
		return segment() >= begun+10
	})
	conn.Close()
	peer.Close()
	if _, err := to.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil && err != io.EOF {
		t.Fatal(err)
	}
	rec.Process.Signal(syscall.SIGINT)
	rec.Wait()
	got := open(t, path)
	wantNoLoss(t, got)
	wantNamed(t, got)
	if n := len(rows(t, got, "pending")); n == 0 {
		t.Error("no thread of this process waits in a call")
	}
	if closes := tally(rows(t, got, "tcp"), "op")["close"]; closes != 2 {
		t.Errorf("%d closes, want 2", closes)
	}
}
