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
)

// A body is what a process takes of the machine.
type body struct{ rss, descriptors, threads int64 }

func (s *subject) body() (b body, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	if err != nil {
		return b, err
	}
	lines := status(string(text))
	kib, err := strconv.ParseInt(strings.TrimSuffix(lines["VmRSS"], " kB"), 10, 64)
	if err != nil {
		return b, errors.New("it has ended")
	}
	b.rss = kib << 10
	b.threads, _ = strconv.ParseInt(lines["Threads"], 10, 64)
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.Process.Pid))
	b.descriptors = int64(len(fds))
	return b, err
}

func (b body) String() string {
	return fmt.Sprintf("%.1f MiB RSS, %d descriptors, %d threads", float64(b.rss)/(1<<20), b.descriptors, b.threads)
}

// A recorder that has recorded a full load for long takes as much memory and as many descriptors as in the beginning, and as
// much of the disk as what it keeps.
func TestTortureSoak(t *testing.T) {
	needKernel(t)
	needTime(t)
	path := filepath.Join(t.TempDir(), "capture")
	s := expose(t, nil, append([]string{"-w", path, "-e", allFamilies, "-C", "4MiB", "-W", "4", "--"}, heavyLoad(t.TempDir())...)...)
	waitFor(t, "the capture", func() bool { _, err := look(path, false); return err == nil || s.ended() })
	time.Sleep(scale(4*time.Second, 20*time.Second)) // until it has seen everything once
	var bodies []body
	var disk int64
	for end := time.Now().Add(scale(16*time.Second, 10*time.Minute)); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
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
	peak := body{}
	for _, b := range bodies {
		peak = body{max(peak.rss, b.rss), max(peak.descriptors, b.descriptors), max(peak.threads, b.threads)}
	}
	said, _, _ := strings.Cut(s.text(), "\n")
	figures(t, "%s; generations %d to %d kept, at most %.1f MiB on the disk", said, first, last, mib(disk))
	figures(t, "begin: %v; end: %v; most: %v", bodies[0], bodies[len(bodies)-1], peak)
}
