// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A disk is a small file system, mounted until the test ends.
type disk struct {
	t     *testing.T
	dir   string
	image string // of an ext4; "" is a tmpfs
}

// newDisk makes and mounts a disk of so many MiB, a tmpfs or an ext4 image.
func newDisk(t *testing.T, kind string, mib int) *disk {
	t.Helper()
	needRoot(t)
	d := &disk{t: t, dir: t.TempDir()}
	if kind == "tmpfs" {
		switch err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); {
		case errors.Is(err, syscall.EPERM):
			t.Skip("no file systems can be mounted here")
		case err != nil:
			t.Fatal(err)
		}
	} else {
		mkfs := needProgram(t, "mkfs."+kind)
		d.image = filepath.Join(t.TempDir(), "image")
		f, err := os.Create(d.image)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(int64(mib)<<20), f.Close()); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(mkfs, "-q", "-F", d.image).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", mkfs, err, out)
		}
		if out, err := d.mount(); err != nil {
			if loop, refused := os.OpenFile("/dev/loop-control", os.O_RDWR, 0); refused != nil {
				t.Skipf("no image can be mounted here: %v", refused)
			} else {
				loop.Close()
			}
			t.Fatalf("mounting an image: %v\n%s", err, out)
		}
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *disk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop,errors=remount-ro", d.image, d.dir).CombinedOutput()
}

// remount unmounts and mounts the disk, as after a power failure.
func (d *disk) remount() {
	d.t.Helper()
	waitFor(d.t, "the file system to be unused", func() bool { return syscall.Unmount(d.dir, 0) == nil })
	if out, err := d.mount(); err != nil {
		d.t.Fatalf("mounting it again: %v\n%s", err, out)
	}
}

// device returns the name of the disk's block device.
func (d *disk) device() string {
	d.t.Helper()
	for line := range strings.Lines(read(d.t, "/proc/self/mounts")) {
		if f := strings.Fields(line); f[1] == d.dir {
			return filepath.Base(f[0])
		}
	}
	d.t.Fatalf("%s is not mounted", d.dir)
	return ""
}

// fail makes the kernel find an error on the disk, upon which it makes it read-only.
func (d *disk) fail() {
	d.t.Helper()
	if err := os.WriteFile("/sys/fs/ext4/"+d.device()+"/trigger_fs_error", []byte("1"), 0o200); err != nil {
		d.t.Fatal(err)
	}
}

// cutPower makes the file system lose everything that is not on the disk, including its journal, as a power failure
// does.
func (d *disk) cutPower() {
	d.t.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	const shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
	how := uint32(2)            // without flushing the journal
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.t.Fatal(errno)
	}
}

// watched opens a capture again and again until its recorder ends, and returns the last view of it.
func (s *subject) watched(path string) (seen view) {
	s.t.Helper()
	waitFor(s.t, "the recording to end", func() bool {
		v, err := look(path, false)
		if err != nil && !stillEmpty(path) {
			v, err = look(path, false) // it may have begun in between
		}
		if err == nil {
			seen = v
		} else if !stillEmpty(path) && !s.ended() {
			s.t.Errorf("a capture that does not open while it is recorded: %v", err)
		}
		return s.ended()
	})
	return seen
}

// wantFailed wants the recorder to end with status 1 and one line of error, which contains one of the reasons.
func (s *subject) wantFailed(reasons ...string) {
	s.t.Helper()
	<-s.done
	text, found := s.text(), false
	for _, reason := range reasons {
		found = found || strings.Contains(text, reason)
	}
	if s.status() != 1 || !found || strings.Count(text, "record: error: ") != 1 || strings.Contains(text, "goroutine") {
		s.t.Errorf("status %d, want 1 and one error, %q", s.status(), reasons)
	}
}

// wantKept wants a capture to still have the rows of an earlier view, unless gone, and returns the current view.
func wantKept(t *testing.T, path string, seen view, gone func(string, part) bool) view {
	t.Helper()
	after, err := look(path, true)
	if err != nil {
		t.Fatalf("a capture that does not open: %v", err)
	}
	if n := after.missing(seen, gone); n > 0 {
		t.Errorf("%s: %d of %d rows are missing that were there", path, n, seen.rows())
	}
	if after.whole {
		t.Errorf("%s says that it is complete", path)
	}
	return after
}

func nothingGoes(string, part) bool { return false }

// A full disk ends a recording with one line of error. What was written can be read, and dumps stay complete.
func TestTortureFullDisk(t *testing.T) {
	needKernel(t)
	needTime(t)
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, c := range []struct {
			name  string
			args  []string
			small string // the kind that make test tries it on
		}{
			{"capture", nil, "ext4"},
			{"capture.tar", nil, "tmpfs"},
			{"rotated", []string{"-C", "512KiB"}, "none"},
			{"synced", []string{"--sync", "100ms"}, "none"},
		} {
			if !large && kind != c.small || kind == "tmpfs" && c.name == "synced" {
				continue
			}
			t.Run(kind+" "+c.name, func(t *testing.T) {
				d := newDisk(t, kind, 4)
				path := filepath.Join(d.dir, c.name)
				s := expose(t, nil, append(append([]string{"-q", "-w", path, "-e", few}, c.args...), "--",
					program("workload"), "spin", "1h")...)
				seen := s.watched(path)
				s.wantFailed("no space left on device")
				after := wantKept(t, path, seen, nothingGoes)
				figures(t, "%d rows of it were seen, %d are there, %d bytes on a disk of %d", seen.rows(), after.rows(),
					onDisk(d.dir), 4<<20)
			})
		}
		if !large {
			continue
		}
		// The window fits on the disk. Dumps share its files; when the window drops them, the dumps alone take the
		// space.
		t.Run(kind+" dumps", func(t *testing.T) {
			d := newDisk(t, kind, 16)
			path := filepath.Join(d.dir, "flight")
			s := expose(t, nil, "-w", path, "-e", few, "--last", "1s", "--", program("workload"), "spin", "1h")
			window := filepath.Join(path, "window")
			waitFor(t, "the window", func() bool { _, err := look(window, false); return err == nil })
			answers := func() int {
				return strings.Count(s.text(), "record: dumped") +
					strings.Count(s.text(), "record: warning: writing dump")
			}
			waitFor(t, "the disk to be full", func() bool {
				before := answers()
				s.Process.Signal(syscall.SIGUSR2)
				waitFor(t, "a dump, or that there is none", func() bool { return answers() > before || s.ended() })
				return s.ended()
			})
			s.wantFailed("no space left on device")
			dumps, failed := 0, strings.Count(s.text(), "record: warning: writing dump")
			for _, name := range capturesIn(path) {
				v, err := look(filepath.Join(path, name), true)
				switch {
				case strings.HasSuffix(name, ".new"):
					t.Errorf("a dump that failed left %s", name)
				case err != nil:
					t.Errorf("a capture that does not open: %v", err)
				case name != "window":
					dumps++
					if !v.whole {
						t.Errorf("%s is a dump and is not whole", name)
					}
				}
			}
			if _, err := look(window, true); err != nil {
				t.Error(err)
			}
			figures(t, "%d dumps whole, %d refused", dumps, failed)
		})
	}
}

// A flight recorder with its window in memory survives a full or read-only disk. Dumps fail with a warning and leave no
// files, and succeed again when the disk can be written to.
func TestTortureNoPlaceForDumps(t *testing.T) {
	needKernel(t)
	needTime(t)
	remount := func(t *testing.T, d *disk, flags uintptr) {
		t.Helper()
		// Not while a dump is being written.
		waitFor(t, "the file system to be remounted",
			func() bool { return syscall.Mount("", d.dir, "", syscall.MS_REMOUNT|flags, "") == nil })
	}
	for _, c := range []struct {
		name, reason string
		mib          int
		breaks       func(t *testing.T, d *disk)
		mends        func(t *testing.T, d *disk, dumps []string)
	}{
		{"full", "no space left on device", 4, func(*testing.T, *disk) {}, func(t *testing.T, d *disk, dumps []string) {
			for _, path := range dumps {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"read-only", "read-only file system", 512, func(t *testing.T, d *disk) { remount(t, d, syscall.MS_RDONLY) },
			func(t *testing.T, d *disk, _ []string) { remount(t, d, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDisk(t, "tmpfs", c.mib)
			path := filepath.Join(d.dir, "flight")
			s := expose(t, nil, "-w", path, "-e", few, "--last", "1s", "--in-memory", "--",
				program("workload"), "spin", "1h")
			waitFor(t, "the flight recorder", func() bool { _, err := os.Stat(path); return err == nil || s.ended() })
			made := func() int { return strings.Count(s.text(), "record: dumped") }
			refused := func() int { return strings.Count(s.text(), "record: warning: writing dump") }
			until := func(what string, done func() bool) {
				t.Helper()
				waitFor(t, what, func() bool {
					s.Process.Signal(syscall.SIGUSR2)
					return done() || s.ended()
				})
			}
			until("a dump", func() bool { return made() > 0 })
			c.breaks(t, d)
			until("a dump to be refused", func() bool { return refused() > 0 })
			if !strings.Contains(s.text(), c.reason) {
				t.Errorf("the warning does not contain %q", c.reason)
			}
			var dumps []string
			for _, name := range dumpsOf(path) {
				dumps = append(dumps, filepath.Join(path, name))
				if v, err := look(filepath.Join(path, name), true); err != nil || !v.whole {
					t.Errorf("%s: whole %v, %v", name, v.whole, err)
				}
			}
			before := made()
			c.mends(t, d, dumps)
			until("a dump again", func() bool { return made() > before })
			syscall.Kill(-s.Process.Pid, syscall.SIGTERM)
			waitFor(t, "the recording to end", s.ended)
			s.wantFailed("dumps failed: writing dump")
			if names := capturesIn(path); len(names) > len(dumpsOf(path)) {
				t.Errorf("failed dumps left files: %v", names)
			}
			figures(t, "%d dumps made before, %d refused, %d made again", before, refused(), made()-before)
		})
	}
}

// A rotating recorder needs no more disk space than for what it keeps.
func TestTortureSmallDisk(t *testing.T) {
	needKernel(t)
	needTime(t)
	for _, kind := range scale([]string{"tmpfs"}, []string{"tmpfs", "ext4"}) {
		t.Run(kind, func(t *testing.T) {
			d := newDisk(t, kind, 24)
			path := filepath.Join(d.dir, "capture")
			s := expose(t, nil, append([]string{"-q", "-w", path, "-e", allFamilies, "-C", "256KiB", "-W", "3", "--"},
				heavyLoad(t.TempDir())...)...)
			want, peak := scale(10, 300), int64(0)
			newest := 0
			for end := time.Now().Add(5 * time.Minute); newest < want && !s.ended() &&
				time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				peak = max(peak, onDisk(d.dir))
				if v, err := look(path, false); err == nil {
					newest = v.newest()
				}
			}
			if newest < want {
				t.Fatalf("%d generations, want %d", newest, want)
			}
			syscall.Kill(-s.Process.Pid, syscall.SIGTERM)
			<-s.done
			c := open(t, path)
			if !c.Manifest.Complete || len(c.Damage()) > 0 {
				t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
			}
			wantNamed(t, c)
			figures(t, "%d generations on a disk of 24 MiB, at most %.1f MiB at once", newest, float64(peak)/(1<<20))
		})
	}
}

// A file system that the kernel makes read-only ends the recording. What was written can be read.
func TestTortureReadOnly(t *testing.T) {
	needKernel(t)
	needTime(t)
	d := newDisk(t, "ext4", 64)
	path := filepath.Join(d.dir, "capture")
	s := expose(t, nil, "-q", "-w", path, "-e", few, "-G", "200ms", "--", program("workload"), "spin", "1h")
	waitFor(t, "some generations", func() bool {
		v, err := look(path, false)
		return err == nil && v.newest() > 5
	})
	seen, err := look(path, false)
	if err != nil {
		t.Fatal(err)
	}
	d.fail()
	waitFor(t, "the recording to end", s.ended)
	s.wantFailed("read-only file system", "input/output error")
	after := wantKept(t, path, seen, nothingGoes)
	figures(t, "%d rows of it were seen, %d are there", seen.rows(), after.rows())
}

// With --sync, rows older than that survive a power failure.
func TestTorturePowerCut(t *testing.T) {
	needKernel(t)
	needTime(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"capture", nil},
		{"capture.tar", nil},
		{"rotated", []string{"-G", "300ms"}},
	}[scale(2, 0):] {
		t.Run(c.name, func(t *testing.T) {
			for range scale(1, 10) {
				d := newDisk(t, "ext4", 64)
				path := filepath.Join(d.dir, c.name)
				s := expose(t, nil, append(append([]string{"-q", "-w", path, "-e", few, "--sync", "200ms"}, c.args...),
					"--", program("workload"), "spin", "1h")...)
				var seen view
				waitFor(t, "rows", func() bool {
					v, err := look(path, false)
					seen = v
					return err == nil && v.rows() > 100_000
				})
				// Rows of this age must be on the disk. It is ten times --sync, because the machine may be busy.
				time.Sleep(2 * time.Second)
				beforeCut, err := look(path, false)
				if err != nil {
					t.Fatal(err)
				}
				d.cutPower()
				waitFor(t, "the recording to end", s.ended)
				// A write in progress may fail with ENOSPC.
				s.wantFailed("input/output error", "read-only file system", "no space left on device")
				s.kill() // its command
				d.remount()
				after := wantKept(t, path, seen, nothingGoes)
				figures(t, "%d rows were seen 2 s before the cut, %d just before it, %d are there after it, "+
					"%d torn batches",
					seen.rows(), beforeCut.rows(), after.rows(), after.torn)
			}
		})
	}
}

// A recorder whose directory is removed ends with an error.
func TestTortureDirectoryVanishes(t *testing.T) {
	needKernel(t)
	needTime(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"capture", nil},
		{"rotated", []string{"-G", "200ms"}},
		{"kept", []string{"-G", "200ms", "-W", "3"}},
		{"flight", []string{"--last", "2s"}},
	}[scale(2, 0):] {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			s := expose(t, nil, append(append([]string{"-w", path, "-e", few}, c.args...), "--", program("workload"),
				"spin", "1h")...)
			dir := path
			if c.name == "flight" {
				dir = filepath.Join(path, "window")
			}
			waitFor(t, "the capture", func() bool {
				v, err := look(dir, false)
				return err == nil && v.rows() > 0
			})
			waitFor(t, "it to be removed", func() bool { return os.RemoveAll(path) == nil })
			waitFor(t, "the recording to end", s.ended)
			s.wantFailed("it was removed while it was being written", "no such file or directory")
			if _, err := os.Lstat(path); err == nil {
				t.Errorf("%s is there again", path)
			}
			if !strings.Contains(s.text(), path) {
				t.Errorf("the error does not name %s", path)
			}
		})
	}
}
