// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// large is set by make torture: everything is done as often, and for as long, as what it is to show takes. make test
// does a little of each.
var large = os.Getenv("FLETCH_TORTURE") == "large"

func scale[T any](little, much T) T {
	if large {
		return much
	}
	return little
}

// figures prints what a test measured; test/run.sh shows these lines.
func figures(t *testing.T, text string, args ...any) {
	t.Helper()
	t.Logf("torture: "+strings.TrimPrefix(t.Name(), "TestTorture")+": "+text, args...)
}

// needTime skips where time is short. Where it is not, but should not be wasted, tests run beside others.
func needTime(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long, and time is short here")
	}
	if !large {
		t.Parallel()
	}
}

// heavyLoad is a command that makes events of every family without end, one thread of it known calls as fast as it can.
func heavyLoad(dir string) []string {
	work := program("workload")
	return []string{"sh", "-c", fmt.Sprintf(`%[1]s calls 1000000000000 1 & while :; do
%[1]s files %[2]s 5; %[1]s tcp 1; %[1]s ipc 1; /bin/true; done >/dev/null 2>&1`, work, dir)}
}

// A subject is a recorder that something is done to. It leads a process group, with its command.
type subject struct {
	*exec.Cmd
	t    *testing.T
	said string        // the file with what it says; no pipe, which its command would hold too
	done chan struct{} // closed when it has ended
}

// expose starts a recorder. What it says goes to the log when the test fails.
func expose(t *testing.T, prepare func(*exec.Cmd), args ...string) *subject {
	t.Helper()
	s := &subject{Cmd: exec.Command(program("record"), args...), t: t, said: filepath.Join(t.TempDir(), "said"),
		done: make(chan struct{})}
	stderr, err := os.Create(s.said)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	s.Stderr = stderr
	s.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if prepare != nil {
		prepare(s.Cmd)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.Wait()
		close(s.done)
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			said := s.text()
			t.Logf("record %s: it said:\n%s", strings.Join(args, " "), said[max(0, len(said)-4096):])
		}
	})
	return s
}

func (s *subject) text() string { return read(s.t, s.said) }

// kill ends the recorder and its command with SIGKILL.
func (s *subject) kill() {
	syscall.Kill(-s.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// status is what it ended with.
func (s *subject) status() int {
	<-s.done
	return s.ProcessState.ExitCode()
}

// ended says whether it has.
func (s *subject) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// A view is what there is to see of a capture: of each segment, by name, how many rows it has and when the last one
// was.
type view struct {
	segments map[string]part
	whole    bool
	torn     int // segments that end in what is no batch
	end      int64
}

type part struct{ rows, last int64 }

func (v view) rows() (n int64) {
	for _, p := range v.segments {
		n += p.rows
	}
	return n
}

// look opens a capture. With decode each value of each batch is read.
func look(path string, decode bool) (v view, err error) {
	c, err := format.Open(path)
	if err != nil {
		return v, err
	}
	defer c.Close()
	v = view{segments: make(map[string]part), whole: c.Manifest.Complete, torn: len(c.Damage())}
	var b format.Batch
	for _, table := range c.Tables() {
		for _, s := range table.Segments {
			p := part{rows: s.Rows}
			for _, block := range s.Blocks {
				p.last = max(p.last, block.MaxTS)
				if decode {
					if err := table.Read(&b, block, nil); err != nil {
						return v, err
					}
				}
			}
			v.end = max(v.end, p.last)
			v.segments[s.Name] = p
		}
	}
	return v, nil
}

// missing is how many rows a capture has no more that were seen in it before. What a rotating recorder may have removed
// by now, gone says.
func (v view) missing(before view, gone func(name string, p part) bool) (n int64) {
	for name, p := range before.segments {
		now, there := v.segments[name]
		if there || !gone(name, p) {
			n += max(0, p.rows-now.rows)
		}
	}
	return n
}

// numberOf is a segment's number.
func numberOf(name string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".arrow"))
	return n
}

func (v view) newest() (n int) {
	for name := range v.segments {
		n = max(n, numberOf(name))
	}
	return n
}

// onDisk is how many bytes a directory takes; a file with two names counts once.
func onDisk(dir string) (n int64) {
	seen := make(map[uint64]bool)
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed meanwhile
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st := info.Sys().(*syscall.Stat_t); !seen[st.Ino] {
			seen[st.Ino] = true
			n += st.Blocks * 512
		}
		return nil
	})
	return n
}

// capturesIn are the captures of a flight recorder's directory: its window, and its dumps by time. Those in the making
// end in .new.
func capturesIn(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// stillEmpty says that a capture killed so early has nothing yet: no manifest, and no segment.
func stillEmpty(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	if !info.IsDir() {
		return info.Size() == 0
	}
	entries, err := os.ReadDir(path)
	return err == nil && !slices.ContainsFunc(entries,
		func(e fs.DirEntry) bool { return e.Name() != format.ManifestName+".new" })
}
