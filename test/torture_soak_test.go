// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/resident"
)

// A body is what a process takes of the machine.
type body struct{ rings, own, descriptors, threads int64 } // rings and own are bytes that are resident

func (s *subject) body() (b body, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	if err != nil {
		return b, err
	}
	lines := status(string(text))
	held, err := resident.Of(s.Process.Pid)
	if err == nil && held.Rest == 0 {
		err = errors.New("it has ended")
	}
	if err != nil {
		return b, err
	}
	b.rings, b.own = held.Rings, held.Rest
	b.threads, _ = strconv.ParseInt(lines["Threads"], 10, 64)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Process.Pid))
	b.descriptors = int64(len(fds))
	return b, err
}

func (b body) String() string {
	return fmt.Sprintf("%.1f MiB beside %.1f MiB of rings, %d descriptors, %d threads", mib(b.own), mib(b.rings),
		b.descriptors, b.threads)
}

// A recorder that has recorded a full load for long takes as much memory and as many descriptors as in the beginning,
// and as much of the disk as what it keeps.
func TestTortureSoak(t *testing.T) {
	needKernel(t)
	needTime(t)
	path := filepath.Join(t.TempDir(), "capture")
	s := expose(t, nil, append([]string{"-w", path, "-e", allFamilies, "-C", "4MiB", "-W", "4", "--"},
		heavyLoad(t.TempDir())...)...)
	waitFor(t, "the capture", func() bool { _, err := look(path, false); return err == nil || s.ended() })
	waitFor(t, "it to have dropped some generations", func() bool {
		v, err := look(path, false)
		return err == nil && v.newest() > scale(8, 40) || s.ended()
	})
	var bodies []body
	var disk int64
	for end := time.Now().Add(scale(16*time.Second,
		10*time.Minute)); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		b, err := s.body()
		if err != nil {
			t.Fatal(err)
		}
		bodies, disk = append(bodies, b), max(disk, onDisk(path))
		if n := len(bodies); n%60 == 0 {
			figures(t, "after %d s: %v", n/2, b)
		}
	}
	syscall.Kill(-s.Process.Pid, syscall.SIGTERM)
	<-s.done
	flat(t, bodies)
	c := open(t, path)
	if !c.Manifest.Complete || len(c.Damage()) > 0 {
		t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
	}
	wantNamed(t, c)
	wantNoGap(t, c)
	first, last, _ := segmentsOf(t, c)
	said, _, _ := strings.Cut(s.text(), "\n")
	figures(t, "%s; generations %d to %d kept, at most %.1f MiB on the disk", said, first, last, mib(disk))
	n := len(bodies)
	figures(t, "the most of each quarter: %v; %v; %v; %v", most(bodies[:n/4]), most(bodies[n/4:n/2]),
		most(bodies[n/2:3*n/4]), most(bodies[3*n/4:]))
}
