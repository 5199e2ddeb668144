// SPDX-License-Identifier: Apache-2.0

package test

import (
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

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

const (
	someUser  = 54321 // ids that are not in use
	someGroup = 54322
)

// asSudo returns the environment of a program that someUser has started with sudo.
func asSudo() []string {
	return append(os.Environ(), fmt.Sprintf("SUDO_UID=%d", someUser), fmt.Sprintf("SUDO_GID=%d", someGroup),
		"SUDO_USER=somebody")
}

// status parses the contents of /proc/PID/status.
func status(text string) map[string]string {
	lines := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		lines[name] = strings.Join(strings.Fields(value), " ")
	}
	return lines
}

// threads returns the status of each thread of a process. Threads that end meanwhile are left out.
func threads(t *testing.T, pid int) (all []map[string]string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil {
			all = append(all, status(string(text)))
		}
	}
	return all
}

// startAs starts a recorder, which prepare may change, and waits until it has installed its filter.
func startAs(t *testing.T, path string, prepare func(*exec.Cmd), args ...string) *exec.Cmd {
	t.Helper()
	needKernel(t)
	rec := exec.Command(program("record"), append([]string{"-q", "-w", path}, recordArgs(args...)...)...)
	rec.Stderr = os.Stderr
	prepare(rec)
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rec.Process.Kill(); rec.Wait() })
	waitFor(t, "the recorder to put itself under its filter", func() bool {
		return !slices.ContainsFunc(threads(t, rec.Process.Pid),
			func(s map[string]string) bool { return s["Seccomp"] != "2" })
	})
	return rec
}

// wantNoPrivileges wants every thread of a recorder to have these ids, no capabilities, a seccomp filter, and the
// further values of /proc/PID/status in want.
func wantNoPrivileges(t *testing.T, pid, uid, gid int, want map[string]string) {
	t.Helper()
	for name, value := range map[string]string{
		"Uid":    strings.TrimSpace(strings.Repeat(strconv.Itoa(uid)+" ", 4)),
		"Gid":    strings.TrimSpace(strings.Repeat(strconv.Itoa(gid)+" ", 4)),
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapAmb": none, "NoNewPrivs": "1", "Seccomp": "2",
	} {
		want[name] = value
	}
	all := threads(t, pid)
	if len(all) < 2 {
		t.Errorf("%d threads, fewer than a recorder has", len(all))
	}
	for _, s := range all {
		for name, value := range want {
			if s[name] != value {
				t.Errorf("thread %s: %s is %q, want %q", s["Pid"], name, s[name], value)
			}
		}
	}
}

const none = "0000000000000000"

// wantOwned wants all files of a capture to belong to this user and group, without access for others.
func wantOwned(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files++
		}
		st := info.Sys().(*syscall.Stat_t)
		if info.Mode() != want || st.Uid != uid || st.Gid != gid {
			t.Errorf("%s: %v of %d:%d, want %v of %d:%d", name, info.Mode(), st.Uid, st.Gid, want, uid, gid)
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files in %s: %v", files, path, err)
	}
}

// wantComplete is wantNoLoss for recordings of the whole host, which may have losses.
func wantComplete(t *testing.T, c *format.Capture) {
	t.Helper()
	if !c.Manifest.Complete {
		t.Error("the capture is not complete")
	}
}

// someUsersDir returns a new directory of someUser.
func someUsersDir(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("", "fletch-test-") // not t.TempDir, in which nobody else may search
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, someUser, someGroup); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
}

// Under sudo, every thread of the recorder becomes the caller without any privileges. What it writes it creates as the
// caller, through open directories: it finishes a capture in a directory to which the caller has lost access.
func TestSudosCallerRecords(t *testing.T) {
	dir := someUsersDir(t)
	path := filepath.Join(dir, "capture")
	rec := startAs(t, path, func(rec *exec.Cmd) { rec.Env = asSudo() })
	if err := os.Chown(dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	want := func() map[string]string { return map[string]string{"CapBnd": none, "Groups": strconv.Itoa(someGroup)} }
	wantNoPrivileges(t, rec.Process.Pid, someUser, someGroup, want())
	// It can still create files for tables.
	if status, _, errs := output(t, program("workload"), "ipc", "3"); status != 0 {
		t.Fatal(errs)
	}
	if !testing.Short() { // else neither is recorded
		waitFor(t, "a table that begins later", func() bool {
			_, err := os.Stat(filepath.Join(path, "ipc", "000001.arrow"))
			return err == nil
		})
	}
	wantNoPrivileges(t, rec.Process.Pid, someUser, someGroup, want())
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantOwned(t, path, someUser, someGroup)
	wantComplete(t, open(t, path))
}

// A tar belongs to the caller too.
func TestSudosCallersTar(t *testing.T) {
	needKernel(t)
	path := filepath.Join(someUsersDir(t), "capture.tar")
	rec := exec.Command(program("record"), append([]string{"-q", "-w", path}, recordArgs("--", "true")...)...)
	rec.Env = asSudo()
	if out, err := rec.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); info.Mode() != 0o600 || st.Uid != someUser || st.Gid != someGroup {
		t.Errorf("%v of %d:%d", info.Mode(), st.Uid, st.Gid)
	}
	wantComplete(t, open(t, path))
}

// Segments and dumps that are created and removed after the privileges were dropped belong to the caller too.
func TestSudosCallerRotatesAndDumps(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
	}{
		{"rotation", []string{"-G", "300ms", "-W", "2", "--sync", "100ms"}},
		{"flight recorder", []string{"--last", "3s"}},
		{"flight recorder in memory", []string{"--last", "3s", "--in-memory"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := someUsersDir(t)
			path := filepath.Join(dir, "capture")
			rec := startAs(t, path, func(rec *exec.Cmd) { rec.Env = asSudo() }, test.args...)
			if err := os.Chown(dir, 0, 0); err != nil {
				t.Fatal(err)
			}
			if test.args[0] == "-G" {
				waitFor(t, "the first segments to go", func() bool {
					_, err := os.Stat(filepath.Join(path, "syscall", "000001.arrow"))
					later, _ := filepath.Glob(filepath.Join(path, "syscall", "*.arrow"))
					return err != nil && len(later) > 0
				})
			} else {
				rec.Process.Signal(syscall.SIGUSR2)
				waitFor(t, "a dump", func() bool {
					dumps, _ := filepath.Glob(filepath.Join(path, "*-sigusr2"))
					return len(dumps) > 0
				})
			}
			rec.Process.Signal(syscall.SIGINT)
			if err := rec.Wait(); err != nil {
				t.Error(err)
			}
			wantOwned(t, path, someUser, someGroup)
			captures, _ := filepath.Glob(filepath.Join(path, "*-*"))
			if test.args[0] == "-G" {
				captures = []string{path}
			} else if len(captures) != 2 {
				t.Errorf("%d captures %v, want one by the signal and one at the end", len(captures), captures)
			}
			for _, c := range captures {
				wantComplete(t, open(t, c))
			}
		})
	}
}

// A recorder started by root keeps the user id of root, but no capabilities.
func TestRootRecordsWithoutCapabilities(t *testing.T) {
	needRoot(t)
	path := filepath.Join(t.TempDir(), "capture")
	rec := startAs(t, path, func(*exec.Cmd) {})
	wantNoPrivileges(t, rec.Process.Pid, 0, 0, map[string]string{"CapBnd": none})
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantOwned(t, path, 0, 0)
	wantComplete(t, open(t, path))
}

// ofTwoCapabilities makes a program run as someUser, with CAP_BPF and CAP_PERFMON only. path is in a directory of that
// user.
func ofTwoCapabilities(t *testing.T) (path string, prepare func(*exec.Cmd)) {
	t.Helper()
	return filepath.Join(someUsersDir(t), "capture"), func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: someUser, Gid: someGroup},
			AmbientCaps: []uintptr{unix.CAP_BPF, unix.CAP_PERFMON},
		}
	}
}

// A recorder does not need root, only two capabilities, which it drops too.
func TestTwoCapabilitiesAreEnough(t *testing.T) {
	path, prepare := ofTwoCapabilities(t)
	rec := startAs(t, path, prepare)
	wantNoPrivileges(t, rec.Process.Pid, someUser, someGroup, map[string]string{})
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	wantOwned(t, path, someUser, someGroup)
	c := open(t, path)
	wantComplete(t, c)
	// the command line of another user's process
	ours := slices.ContainsFunc(processes(t, c, "snapshot"), func(r row) bool {
		return len(r["args"].([]string)) > 0 && r["args"].([]string)[0] == os.Args[0]
	})
	if !ours {
		t.Errorf("the command line of this process (%s) is not in the capture", os.Args[0])
	}
}

// COMMAND has the same privileges, descriptors and nice value as without a recorder.
func TestCommandHasNothingOfTheRecorders(t *testing.T) {
	path, twoCapabilities := ofTwoCapabilities(t)
	// Prints the status of a process, with lines for its nice value and its descriptors.
	const fds = `echo $(ls /proc/self/fd)`
	look := `cat /proc/self/status; echo "Nice: $(cut -d' ' -f19 /proc/self/stat)"; echo "Fds: $(` + fds + `)"; env`
	without, err := exec.Command("sh", "-c", fds).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		prepare  func(*exec.Cmd)
		uid, gid int
		want     map[string]string
	}{
		{"sudo", func(cmd *exec.Cmd) { cmd.Env = asSudo() }, someUser, someGroup, map[string]string{
			"Groups": strconv.Itoa(someGroup), "CapPrm": none, "CapEff": none,
		}},
		{"capabilities", twoCapabilities, someUser, someGroup, map[string]string{"CapPrm": none, "CapEff": none}},
		{"root", func(*exec.Cmd) {}, 0, 0, map[string]string{"CapEff": status(read(t, "/proc/self/status"))["CapEff"]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			needKernel(t)
			rec := exec.Command(program("record"),
				append([]string{"-q", "--force", "-w", path}, recordArgs("--", "sh", "-c", look)...)...)
			rec.Dir = "/"
			test.prepare(rec)
			out, err := rec.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := status(string(out))
			self := status(read(t, "/proc/self/status"))
			priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // the kernel's: 20 less what it is called
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{
				"Uid": strings.TrimSpace(strings.Repeat(strconv.Itoa(test.uid)+" ", 4)),
				"Gid": strings.TrimSpace(strings.Repeat(strconv.Itoa(test.gid)+" ", 4)),
				"Fds": strings.TrimSpace(string(without)), "Nice": strconv.Itoa(20 - priority), "CapInh": none,
				"CapAmb": none,
				"CapBnd": self["CapBnd"], "NoNewPrivs": self["NoNewPrivs"], "Seccomp": self["Seccomp"],
			}
			for name, value := range test.want {
				want[name] = value
			}
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s is %q, want %q", name, got[name], value)
				}
			}
			if test.name != "sudo" {
				return
			}
			env := strings.Split(string(out), "\n")
			for _, v := range []string{"USER=somebody", "LOGNAME=somebody", "HOME=/", "SHELL=/bin/sh"} {
				if !slices.Contains(env, v) {
					t.Errorf("no %s in COMMAND's environment", v)
				}
			}
			if i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "SUDO_") }); i >= 0 {
				t.Errorf("COMMAND has %s", env[i])
			}
		})
		os.RemoveAll(path) // the next one is another user's
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
