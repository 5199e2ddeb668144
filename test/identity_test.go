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

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// Being is what the workload identities says about its thread at one of its reads.
type Being struct {
	Code, UID, EUID, GID, EGID int64
	Comm, MntNS, PIDNS, Cgroup string
}

// mounted returns where the hierarchies of cgroups are mounted, by name as in the manifest.
func mounted(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for line := range strings.Lines(string(text)) {
		mount, super, _ := strings.Cut(line, " - ")
		kind, options := strings.Fields(super)[0], strings.Fields(super)[2]
		switch {
		case kind == "cgroup2":
			dirs["cgroup2"] = strings.Fields(mount)[4]
		case kind == "cgroup" && !strings.Contains(options, "name="):
			_, controllers, _ := strings.Cut(options, ",")
			dirs[controllers] = strings.Fields(mount)[4]
		}
	}
	return dirs
}

// newCgroups makes a cgroup in each hierarchy, and removes them when the test ends.
func newCgroups(t *testing.T, name string) (dirs []string) {
	t.Helper()
	for hierarchy, mount := range mounted(t) {
		if strings.Contains(hierarchy, "cpuset") {
			continue // its groups take no process before they have CPUs
		}
		dir := filepath.Join(mount, name)
		if err := os.Mkdir(dir, 0o755); errors.Is(err, unix.EROFS) {
			t.Skipf("no cgroups can be made here: %v", err)
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			waitFor(t, "the cgroup to be empty", func() bool { return os.Remove(dir) == nil })
		})
		dirs = append(dirs, dir)
	}
	return dirs
}

const readBase = 1000 // ReadBase of the workload

// checkBeing wants a row of table task to be what the workload said.
func checkBeing(t *testing.T, what string, got row, want Being, hierarchy, cgroup string) {
	t.Helper()
	ns := func(column string) string { return fmt.Sprintf("%s:[%d]", column[:3], got.n(column+"ns")) }
	users := map[string]int64{"uid": want.UID, "euid": want.EUID, "gid": want.GID, "egid": want.EGID}
	for column, value := range users {
		if got.n(column) != value {
			t.Errorf("%s %d has %s %d, want %d", what, want.Code, column, got.n(column), value)
		}
	}
	if ns("mnt") != want.MntNS || ns("pid") != want.PIDNS || got.s("comm") != want.Comm {
		t.Errorf("%s %d is by %v, want %v", what, want.Code, got, want)
	}
	if path, _ := workload(t); !strings.HasSuffix(got.s("exe"), "/"+filepath.Base(path)) {
		t.Errorf("%s %d is by a program %q", what, want.Code, got.s("exe"))
	}
	for line := range strings.Lines(want.Cgroup) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if (fields[1] == hierarchy || fields[1] == "" && hierarchy == "cgroup2") && fields[2] != cgroup {
			t.Errorf("%s %d is in cgroup %q, want %q", what, want.Code, cgroup, fields[2])
		}
	}
}

// cgroupNames returns the names of the cgroups in a capture, by id. No id may have two names.
func cgroupNames(t *testing.T, c *format.Capture) map[int64]string {
	t.Helper()
	names := map[int64]string{}
	for _, r := range rows(t, c, "cgroup") {
		if name, twice := names[r.n("cgroup")]; twice && name != r.s("name") {
			t.Errorf("cgroup %d is both %s and %s", r.n("cgroup"), name, r.s("name"))
		}
		names[r.n("cgroup")] = r.s("name")
	}
	return names
}

// Each row is by what its thread was at the time: with every mechanism that has its own way to find out who runs.
func TestRowsAreByWhatTheTaskWas(t *testing.T) {
	check := func(t *testing.T, family, mechanism string) {
		dirs := newCgroups(t, fmt.Sprintf("fletch-test-%d", os.Getpid()))
		var report struct {
			PID, TID int64
			Beings   []Being
		}
		got := recordWork(t, family, mechanism, &report, append([]string{"identities"}, dirs...)...)
		_, prefix := workload(t)
		who, names := tasks(t, got), cgroupNames(t, got)
		seen := map[int64]bool{}
		for _, r := range rows(t, got, family) {
			task := who[r.n("task")]
			var code int64
			switch {
			case family == "file" && r.s("op") == "read" && task.n("tid") == report.TID:
				code = r.n("size") - readBase
			case family == "syscall" && r.n("nr") == number(t, got, prefix+"read") && task.n("tid") == report.TID:
				code = r.n("arg2") - readBase
			case family == "process" && r.s("op") == "exit" && r.n("pid") != report.PID:
				code = r.n("exit_code")
			}
			if code <= 0 || int(code) > len(report.Beings) {
				continue
			}
			seen[code] = true
			checkBeing(t, family, task, report.Beings[code-1], got.Manifest.Cgroups, names[task.n("cgroup")])
		}
		if len(seen) != len(report.Beings) {
			t.Errorf("%d reads or children, want %d", len(seen), len(report.Beings))
		}
	}
	for _, family := range []string{"file", "syscall", "process"} {
		t.Run(family, func(t *testing.T) {
			eachABI(t, family, func(t *testing.T, mechanism string) { check(t, family, mechanism) })
		})
	}
}

// A server that takes the effective user of its client for each request comes back under the same ids.
func TestAFewIdentitiesForManySwitches(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		for _, users := range []int{3, 20} {
			var report struct{ TIDs []int64 }
			got := recordWork(t, "file", mechanism, &report, "switches", strconv.Itoa(n), strconv.Itoa(users))
			who := tasks(t, got)
			counts, rowsOfThread := map[string]int{}, 0
			for _, task := range who {
				if task.n("tid") == report.TIDs[0] {
					rowsOfThread++
				}
			}
			want := map[string]int{}
			for i := range n {
				want[fmt.Sprintf("%d %d", i%users+1, readBase+i%users+1)]++
				want[fmt.Sprintf("0 %d", readBase)]++
			}
			for _, r := range rows(t, got, "file") {
				task, size := who[r.n("task")], r.n("size")
				if r.s("op") == "read" && task.n("tid") == report.TIDs[0] && size >= readBase && size <= readBase+20 {
					counts[fmt.Sprintf("%d %d", task.n("euid"), size)]++
				}
			}
			wantTally(t, counts, want)
			if rowsOfThread > users+2 { // root, and before its exec
				t.Errorf("%d rows of table task for %d users", rowsOfThread, users)
			}
		}
	})
}

// A thread that takes a name again is recorded again, and under the same id.
func TestNamesComeBack(t *testing.T) {
	const n = 500
	eachMechanism(t, "file", func(t *testing.T, mechanism string) {
		got, stdout := capture(t, 0, "-e", "file", "--mechanism", "file="+mechanism, "--comm", "known", "--",
			program("workload"), "renames", strconv.Itoa(n))
		wantNoLoss(t, got)
		reads := slices.DeleteFunc(rows(t, got, "file"), func(r row) bool { return r.n("size") < readBase })
		if !strings.Contains(stdout, "calls") {
			t.Fatalf("the workload printed %q", stdout)
		}
		wantTally(t, tally(reads, "op", "size"), map[string]int{fmt.Sprint("read ", readBase+1): n})
		if who := tasks(t, got); len(who) != 1 {
			t.Errorf("tasks %v, want one", who)
		}
	})
}

// Each process exits once, under the name of its leader.
func TestAProcessExitsOnce(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	eachMechanism(t, "process", func(t *testing.T, mechanism string) {
		var report struct {
			Together, Later           []int64
			Killed, Executed, Sibling int64
		}
		got := recordWork(t, "process", mechanism, &report, "exits", strconv.Itoa(n))
		who := tasks(t, got)
		exits := map[int64][]row{}
		for _, r := range processes(t, got, "exit") {
			exits[r.n("pid")] = append(exits[r.n("pid")], r)
			if task := who[r.n("task")]; task.n("tid") != r.n("pid") || r.n("duration_ns") <= 0 {
				t.Errorf("an exit %v by %v", r, task)
			}
		}
		check := func(pid int64, comm string, code, signal int64) {
			if len(exits[pid]) != 1 {
				t.Errorf("%d exits of process %d, want one", len(exits[pid]), pid)
				return
			}
			r := exits[pid][0]
			task := who[r.n("task")]
			if task.s("comm") != comm || r.n("exit_code") != code || r.n("signal") != signal {
				t.Errorf("process %d: %v of %v, want name %s, code %d, signal %d", pid, r, task, comm, code, signal)
			}
		}
		for _, pid := range report.Together {
			check(pid, "workload", 0, 0)
		}
		for _, pid := range report.Later {
			check(pid, "leader", 3, 0)
		}
		check(report.Killed, "exe", 0, int64(syscall.SIGKILL))
		check(report.Executed, "exe", 1, 0)
		check(report.Sibling, "workload", 0, 0)
		forks := tally(processes(t, got, "fork"), "pid")
		for pid, n := range forks {
			if n != 1 {
				t.Errorf("%d forks of process %s", n, pid)
			}
		}
		for _, r := range processes(t, got, "fork") {
			if r.n("pid") == report.Sibling && r.n("ppid") != who[exits[report.Killed][0].n("task")].n("ppid") {
				t.Errorf("the parent of the sibling is %d", r.n("ppid"))
			}
		}
		executed := slices.DeleteFunc(processes(t, got, "exec"), func(r row) bool {
			args := r["args"].([]string)
			return r.n("pid") != report.Executed || !slices.Equal(args, []string{"workload", "tree", "1"})
		})
		if len(executed) != 1 || who[executed[0].n("task")].n("tid") != report.Executed {
			t.Errorf("execs by a thread: %v", executed)
		}
	})
}

// On a host with cgroup v1 the hierarchy that tells most is recorded, and a renamed cgroup has its name of the time.
func TestCgroupsOfVersion1(t *testing.T) {
	needKernel(t)
	dir := mounted(t)["pids"]
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "pids")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("none", dir, "cgroup", 0, "pids"); err != nil {
			t.Skipf("cgroup v1 cannot be mounted: %v", err)
		}
		t.Cleanup(func() { syscall.Unmount(dir, 0) })
	}
	const groups = 30 // more than any other hierarchy is likely to have
	script := fmt.Sprintf(`
cd %s; i=0; sleeping=
while [ $i -lt %d ]; do
	mkdir fletch-$i; sleep 600 & sleeping="$sleeping $!"; echo $! >fletch-$i/cgroup.procs; i=$((i+1))
done
"$@"; status=$?
kill $sleeping; wait
for d in fletch-*; do rmdir $d || { sleep 1; rmdir $d; } || { sleep 5; rmdir $d; }; done
exit $status`, dir, groups)
	inner := `echo 0 >fletch-0/cgroup.procs; exec 3</dev/zero; dd bs=11 count=1 <&3 >/dev/null
mv fletch-0 fletch-renamed; dd bs=12 count=1 <&3 >/dev/null; mkdir fletch-renamed/below
echo 0 >fletch-renamed/below/cgroup.procs; dd bs=13 count=1 <&3 >/dev/null
echo 0 >cgroup.procs; dd bs=14 count=1 <&3 >/dev/null; rmdir fletch-renamed/below`
	capture := filepath.Join(t.TempDir(), "capture")
	status, _, stderr := output(t, "sh", "-c", script, "sh", program("record"), "-w", capture, "-e", "file", "--",
		"sh", "-c", inner)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	got := open(t, capture)
	wantNoLoss(t, got)
	if got.Manifest.Cgroups != "pids" {
		t.Errorf("the hierarchy is %q, want pids", got.Manifest.Cgroups)
	}
	names, who := cgroupNames(t, got), tasks(t, got)
	want := map[int64]string{11: "/fletch-0", 12: "/fletch-renamed", 13: "/fletch-renamed/below", 14: "/"}
	for _, r := range rows(t, got, "file") {
		if name, ours := want[r.n("size")]; ours && r.s("op") == "read" {
			if got := names[who[r.n("task")].n("cgroup")]; got != name {
				t.Errorf("the read of %d bytes is in cgroup %q, want %q", r.n("size"), got, name)
			}
			delete(want, r.n("size"))
		}
	}
	if len(want) != 0 {
		t.Errorf("no reads of %v", want)
	}
}
