// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// endlessCapture writes a capture that takes a minute to read, and longer to write as text, and returns its path.
func endlessCapture(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "capture")
	writeHostile(t, dir, nil, func(c *hostileCapture) {
		c.add(fixture.Task, 1, cells{"task": one, "comm": constant(strings.Repeat("n", format.MaxText))})
		c.add(fixture.Syscall, 500_000, cells{"task": one})
	})
	files := map[string]string{}
	for _, name := range []string{format.ManifestName, "task/000001.arrow", "syscall/000001.arrow"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	for n := range 200 { // the same segment under other numbers
		files[fmt.Sprintf("syscall/%06d.arrow", n+1)] = files["syscall/000001.arrow"]
	}
	return writeTar(t, t.TempDir(), files)
}

// plainCapture writes a capture that becomes more text than a pipe takes, and returns its path.
func plainCapture(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.tar")
	writeHostile(t, path, nil, func(c *hostileCapture) {
		c.add(fixture.Task, 1000, cells{"task": count, "comm": text("thread-%d")})
		c.add(fixture.Syscall, 300_000, cells{"task": one, "arg0": func(i int) any { return int64(i) << 40 }})
	})
	return path
}

// reader is a running reader.
type reader struct {
	*exec.Cmd
	t              *testing.T
	name           string
	dir            string // for output and temporary files
	stdin, stdout  *os.File
	stderr         bytes.Buffer
	inputs, output *os.File // the program's ends
}

// startReader starts the reader of a name, with pipes as standard input and output.
func startReader(t *testing.T, name, capture string) *reader {
	t.Helper()
	r := &reader{t: t, name: name, dir: t.TempDir()}
	args := readerCommand(name, []string{capture}, filepath.Join(r.dir, "out"))
	r.Cmd = exec.Command(args[0], args[1:]...)
	r.Dir, r.Cmd.Stderr, r.Env = r.dir, &r.stderr, append(os.Environ(), "TMPDIR="+r.dir)
	var err1, err2 error
	r.inputs, r.stdin, err1 = os.Pipe()
	r.stdout, r.output, err2 = os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	r.Cmd.Stdin, r.Cmd.Stdout = r.inputs, r.output
	t.Cleanup(func() {
		for _, f := range []*os.File{r.inputs, r.stdin, r.stdout, r.output} {
			f.Close()
		}
	})
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	r.output.Close()
	return r
}

// until waits for a condition.
func (r *reader) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.Process.Kill()
			r.t.Fatalf("%s: it was not seen to %s", r.name, what)
		}
	}
}

// wantEnd waits for the end of the program, which must come soon, with this status, and leave nothing behind.
func (r *reader) wantEnd(status int) {
	r.t.Helper()
	began := time.Now()
	slow := time.AfterFunc(20*time.Second, func() { r.Process.Kill() })
	r.Wait()
	slow.Stop()
	if got := r.ProcessState.ExitCode(); got != status || strings.Contains(r.stderr.String(), "error:") {
		r.t.Errorf("%s: exit status %d after %v, want %d: %.300s", r.name, got, time.Since(began), status, &r.stderr)
	}
	wantOnlyOutput(r.t, r.name, r.dir, 1)
}

// unread is how many bytes are in a pipe.
func unread(f *os.File) int {
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCINQ)
	if err != nil {
		panic(err)
	}
	return n
}

// interruptions are the signals that tests send, one after the other.
var interruptions = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}

// A reader that waits for its input, whichever it is, ends at a signal.
func TestReadersEndWhileTheyWait(t *testing.T) {
	for i, name := range readerCommands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startReader(t, name, "-")
			var tar bytes.Buffer
			w, err := format.Create("-", fixture.New().Manifest, format.WriterOptions{Stdout: &tar})
			if err == nil {
				_, err = io.Copy(r.stdin, &tar)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Abort()
			r.until("read its input", func() bool { return unread(r.inputs) == 0 })
			sig := interruptions[i%3]
			r.Process.Signal(sig)
			r.wantEnd(128 + int(sig))
		})
	}
}

// A reader that writes ends at a signal, also in the midst of a batch and while its output takes nothing. Of what it
// wrote nothing stays.
func TestReadersEndWhileTheyWrite(t *testing.T) {
	endless, plain := endlessCapture(t), plainCapture(t)
	for i, name := range readerCommands {
		if !slices.Contains([]string{"convert", "redact", "replay"}, strings.Fields(name)[0]) || name == "redact" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			capture := endless
			if strings.HasPrefix(name, "replay") { // which sorts all of it before it writes
				capture = plain
			}
			r := startReader(t, name, capture)
			r.until("write", func() bool {
				entries, err := os.ReadDir(r.dir)
				return err != nil || len(entries) > 0 || unread(r.stdout) > 0
			})
			sig := interruptions[i%3]
			r.Process.Signal(sig)
			r.wantEnd(128 + int(sig))
		})
	}
}

// A reader whose output is closed ends with success, as head wants it, and leaves nothing behind either.
func TestReadersEndWithTheirOutput(t *testing.T) {
	capture := plainCapture(t)
	for _, name := range []string{"replay", "replay json", "replay arrow", "redact -", "info"} {
		t.Run(name, func(t *testing.T) {
			r := startReader(t, name, capture)
			r.stdout.Close()
			r.wantEnd(0)
		})
	}
}
