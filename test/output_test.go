// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// exchange exchanges two names of the user's home directory, as fast as it can, until the test ends.
func (s *sudoer) exchange(a, b string) {
	s.t.Helper()
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(s.home, a), unix.AT_FDCWD, filepath.Join(s.home, b),
				unix.RENAME_EXCHANGE)
			if err != nil {
				<-stop
				stopped <- err
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		close(stop)
		if err := <-stopped; err != nil {
			s.t.Errorf("exchanging %s and %s: %v", a, b, err)
		}
	})
}

// owners lists what is below a directory: names, modes, owners, and what files hold.
func owners(t *testing.T, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st, text := info.Sys().(*syscall.Stat_t), ""
		if info.Mode().IsRegular() {
			text = read(t, name)
		}
		lines = append(lines, fmt.Sprintf("%s %v %d:%d %s", name, info.Mode(), st.Uid, st.Gid, text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// The caller of sudo exchanges the directory that the output is in for a link to one of root's, while the recorder
// starts. Whatever it creates, gives away, renames and removes: nothing of root's changes.
func TestRealSudosCallerExchangesDirectories(t *testing.T) {
	const tries = 2
	for _, test := range []struct {
		name    string
		command string
		flags   []string
		before  string // what the capture's directory has before
	}{
		{"flight recorder whose start fails", "no-interpreter", []string{"--last", "5s"}, ""},
		{"flight recorder that goes on", "true", []string{"--last", "5s", "--force"}, "window"},
		{"replaced capture", "true", []string{"--force"}, "file"},
		{"tar", "true", []string{"--force"}, "x.tar"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSudoer(t)
			s.prepareExchange(test.before)
			roots := filepath.Join(t.TempDir(), "roots")
			victim := "x"
			if strings.HasSuffix(test.before, ".tar") {
				victim = test.before
			}
			makeVictim(t, roots, victim, test.before)
			if err := os.Symlink(roots, filepath.Join(s.home, "link")); err != nil {
				t.Fatal(err)
			}
			before := owners(t, roots)
			s.exchange("dir", "link")
			for range tries {
				args := append([]string{"-n", program("record"), "-q", "-e", "process", "-w",
					filepath.Join(s.home, "dir", victim)}, test.flags...)
				rec := s.command("sudo", append(args, "--", filepath.Join(s.home, test.command))...)
				out, err := rec.CombinedOutput()
				if after := owners(t, roots); !slices.Equal(before, after) {
					t.Fatalf("root's directory was\n%s\nand became\n%s\nafter %v\n%s", strings.Join(before, "\n"),
						strings.Join(after, "\n"), err, out)
				}
			}
		})
	}
}

// prepareExchange makes, in the user's home: dir, to be exchanged, with a directory x in it that has this inside, and
// two commands.
func (s *sudoer) prepareExchange(inside string) {
	s.t.Helper()
	for name, text := range map[string]string{"true": "#!/bin/sh\n", "no-interpreter": "#!/no/interpreter\n"} {
		if err := os.WriteFile(filepath.Join(s.home, name), []byte(text), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
	dir := filepath.Join(s.home, "dir")
	makes := []string{"mkdir", dir}
	if inside == "window" {
		makes = []string{"mkdir", "-p", filepath.Join(dir, "x", inside)}
	}
	if out, err := s.command(makes[0], makes[1:]...).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

// makeVictim makes a directory of root's with something in it that the recorder would work on, if it came there.
func makeVictim(t *testing.T, dir, name, inside string) {
	t.Helper()
	path := filepath.Join(dir, name)
	var err error
	switch inside {
	case "window":
		err = os.MkdirAll(filepath.Join(path, inside), 0o755)
	case "file":
		if err = os.MkdirAll(path, 0o755); err == nil {
			manifest := []byte(`{"format": {"major": 1, "minor": 0}}`)
			err = os.WriteFile(filepath.Join(path, "capture.json"), manifest, 0o600)
		}
	default:
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(path, []byte("secret"), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for parent := filepath.Dir(dir); parent != os.TempDir() && parent != "/"; parent = filepath.Dir(parent) {
		os.Chmod(parent, 0o755) // the caller can come there
	}
}
