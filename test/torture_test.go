// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
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
	"time"

	"github.com/fletch-trace/fletch/format"
)

// large is set by make torture, which runs the torture tests for half an hour. make test runs a short version.
var large = os.Getenv("FLETCH_TORTURE") == "large"

func scale[T any](little, much T) T {
	if large {
		return much
	}
	return little
}

// figures logs what a test measured. test/run.sh prints these lines.
func figures(t *testing.T, text string, args ...any) {
	t.Helper()
	t.Logf("torture: "+strings.TrimPrefix(t.Name(), "TestTorture")+": "+text, args...)
}

// needTime skips the test with -short. The short versions of torture tests run in parallel.
func needTime(t *testing.T) {
	t.Helper()
	needTimeAlone(t)
	if !large {
		t.Parallel()
	}
}

// needTimeAlone is needTime for a test beside which no other runs.
func needTimeAlone(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long, not run with -short")
	}
}

// heavyLoad returns a command that makes events of every family without end. One of its threads makes known calls as
// fast as it can.
func heavyLoad(dir string) []string {
	work := program("workload")
	return []string{"sh", "-c", fmt.Sprintf(`%[1]s calls 1000000000000 1 & while :; do
%[1]s files %[2]s 5; %[1]s tcp 1; %[1]s ipc 1; /bin/true; done >/dev/null 2>&1`, work, dir)}
}

// A subject is the recorder of a torture test. It and its command are a process group.
type subject struct {
	*exec.Cmd
	t    *testing.T
	log  string        // path of its standard error; not a pipe, which its command would keep open
	done chan struct{} // closed when it has ended
}

// expose starts a recorder. If the test fails, it logs what the recorder printed.
func expose(t *testing.T, prepare func(*exec.Cmd), args ...string) *subject {
	t.Helper()
	s := &subject{Cmd: exec.Command(program("record"), args...), t: t, log: filepath.Join(t.TempDir(), "stderr"),
		done: make(chan struct{})}
	stderr, err := os.Create(s.log)
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
	go s.endCommand()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			text := s.text()
			t.Logf("record %s printed:\n%s", strings.Join(args, " "), text[max(0, len(text)-4096):])
		}
	})
	return s
}

// endCommand ends COMMAND when the recorder has failed and waits for it.
func (s *subject) endCommand() {
	for !s.ended() {
		if text, err := os.ReadFile(s.log); err == nil && bytes.Contains(text, []byte("waiting for its end")) {
			s.Process.Signal(syscall.SIGTERM)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// text returns what the recorder has printed so far.
func (s *subject) text() string { return read(s.t, s.log) }

// kill ends the recorder and its command with SIGKILL.
func (s *subject) kill() {
	syscall.Kill(-s.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// status waits for the recorder to end, and returns its exit status.
func (s *subject) status() int {
	<-s.done
	return s.ProcessState.ExitCode()
}

// ended reports whether the recorder has ended.
func (s *subject) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// A view is what can be read of a capture at one moment.
type view struct {
	segments map[string]part // by name
	whole    bool            // the manifest says that it is complete
	torn     int             // segments that end in an incomplete batch
	end      int64           // time of the last row, ns
}

// A part is what can be read of a segment: the number of rows, and the time of the last one in ns.
type part struct{ rows, last int64 }

func (v view) rows() (n int64) {
	for _, p := range v.segments {
		n += p.rows
	}
	return n
}

// look opens a capture. With decode it reads all values.
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

// missing returns how many rows of an earlier view of the capture are missing, except those of segments that, according
// to gone, a rotating recorder may have removed.
func (v view) missing(before view, gone func(name string, p part) bool) (n int64) {
	for name, p := range before.segments {
		now, there := v.segments[name]
		if there || !gone(name, p) {
			n += max(0, p.rows-now.rows)
		}
	}
	return n
}

// numberOf returns the number in a segment's name.
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

// onDisk returns the number of bytes that a directory takes on disk. Files with several links count once.
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

// capturesIn returns the names in a flight recorder's directory: its dumps by time, and the window. The name of a dump
// that is being written ends in .new.
func capturesIn(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// stillEmpty reports whether a capture has neither manifest nor segments, because its recorder was killed that early.
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
