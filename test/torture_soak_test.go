// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/resident"
)

// A usage is the resources of a process. rings and own are resident bytes: of mapped rings, and of everything else.
type usage struct{ rings, own, descriptors, threads int64 }

func (s *subject) usage() (b usage, err error) {
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

func (b usage) String() string {
	return fmt.Sprintf("%.1f MiB beside %.1f MiB of rings, %d descriptors, %d threads", mib(b.own), mib(b.rings),
		b.descriptors, b.threads)
}

// Under full load and beside hostile neighbours for a long time, the memory, descriptors, threads and disk space of a
// rotating recorder do not grow.
func TestTortureSoak(t *testing.T) {
	needKernel(t)
	needTime(t)
	path := filepath.Join(t.TempDir(), "capture")
	neighbours := "for kind in " + strings.Join(slices.Concat(hostilities, crowds), " ") + "; do " +
		program("workload") + " neighbour $kind " + t.TempDir() + ` 10h & done; exec "$@"`
	s := expose(t, nil, slices.Concat([]string{"-w", path, "-e", allFamilies, "-C", "4MiB", "-W", "4", "--",
		"sh", "-c", neighbours, "sh"}, heavyLoad(t.TempDir()))...)
	waitFor(t, "the capture", func() bool { _, err := look(path, false); return err == nil || s.ended() })
	waitFor(t, "it to have dropped some generations", func() bool {
		v, err := look(path, false)
		return err == nil && v.newest() > scale(8, 40) || s.ended()
	})
	var usages []usage
	var disk int64
	for end := time.Now().Add(scale(16*time.Second,
		10*time.Minute)); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		b, err := s.usage()
		if err != nil {
			t.Fatal(err)
		}
		usages, disk = append(usages, b), max(disk, onDisk(path))
		if n := len(usages); n%60 == 0 {
			figures(t, "after %d s: %v", n/2, b)
		}
	}
	syscall.Kill(-s.Process.Pid, syscall.SIGTERM)
	<-s.done
	flat(t, usages)
	c := open(t, path)
	if !c.Manifest.Complete || len(c.Damage()) > 0 {
		t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
	}
	wantNamedOrCounted(t, c)
	wantNoGap(t, c)
	first, last, _ := segmentsOf(t, c)
	summary, _, _ := strings.Cut(s.text(), "\n")
	figures(t, "%s; generations %d to %d kept, at most %.1f MiB on the disk", summary, first, last, mib(disk))
	n := len(usages)
	figures(t, "the most of each quarter: %v; %v; %v; %v", most(usages[:n/4]), most(usages[n/4:n/2]),
		most(usages[n/2:3*n/4]), most(usages[3*n/4:]))
}
