// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A sudoer is a user for one test, who may run the recorder with the machine's sudo, and nothing else.
type sudoer struct {
	t        *testing.T
	name     string
	home     string
	uid, gid uint32
	groups   []uint32
}

// newSudoer creates the user, and removes it when the test ends. settings are sudo's Defaults for it.
func newSudoer(t *testing.T, settings ...string) *sudoer {
	t.Helper()
	needRoot(t)
	for _, name := range []string{"sudo", "useradd", "userdel"} {
		needProgram(t, name)
	}
	needKernel(t)
	must := func(name string, args ...string) {
		t.Helper()
		if status, _, errs := output(t, name, args...); status != 0 {
			t.Fatalf("%s %s: %s", name, strings.Join(args, " "), errs)
		}
	}
	s := &sudoer{t: t, name: fmt.Sprintf("fletch-test-%d", os.Getpid())}
	var err error
	if s.home, err = os.MkdirTemp("", "fletch-test-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.home) })
	add := []string{"--no-create-home", "--home-dir", s.home, "--user-group", "--shell", "/bin/sh"}
	if _, err := user.LookupGroup("users"); err == nil {
		add = append(add, "--groups", "users") // a second group, if the machine has one
	}
	must("useradd", append(add, s.name)...)
	t.Cleanup(func() { must("userdel", s.name) })
	account, err := user.Lookup(s.name)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := account.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	id := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	s.uid, s.gid = id(account.Uid), id(account.Gid)
	for _, g := range ids {
		s.groups = append(s.groups, id(g))
	}
	if err := os.Chown(s.home, int(s.uid), int(s.gid)); err != nil {
		t.Fatal(err)
	}
	rules := fmt.Sprintf("%s ALL=(root) NOPASSWD: %s\n", s.name, program("record"))
	for _, setting := range settings {
		rules += fmt.Sprintf("Defaults:%s %s\n", s.name, setting)
	}
	file := filepath.Join("/etc/sudoers.d", s.name)
	t.Cleanup(func() { os.Remove(file) })
	if err := os.WriteFile(file, []byte(rules), 0o440); err != nil {
		t.Fatal(err)
	}
	allowed := s.command("sudo", "-n", "-l", program("record"))
	if out, err := allowed.CombinedOutput(); err != nil {
		// "#includedir" is a directive too, not a comment.
		if sudoers, err := os.ReadFile("/etc/sudoers"); err != nil ||
			!bytes.Contains(sudoers, []byte("includedir /etc/sudoers.d")) {
			t.Skipf("the machine's sudo does not look into /etc/sudoers.d (%v)", err)
		}
		t.Fatalf("sudo does not let %s record, as /etc/sudoers.d says it may: %v\n%s", s.name, err, out)
	}
	return s
}

// command returns a command of the user, in its home directory and with the environment of a login.
func (s *sudoer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = s.home
	cmd.Env = []string{"HOME=" + s.home, "USER=" + s.name, "LOGNAME=" + s.name, "SHELL=/bin/sh", "PATH=" +
		os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true,
		Credential: &syscall.Credential{Uid: s.uid, Gid: s.gid, Groups: s.groups}}
	return cmd
}

// record returns a recorder called with sudo, and the path of its capture, in the user's home directory.
func (s *sudoer) record(args ...string) (rec *exec.Cmd, path string) {
	path = filepath.Join(s.home, "capture")
	return s.command("sudo", append([]string{"-n", program("record"), "-q", "-w", path},
		recordArgs(args...)...)...), path
}

// wantCapture wants a complete capture that belongs to the user and that the user can read.
func (s *sudoer) wantCapture(path string) {
	s.t.Helper()
	wantOwned(s.t, path, s.uid, s.gid)
	wantComplete(s.t, open(s.t, path))
	if out, err := s.command(program("analyze"), "info", path).CombinedOutput(); err != nil {
		s.t.Errorf("analyze info, as %s: %v\n%s", s.name, err, out)
	}
}

// The command of sudo record runs as the user, and the capture belongs to the user.
func TestRealSudosCommand(t *testing.T) {
	s := newSudoer(t)
	rec, path := s.record("--", "sh", "-c", "cat /proc/self/status; env; pwd; exit 7")
	out, _ := rec.Output()
	if got := rec.ProcessState.ExitCode(); got != 7 {
		t.Fatalf("status %d, want the command's, 7\n%s", got, out)
	}
	s.wantCapture(path)
	got := status(string(out))
	all := slices.Sorted(slices.Values(s.groups))
	for name, want := range map[string]string{
		"Uid":    strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", s.uid), 4)),
		"Gid":    strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", s.gid), 4)),
		"Groups": strings.Trim(fmt.Sprint(all), "[]"), "CapPrm": none, "CapEff": none, "CapInh": none, "CapAmb": none,
		"NoNewPrivs": "0",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	env := strings.Split(string(out), "\n")
	for _, want := range []string{"HOME=" + s.home, "USER=" + s.name, "LOGNAME=" + s.name, "SHELL=/bin/sh", s.home} {
		if !slices.Contains(env, want) {
			t.Errorf("COMMAND has no %s", want)
		}
	}
	for _, line := range env {
		if strings.HasPrefix(line, "SUDO_") || strings.HasPrefix(line, "MAIL=") || strings.HasSuffix(line, "=/root") {
			t.Errorf("COMMAND has %s", line)
		}
	}
}

// If the command is killed, the status of sudo is that of record.
func TestRealSudosCommandIsKilled(t *testing.T) {
	s := newSudoer(t)
	rec, path := s.record("--", "sh", "-c", "kill -TERM $$")
	rec.Run()
	if got := rec.ProcessState.ExitCode(); got != 128+15 {
		t.Errorf("status %d, want 143", got)
	}
	s.wantCapture(path)
}

// ^C ends the recording, on the terminal of the user and on one that sudo creates for the command, and so does a signal
// to the process group.
func TestRealSudoIsInterrupted(t *testing.T) {
	for _, setting := range []string{"!use_pty", "use_pty"} {
		for _, test := range []struct {
			name    string
			command []string
			status  int
		}{
			{"command", []string{"--", "sh", "-c", "trap 'exit 5' INT; touch ready; while :; do sleep 0.05; done"}, 5},
			{"host", nil, 0},
		} {
			t.Run(setting+" "+test.name, func(t *testing.T) {
				s := newSudoer(t, setting)
				master, name := newTerminal(t)
				tty, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer tty.Close()
				rec, path := s.record(test.command...)
				rec.Stdin, rec.Stdout, rec.Stderr = tty, tty, tty
				rec.SysProcAttr.Setpgid, rec.SysProcAttr.Setsid, rec.SysProcAttr.Setctty = false, true, true
				s.interrupted(rec, path, test.command != nil, test.status, func() error {
					_, err := master.Write([]byte{3})
					return err
				})
			})
		}
		t.Run(setting+" group", func(t *testing.T) {
			s := newSudoer(t, setting)
			rec, path := s.record()
			s.interrupted(rec, path, false, 0, func() error { return syscall.Kill(-rec.Process.Pid, syscall.SIGINT) })
		})
	}
}

// interrupted starts a recorder, interrupts it once it records, and wants this exit status and a complete capture.
func (s *sudoer) interrupted(rec *exec.Cmd, path string, command bool, status int, interrupt func() error) {
	s.t.Helper()
	if err := rec.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { syscall.Kill(-rec.Process.Pid, syscall.SIGKILL); rec.Wait() })
	waitForCapture(s.t, path)
	if command {
		waitForFile(s.t, filepath.Join(s.home, "ready"))
	}
	if err := interrupt(); err != nil {
		s.t.Fatal(err)
	}
	rec.Wait()
	if got := rec.ProcessState.ExitCode(); got != status {
		s.t.Errorf("status %d, want %d", got, status)
	}
	s.wantCapture(path)
}
