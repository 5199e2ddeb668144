// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

func TestStatusIsTheCommands(t *testing.T) {
	for script, want := range map[string]int{"true": 0, "exit 7": 7, "kill -9 $$": 128 + 9, "kill -TERM $$": 128 + 15} {
		got, _ := capture(t, want, "--", "sh", "-c", script)
		if s := got.Manifest.ExitStatus; s == nil || *s != want {
			t.Errorf("%s: the manifest's status is %v", script, s)
		}
	}
}

// processes returns the process events of one op, in order of time.
func processes(t *testing.T, c *format.Capture, op string) []row {
	t.Helper()
	return slices.DeleteFunc(rows(t, c, "process"), func(r row) bool { return r.s("op") != op })
}

// busyNeighbour starts and ends processes of its own until the test ends.
func busyNeighbour(t *testing.T) {
	t.Helper()
	other := exec.Command("sh", "-c", "while :; do /bin/true; done")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
}

// checkTree wants each process in the capture to be one of roots, or forked by a process in the capture.
func checkTree(t *testing.T, c *format.Capture, roots ...int64) {
	t.Helper()
	members := map[int64]bool{}
	for _, pid := range roots {
		members[pid] = true
	}
	for _, r := range processes(t, c, "fork") {
		if !members[r.n("ppid")] {
			t.Errorf("a fork by process %d, which does not belong here", r.n("ppid"))
		}
		members[r.n("pid")] = true
	}
	who := tasks(t, c)
	for _, task := range who {
		if !members[task.n("pid")] || task.s("comm") == "record" {
			t.Errorf("task %v does not belong here", task)
		}
	}
	for _, table := range []string{"process", "syscall", "pending"} {
		for _, r := range rows(t, c, table) {
			if _, known := who[r.n("task")]; !known {
				t.Fatalf("%s: a row of task %d, which is not announced", table, r.n("task"))
			}
			if pid, ok := r["pid"]; ok && !members[pid.(int64)] {
				t.Errorf("%s: %v does not belong here", table, r)
			}
		}
	}
}

func TestOnlyTheCommandsTree(t *testing.T) {
	needKernel(t)
	busyNeighbour(t)
	const depth = 6
	got, _ := capture(t, depth, "--", program("workload"), "tree", strconv.Itoa(depth))
	wantNoLoss(t, got)

	execs := processes(t, got, "exec")
	if len(execs) != depth {
		t.Fatalf("%d execs, want %d", len(execs), depth)
	}
	checkTree(t, got, execs[0].n("pid"))
	codes := map[int64]int64{}
	for _, r := range processes(t, got, "exit") {
		codes[r.n("pid")] = r.n("exit_code")
	}
	for i, r := range execs {
		if want := int64(depth - i); codes[r.n("pid")] != want {
			t.Errorf("level %d exited with %d, want %d", i, codes[r.n("pid")], want)
		}
	}
}

func TestPIDFollowsWhatItStarts(t *testing.T) {
	needKernel(t)
	busyNeighbour(t)
	target := exec.Command("sh", "-c", "read go; /bin/true; sh -c '/bin/true; exit 3'; exit 4")
	in, err := target.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	pid := target.Process.Pid
	dir := filepath.Join(t.TempDir(), "capture")
	rec := exec.Command(program("record"), recordArgs("-q", "-w", dir, "-p", strconv.Itoa(pid))...)
	rec.Stderr = os.Stderr
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the recording to begin", func() bool {
		m, _ := filepath.Glob(dir + "/process/*.arrow")
		return len(m) > 0
	})
	fmt.Fprintln(in, "go")
	target.Wait()
	if err := rec.Wait(); err != nil { // the target's end is the recording's
		t.Fatal(err)
	}
	got := open(t, dir)
	wantNoLoss(t, got)
	checkTree(t, got, int64(pid))
	if snap := processes(t, got, "snapshot"); len(snap) != 1 || snap[0].n("pid") != int64(pid) ||
		snap[0]["args"].([]string)[1] != "-c" {
		t.Errorf("the snapshot is %v", snap)
	}
	var codes []int64
	for _, r := range processes(t, got, "exit") {
		codes = append(codes, r.n("exit_code"))
	}
	// true, the inner true, the inner shell, the target.
	if want := []int64{0, 0, 3, 4}; !slices.Equal(codes, want) {
		t.Errorf("exit codes %v, want %v", codes, want)
	}
}

func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); !ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 5 minutes for %s", what)
		}
	}
}

// A script of known commands: every exec with all its arguments, every exit with its code or signal.
func TestExecsAndExits(t *testing.T) {
	long := strings.Repeat("x", 5000)
	script := strings.Join([]string{
		`/usr/bin/env A=1 /bin/true`,
		`sh -c 'exit 41' arg0 "two words" '' "tab	and é"`,
		`sh -c 'kill -9 $$'`,
		`sh -c 'kill -USR1 $$'`,
		`/bin/true ` + long,
		`/bin/true ` + long + ` ` + long + ` end`,
		`exit 9`,
	}, "\n")
	got, _ := capture(t, 9, "--", "sh", "-c", script)
	wantNoLoss(t, got)

	var execs [][]string
	for _, r := range processes(t, got, "exec") {
		execs = append(execs, r["args"].([]string))
	}
	want := [][]string{
		{"sh", "-c", strings.NewReplacer("\n", `\x0a`, "\t", `\x09`).Replace(script)},
		{"/usr/bin/env", "A=1", "/bin/true"},
		{"/bin/true"},
		{"sh", "-c", "exit 41", "arg0", "two words", "", `tab\x09and é`},
		{"sh", "-c", "kill -9 $$"},
		{"sh", "-c", "kill -USR1 $$"},
		{"/bin/true", long},
		{"/bin/true", long, long[:8192-len("/bin/true")-1-len(long)-1] + "…"},
	}
	// The script itself is longer than what is kept of a command line.
	want[0][2] = want[0][2][:len(execs[0][2])-len("…")] + "…"
	for i := range max(len(execs), len(want)) {
		if i >= len(execs) || i >= len(want) || !reflect.DeepEqual(execs[i], want[i]) {
			t.Errorf("exec %d: got %.200q", i, execs[min(i, len(execs)-1)])
		}
	}

	type end struct{ code, signal int64 }
	count := map[end]int{}
	for _, r := range processes(t, got, "exit") {
		count[end{r.n("exit_code"), r.n("signal")}]++
		if r.n("duration_ns") <= 0 {
			t.Errorf("lifetime of %v", r)
		}
	}
	if want := map[end]int{{0, 0}: 3, {41, 0}: 1, {0, 9}: 1, {0, 10}: 1, {9, 0}: 1}; !reflect.DeepEqual(count, want) {
		t.Errorf("ends %v, want %v", count, want)
	}
	for _, r := range processes(t, got, "exec") {
		if exe := tasks(t, got)[r.n("task")].s("exe"); !strings.HasPrefix(exe, "/") ||
			filepath.Base(r.s("filename")) == "env" && filepath.Base(exe) != "env" {
			t.Errorf("exec of %s by a task whose exe is %q", r.s("filename"), exe)
		}
	}
}

// A recording of the whole host begins with the processes that already run, with command line, name and cgroup. Events
// of a busy host may be lost, but the snapshot of a sleeping process is not.
func TestWholeHostBeginsWithASnapshot(t *testing.T) {
	needKernel(t)
	before := exec.Command("sleep", "1000.25")
	if err := before.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { before.Process.Kill(); before.Wait() }()
	got, _ := capture(t, 0, "-d", "300ms")
	wantComplete(t, got)
	found := false
	who := tasks(t, got)
	for _, r := range processes(t, got, "snapshot") {
		if r.n("pid") == int64(before.Process.Pid) {
			found = true
			task := who[r.n("task")]
			if !reflect.DeepEqual(r["args"], []string{"sleep", "1000.25"}) || task.s("comm") != "sleep" ||
				task.n("ppid") != int64(os.Getpid()) {
				t.Errorf("the snapshot has %v, task %v", r, task)
			}
		}
	}
	if !found {
		t.Error("a process that ran before is not in the snapshot")
	}
	cgroups := map[int64]bool{}
	for _, r := range rows(t, got, "cgroup") {
		cgroups[r.n("cgroup")] = true
		if !strings.HasPrefix(r.s("name"), "/") {
			t.Errorf("cgroup %v", r)
		}
	}
	for _, task := range who {
		if !cgroups[task.n("cgroup")] {
			t.Errorf("task %v is in a cgroup that is not announced", task)
		}
		if task.n("pid") == int64(os.Getpid()) && task.s("exe") == "" {
			t.Errorf("task %v has no exe", task)
		}
	}
}

// A new name gets a new task id: each call is of the task with the name at that time.
func TestNamesAreExact(t *testing.T) {
	got, stdout := capture(t, 0, "--", program("workload"), "calls", "100", "3")
	rep := parseReport(t, stdout)
	who := tasks(t, got)
	for tid, calls := range knownCalls(t, got, rep.PID) {
		for _, r := range calls {
			if comm := who[r.n("task")].s("comm"); comm != callName {
				t.Fatalf("thread %d: a call by %q, want %q", tid, comm, callName)
			}
		}
	}
}
