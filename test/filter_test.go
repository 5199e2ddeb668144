// SPDX-License-Identifier: Apache-2.0

package test

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// everything is a script that runs recorders with every feature. It leaves the captures in the working directory.
//
//go:embed testdata/everything.sh
var everything string

// small mounts a file system that a capture soon fills. It skips the test without the permission to mount.
func small(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	switch err := syscall.Mount("none", dir, "tmpfs", 0, "size=128k"); {
	case errors.Is(err, syscall.EPERM):
		t.Skip("no file systems can be mounted here")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// newTerminal makes a pseudo-terminal. It returns the master side, and the path of the other. It skips the test where
// there are none.
func newTerminal(t *testing.T) (master *os.File, name string) {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this machine has no /dev/ptmx")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ptmx.Close() })
	raw, err := ptmx.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
			if n, err := unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err == nil {
				name = fmt.Sprintf("/dev/pts/%d", n)
			}
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, ptmx) // otherwise a writer would block
	return ptmx, name
}

// One recorder records others that use every feature. Their seccomp filters must not deny any call. The test logs the
// calls that they make under the filter, from which make seccomp generates internal/privilege/seccomp_*.go.
func TestTheFilterAllowsWhatIsNeeded(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	outer := filepath.Join(dir, "outer")
	script := everything
	if testing.Short() {
		script, _, _ = strings.Cut(script, "# What follows is left out")
	}
	cmd := exec.Command(program("record"), "-q", "-w", outer, "-e", "process,syscall,seccomp", "--", "sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program("record"))+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, "SMALL="+small(t, filepath.Join(dir, "small")))
	_, tty := newTerminal(t)
	cmd.Env = append(cmd.Env, "TERMINAL="+tty, "WHAT="+strings.Join(recordArgs(), " "))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	c := open(t, outer)
	wantNoLoss(t, c)
	table, err := syscalls.ForArch(c.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	who := tasks(t, c)
	process := func(task int64) int64 { return who[task].n("pid") }
	// Read by column, because there are a million calls.
	column := func(table, name string) []int64 { return numbersOf(t, c, table, name)[1] }
	recorders := map[int64]int64{} // when each installed its filter, by process
	task, ts, nr := column("syscall", "task"), column("syscall", "ts"), column("syscall", "nr")
	ret, took := column("syscall", "ret"), column("syscall", "duration_ns")
	for i := range nr {
		if table.Name(int32(nr[i])) == "seccomp" && ret[i] == 0 && who[task[i]].s("comm") == "record" {
			recorders[process(task[i])] = ts[i] + took[i]
		}
	}
	if want := strings.Count(script, "\nrecord "); len(recorders) < want {
		t.Errorf("%d recorders have installed a filter, want at least %d", len(recorders), want)
	}
	called := map[string]bool{}
	task, ts, nr = append(task, column("pending", "task")...), append(ts, column("pending", "ts")...),
		append(nr, column("pending", "nr")...)
	for i := range nr {
		if since, ok := recorders[process(task[i])]; ok && ts[i] >= since {
			called[table.Name(int32(nr[i]))] = true
		}
	}
	denied := map[string]int{}
	for _, r := range rows(t, c, "seccomp") {
		if _, ok := recorders[process(r.n("task"))]; ok {
			denied[table.Name(int32(r.n("nr")))]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(denied)) {
		t.Errorf("the filter denied %s, %d times: run make seccomp to add it to the list", name, denied[name])
	}
	if len(called) < 20 {
		t.Errorf("only %d system calls were seen", len(called))
	}
	t.Logf("called under the filter on %s: %s", c.Manifest.Arch, strings.Join(slices.Sorted(maps.Keys(called)), " "))
}
