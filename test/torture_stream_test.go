// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// streamed starts a recorder that writes to a pipe, and returns the other end.
func streamed(t *testing.T, args ...string) (*subject, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s := expose(t, func(c *exec.Cmd) { c.Stdout = w }, append([]string{"-q", "-w", "-", "-e", few}, args...)...)
	w.Close()
	return s, r
}

// blocked reports whether the pipe that a recorder writes to is full.
func (s *subject) blocked() bool {
	s.t.Helper()
	w, err := unix.Open(fmt.Sprintf("/proc/%d/fd/1", s.Process.Pid), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer unix.Close(w)
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(w), Events: unix.POLLOUT}}, 0)
	return ready == 0 && err == nil
}

// begun copies the beginning of the stream, which is the manifest, so that the recording has begun.
func begun(to io.Writer, from io.Reader) error {
	_, err := io.CopyN(to, from, 1024)
	return err
}

// arrived creates the file that the stream is copied to.
func arrived(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "arrived.tar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// The reader of a stream stalls, is slow, closes it or dies. If it continues, the recording is complete. If not, the
// recorder ends with one line of error, and what arrived can be read.
func TestTortureStreams(t *testing.T) {
	needKernel(t)
	needTime(t)
	endless := []string{"--", program("workload"), "spin", "1h"}
	wantArrived := func(t *testing.T, f *os.File) view {
		t.Helper()
		v, err := look(f.Name(), true)
		if err != nil {
			t.Fatalf("what arrived does not open: %v", err)
		}
		if v.whole {
			t.Error("what arrived says that it is complete")
		}
		return v
	}
	// Both record more than fits into the pipe, the rings and the batches.
	for _, c := range []struct {
		name string
		read func(to io.Writer, from io.Reader) error
	}{
		{"stalls", func(to io.Writer, from io.Reader) error {
			if _, err := io.CopyN(to, from, 100_000); err != nil {
				return err
			}
			time.Sleep(scale(2*time.Second, 7*time.Second)) // at the end, the recorder waits for 10 s at most
			_, err := io.Copy(to, from)
			return err
		}},
		{"is slow", func(to io.Writer, from io.Reader) error {
			b := make([]byte, 32<<10)
			for {
				n, err := from.Read(b)
				if err != nil {
					return err
				}
				to.Write(b[:n])
				time.Sleep(2 * time.Millisecond)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := scale[int64](800_000, 5_000_000)
			s, r := streamed(t, "-z", "none", "-b", "1MiB", "--", "sh", "-c",
				fmt.Sprintf("%s calls %d 1 >/dev/null", program("workload"), calls))
			f := arrived(t)
			if err := c.read(f, r); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if s.status() != 0 {
				t.Errorf("status %d", s.status())
			}
			got := open(t, f.Name())
			if !got.Manifest.Complete || len(got.Damage()) > 0 {
				t.Errorf("complete %v, damage %v", got.Manifest.Complete, got.Damage())
			}
			k := wantNoGap(t, got)
			n := got.Lost()["syscall"]
			if k.n > calls || k.n+n < calls {
				t.Errorf("%d calls are there, %d events were lost, of %d", k.n, n, calls)
			}
			figures(t, "%d of %d calls arrived, %d events were lost and counted", k.n, calls, n)
		})
	}
	for _, c := range []struct {
		name string
		lead func(s *subject, r, to *os.File) error // what the reader does, until its end
		ends bool                                   // the recorder must end by itself
	}{
		{"leaves", func(_ *subject, r, to *os.File) error {
			_, err := io.CopyN(to, r, 20_000+rand.Int64N(500_000))
			return errors.Join(err, r.Close())
		}, true},
		{"dies", func(_ *subject, r, to *os.File) error {
			if err := begun(to, r); err != nil {
				return err
			}
			cat := exec.Command("cat")
			cat.Stdin, cat.Stdout = r, to
			if err := cat.Start(); err != nil {
				return err
			}
			r.Close()
			time.Sleep(time.Second + rand.N(2*time.Second))
			cat.Process.Kill()
			cat.Wait()
			return nil
		}, true},
		{"outlives it", func(s *subject, r, to *os.File) error {
			if err := begun(to, r); err != nil {
				return err
			}
			time.AfterFunc(rand.N(3*time.Second), s.kill)
			_, err := io.Copy(to, r)
			return err
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rows, bytes int64
			n := scale(1, 10)
			for range n {
				s, r := streamed(t, endless...)
				f := arrived(t)
				if err := c.lead(s, r, f); err != nil {
					t.Fatal(err)
				}
				waitFor(t, "the recorder to end", s.ended)
				if c.ends {
					s.wantFailed("its reader has closed it")
				}
				rows, bytes = rows+wantArrived(t, f).rows(), bytes+onDisk(f.Name())
				s.kill()
			}
			figures(t, "%d times: %d rows in %d bytes arrived, and all were read", n, rows, bytes)
		})
	}
	// The reader never reads. Events that do not fit into the rings are lost, and the recorder still ends.
	t.Run("never reads", func(t *testing.T) {
		s, r := streamed(t, endless...)
		f := arrived(t)
		if err := begun(f, r); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the pipe to be full", s.blocked)
		// Only the recorder; it sends a signal to its command.
		s.Process.Signal(syscall.SIGTERM)
		if large {
			waitFor(t, "the recorder to give up", s.ended)
			s.wantFailed("its reader has read nothing for")
		} else {
			// Signals within 0.2 s of the first one count as one.
			waitFor(t, "the recorder to stop at once", func() bool {
				s.Process.Signal(syscall.SIGTERM)
				return s.ended()
			})
			if s.status() != 128+int(syscall.SIGTERM) {
				t.Errorf("status %d", s.status())
			}
		}
		if _, err := io.Copy(f, r); err != nil {
			t.Fatal(err)
		}
		v := wantArrived(t, f)
		figures(t, "%d rows were in the pipe; %s", v.rows(), strings.TrimSpace(s.text()))
	})
}
