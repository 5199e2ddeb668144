// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// inside runs a shell script as process 1 of a new pid namespace, which has a /proc of its own if ownProc is set, and
// returns its status and output. The script finds the programs in PATH.
func inside(t *testing.T, ownProc bool, script string) (status int, stdout, stderr string) {
	t.Helper()
	needKernel(t)
	needRoot(t)
	if ownProc {
		script = "mount -t proc proc /proc || exit 99\n" + script
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// recordInside records in a new pid namespace. The script calls $record, with all flags that are needed, which
// writes $capture; `began` waits until the recording has begun.
func recordInside(t *testing.T, ownProc bool, script string) *format.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	flags := strings.Join(append([]string{"-q", "-w", path}, recordArgs()...), " ")
	status, _, stderr := inside(t, ownProc, "capture="+path+"\nrecord='record "+flags+"'\n"+
		"began() { until [ -e $capture/process/000001.arrow ]; do sleep 0.05; done; }\n"+script)
	if status != 0 {
		t.Fatalf("status %d\n%s", status, stderr)
	}
	c := open(t, path)
	wantNoLoss(t, c)
	return c
}

// eachProc runs a test in a pid namespace with its own /proc, and in one that has the host's.
func eachProc(t *testing.T, test func(t *testing.T, ownProc bool)) {
	t.Run("own /proc", func(t *testing.T) { test(t, true) })
	t.Run("host's /proc", func(t *testing.T) { test(t, false) })
}

// knownInside returns the calls of `workload calls` by a process whose id the test does not know.
func knownInside(t *testing.T, c *format.Capture) (calls []row) {
	t.Helper()
	who, getpgid := tasks(t, c), number(t, c, "getpgid")
	for _, r := range rows(t, c, "syscall") {
		if r.n("nr") == getpgid && who[r.n("task")].s("comm") == callName {
			calls = append(calls, r)
		}
	}
	return calls
}

func TestCommandInPIDNamespace(t *testing.T) {
	eachProc(t, func(t *testing.T, ownProc bool) {
		c := recordInside(t, ownProc, "$record -- workload calls 100 2")
		if n := len(knownInside(t, c)); n != 200 {
			t.Errorf("%d calls, want 200", n)
		}
		for _, task := range tasks(t, c) {
			if task.s("comm") == "record" {
				t.Errorf("the recorder is recorded: %v", task)
			}
			if task.n("nspid") == task.n("pid") || task.n("pidns") == 0 {
				t.Errorf("ids in its own pid namespace: %v", task)
			}
		}
	})
}

// IPC checks prove that they are called by a check of the recorder's own, which they have to recognize.
func TestMechanismsInPIDNamespace(t *testing.T) {
	const n = 4
	for _, family := range []struct {
		name, work string
		rows       int
	}{{"ipc", "ipc 4", 11 * n}, {"file", "files . 4", 0}, {"tcp", "tcp 4", 0}, {"seccomp", "seccomp 4", 0},
		{"signal", "signals 4", 0}} {
		t.Run(family.name, func(t *testing.T) {
			eachMechanism(t, family.name, func(t *testing.T, mechanism string) {
				path := filepath.Join(t.TempDir(), "capture")
				script := fmt.Sprintf("record -q -w %s -e %[2]s --mechanism %[2]s=%s -- workload %s",
					path, family.name, mechanism, family.work)
				status, _, stderr := inside(t, true, script)
				if status != 0 {
					t.Fatalf("status %d\n%s", status, stderr)
				}
				got := len(rows(t, open(t, path), family.name))
				if got == 0 || family.rows > 0 && got != family.rows {
					t.Errorf("%d rows", got)
				}
			})
		})
	}
}

// In a namespace -p's numbers are small ones, which on the host are those of kernel threads and daemons.
func TestPIDInPIDNamespace(t *testing.T) {
	eachProc(t, func(t *testing.T, ownProc bool) {
		c := recordInside(t, ownProc, `
			mkfifo go
			sh -c 'read x <go; workload calls 50 1; exit 3' known &
			$record -p $! &
			began
			echo go >go
			wait`)
		if n := len(knownInside(t, c)); n != 50 {
			t.Errorf("%d calls, want 50", n)
		}
		snapshots := processes(t, c, "snapshot")
		if len(snapshots) != 1 {
			t.Fatalf("snapshot rows: %v", snapshots)
		}
		want := []string{"sh", "-c", "read x <go; workload calls 50 1; exit 3", "known"}
		if got := snapshots[0]["args"]; !reflect.DeepEqual(got, want) {
			t.Errorf("the command line is %q", got)
		}
		if ends := processes(t, c, "exit"); len(ends) != 2 || ends[1].n("exit_code") != 3 ||
			ends[1].n("pid") != snapshots[0].n("pid") {
			t.Errorf("exits %v", ends)
		}
	})
}

// A recorder that drops old generations looks whether processes still run, if it records by name.
func TestGenerationsInPIDNamespace(t *testing.T) {
	eachProc(t, func(t *testing.T, ownProc bool) {
		c := recordInside(t, ownProc, `
			sh -c 'while [ ! -e stop ]; do sleep 0.05; done' known &
			$record -G 200ms -W 2 --comm sh -p $! &
			recorder=$!
			# The first segment may already have gone again.
			until ls $capture/process | grep -v 000001.arrow | grep -q .; do sleep 0.05; done
			while [ -e $capture/process/000001.arrow ]; do sleep 0.05; done
			kill -INT $recorder # while the process runs: later generations would not have it
			wait $recorder
			touch stop
			wait`)
		found := false
		for _, r := range processes(t, c, "snapshot") {
			args := r["args"].([]string)
			found = found || len(args) == 4 && args[3] == "known"
		}
		if !found {
			t.Errorf("the process is not in the generation's snapshot: %v", processes(t, c, "snapshot"))
		}
	})
}

// A process of -p may have processes in namespaces of their own.
func TestNestedPIDNamespace(t *testing.T) {
	needProgram(t, "unshare")
	eachProc(t, func(t *testing.T, ownProc bool) {
		c := recordInside(t, ownProc, `
			mkfifo go
			sh -c 'unshare -p -f sh -c "read x <go; workload calls 50 1" nested & wait; exit 3' &
			sleep 0.5
			$record -p $! &
			began
			echo go >go
			wait`)
		if n := len(knownInside(t, c)); n != 50 {
			t.Errorf("%d calls, want 50", n)
		}
		found := false
		for _, r := range processes(t, c, "snapshot") {
			args := r["args"].([]string)
			found = found || len(args) > 0 && args[len(args)-1] == "nested" && args[0] == "sh"
		}
		if !found {
			t.Errorf("no command line of the nested process: %v", processes(t, c, "snapshot"))
		}
	})
}

func TestWholeHostIsRefusedInside(t *testing.T) {
	status, _, stderr := inside(t, true, "record -w out -d 1s; status=$?; [ ! -e out ] || echo left; exit $status")
	want := "record: error: the whole host cannot be recorded from inside a pid namespace\nrecord: hint: "
	if status != 1 || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 2 {
		t.Errorf("status %d, %s", status, stderr)
	}
	if status, stdout, stderr := inside(t, true, "record --list"); status != 0 || !strings.Contains(stdout, "tp_btf") {
		t.Errorf("--list: status %d, %s", status, stderr)
	}
}

// In the /proc of another namespace the recorder cannot see itself.
func TestForeignProcIsRefused(t *testing.T) {
	needProgram(t, "unshare")
	status, _, stderr := inside(t, false, `
		unshare -p -f sh -c 'mount -t proc proc /proc; exec sleep 2' &
		while [ -e /proc/self ]; do sleep 0.05; done
		record -w out -- true`)
	if status != 1 || !strings.HasPrefix(stderr, "record: error: /proc is not mounted, or is that of another") {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestUserNamespaceIsRefused(t *testing.T) {
	needKernel(t)
	cmd := exec.Command(program("record"), "-w", "out", "--", "true")
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}}
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skip("no user namespaces here")
	}
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "from inside a user namespace") {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
}

// The recorder's threads have its priority, whatever numbers /proc has for them.
func TestPriorityInPIDNamespace(t *testing.T) {
	eachProc(t, func(t *testing.T, ownProc bool) {
		status, stdout, stderr := inside(t, ownProc, `
			record -q -e process -w out -- sh -c 'until [ -e done ]; do sleep 0.05; done' &
			until [ -e out/process/000001.arrow ]; do sleep 0.05; done
			mount -t proc proc /proc
			for id in /proc/[0-9]*; do
				[ "$(cat $id/comm)" = record ] && cut -d' ' -f19 $id/task/*/stat
			done
			touch done
			wait`)
		if status != 0 {
			t.Fatalf("status %d\n%s", status, stderr)
		}
		if values := strings.Fields(stdout); len(values) < 3 ||
			slices.ContainsFunc(values, func(v string) bool { return v != "-20" }) {
			t.Errorf("nice values %v", values)
		}
	})
}

// Times are those of the wall clock, also where the monotonic clock is another one.
func TestTimeNamespace(t *testing.T) {
	needKernel(t)
	needRoot(t)
	for _, seconds := range []string{"100000", "-1"} {
		path := filepath.Join(t.TempDir(), "capture")
		before := time.Now()
		status, _, stderr := output(t, program("workload"), append([]string{"clock", seconds, program("record")},
			append(recordArgs("-q", "-G", "100ms", "-w", path), "--", "sleep", "0.3")...)...)
		after := time.Now()
		if strings.Contains(stderr, "unshare:") {
			t.Skip("no time namespaces here")
		}
		if status != 0 {
			t.Fatalf("status %d\n%s", status, stderr)
		}
		c := open(t, path)
		wantNoLoss(t, c)
		for _, table := range []string{"task", "process", "syscall"} {
			all := rows(t, c, table)
			if len(all) == 0 {
				t.Errorf("no rows of %s", table)
			}
			for _, r := range all {
				if ts := time.Unix(0, r.n("ts")); ts.Before(before) || ts.After(after) {
					t.Fatalf("%s s ahead: %s at %v, not in %v to %v", seconds, table, ts, before, after)
				}
			}
		}
	}
}

// knownThread starts a process whose second thread makes known calls as long as the test runs, and returns their ids.
func knownThread(t *testing.T) (pid, tid int) {
	t.Helper()
	target := exec.Command(program("workload"), "block", "2", "1m")
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Process.Kill(); target.Wait() })
	pid = target.Process.Pid
	waitFor(t, "the threads", func() bool {
		all, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if len(all) < 3 {
			return false
		}
		tid, _ = strconv.Atoi(all[len(all)-1].Name())
		return true
	})
	return pid, tid
}

func TestPIDOfAThread(t *testing.T) {
	needKernel(t)
	pid, tid := knownThread(t)
	rec, path := start(t, "-p", fmt.Sprintf("%d,%d,%d", tid, tid, pid))
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := rec.Wait(); err != nil { // the process's end is the recording's
		t.Error(err)
	}
	c := open(t, path)
	if s := c.Manifest.Selection; s == nil || !slices.Equal(s.PIDs, []int64{int64(pid)}) {
		t.Errorf("selection %+v, want process %d", s, pid)
	}
	if ends := processes(t, c, "exit"); len(ends) != 1 || ends[0].n("pid") != int64(pid) {
		t.Errorf("the exits are %v, want one of %d", ends, pid)
	}
	threads := map[int64]bool{}
	for _, r := range tasks(t, c) {
		threads[r.n("tid")] = true
	}
	if !threads[int64(tid)] || !threads[int64(pid)] {
		t.Errorf("threads %v, want %d and %d", threads, pid, tid)
	}
}

func TestPIDThatHasEnded(t *testing.T) {
	needKernel(t)
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	pid := zombie.Process.Pid
	waitFor(t, "its end", func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return bytes.Contains(stat, []byte(") Z "))
	})
	for _, state := range []string{"it has ended, and its parent has not waited for it", "no such process"} {
		status, _, stderr := output(t, program("record"), "-w", "out", "-p", fmt.Sprint(os.Getpid(), ",", pid))
		if want := fmt.Sprintf("record: error: following process %d: %s\n", pid, state); status != 1 || stderr != want {
			t.Errorf("status %d, %q, want %q", status, stderr, want)
		}
		zombie.Wait()
	}
}

// A process of -p has a tree of processes, which goes on growing while the recording begins. When it has stopped, each
// process at the end of a branch makes one known call: none may be missing.
func TestPIDIncludesWhatItHadStarted(t *testing.T) {
	needKernel(t)
	dir := t.TempDir()
	release, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	target := exec.Command("sh", "-c", `i=1000000000
		while [ ! -e stop ]; do
			i=$((i+1))
			( ( read x <&3; kill -0 $i ) 2>/dev/null & wait ) &
			[ $((i % 4)) != 0 ] || sleep 0.01
		done
		echo $i >last
		wait`)
	target.Dir, target.ExtraFiles = dir, []*os.File{release}
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	release.Close()
	time.Sleep(200 * time.Millisecond) // so that some have been started
	rec, path := start(t, "-e", "process,syscall", "-p", strconv.Itoa(target.Process.Pid))
	time.Sleep(200 * time.Millisecond) // and some are started later
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	waitForFile(t, filepath.Join(dir, "last"))
	end.Close()
	target.Wait()
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	last, err := strconv.ParseInt(strings.TrimSpace(read(t, filepath.Join(dir, "last"))), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	wantNoLoss(t, c)
	kill, seen := number(t, c, "kill"), map[int64]int{}
	for _, r := range rows(t, c, "syscall") {
		if r.n("nr") == kill {
			seen[r.n("arg0")]++
		}
	}
	t.Logf("%d branches, %d processes at the start", last-1e9, len(processes(t, c, "snapshot")))
	missing := 0
	for n := int64(1e9 + 1); n <= last; n++ {
		if seen[n] != 1 {
			missing++
		}
	}
	if missing != 0 {
		t.Errorf("%d of %d calls are not there once", missing, last-1e9)
	}
}

// A command is over when it has exited, unless --wait is given.
func TestChildrenThatOutliveTheCommand(t *testing.T) {
	c, _ := capture(t, 3, "--", "sh", "-c", "(sleep 20; exit 7) >/dev/null 2>&1 & exit 3")
	if ends := processes(t, c, "exit"); len(ends) != 1 {
		t.Errorf("exits without --wait: %v", ends)
	}
	c, _ = capture(t, 3, "--wait", "--", "sh", "-c", "(sleep 0.5; exit 7) >/dev/null 2>&1 & exit 3")
	codes := tally(processes(t, c, "exit"), "exit_code")
	if want := map[string]int{"3": 1, "0": 1, "7": 1}; !reflect.DeepEqual(codes, want) {
		t.Errorf("exits with --wait: %v", codes)
	}
	// Processes are counted even if their exits are not recorded.
	for said, args := range map[string][]string{
		"record: 2 processes that COMMAND started still run; --wait records until they end\n": {"--", "sh", "-c",
			"(sleep 20; true) >/dev/null 2>&1 & sleep 0.1"},
		"": {"--wait", "--", "sh", "-c", "(sleep 0.5; true) & sleep 0.1"},
	} {
		_, _, stderr := output(t, program("record"), append([]string{"-e", "syscall"}, args...)...)
		if !strings.HasSuffix(stderr, said) || strings.Contains(stderr, "--wait") != (said != "") {
			t.Errorf("record %v said %q", args, stderr)
		}
	}
}

// The same for -p: the first process ends before what it had started, and what that starts later.
func TestWaitForWhatPIDStarted(t *testing.T) {
	needKernel(t)
	target := exec.Command("sh", "-c", "sh -c 'read go; sleep 0.3; sh -c \"exit 7\"; exit 6' <&3 & read go; exit 5")
	first, err := target.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	end, second, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	target.ExtraFiles = []*os.File{end}
	if err := target.Start(); err != nil {
		t.Fatal(err)
	}
	rec, path := start(t, "--wait", "-p", strconv.Itoa(target.Process.Pid))
	fmt.Fprintln(first, "go")
	target.Wait()
	fmt.Fprintln(second, "go")
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	codes := tally(processes(t, open(t, path), "exit"), "exit_code")
	if want := map[string]int{"0": 1, "5": 1, "6": 1, "7": 1}; !reflect.DeepEqual(codes, want) {
		t.Errorf("exits %v, want %v", codes, want)
	}
}

// A signal ends the recording even if --wait has not seen the last process end.
func TestInterruptedWait(t *testing.T) {
	rec, path := start(t, "--wait", "--", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & exit 3")
	waitFor(t, "the command's exit", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", rec.Process.Pid, rec.Process.Pid))
		return err == nil && len(stat) == 0
	})
	time.Sleep(100 * time.Millisecond)
	rec.Process.Signal(syscall.SIGINT)
	rec.Wait()
	if status := rec.ProcessState.ExitCode(); status != 3 {
		t.Errorf("status %d, want that of the command", status)
	}
	wantComplete(t, open(t, path))
}

func TestDefaultNamesAreUnique(t *testing.T) {
	needKernel(t)
	const n = 4
	dir := t.TempDir()
	var recs []*exec.Cmd
	for i := range n {
		args := append(recordArgs("-q", "-e", "process"), "--", "true")
		if i == 0 {
			args = append([]string{"--last", "10s"}, args...)
		}
		rec := exec.Command(program("record"), args...)
		rec.Dir, rec.Stderr = dir, os.Stderr
		if err := rec.Start(); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
	for _, rec := range recs {
		if err := rec.Wait(); err != nil {
			t.Error(err)
		}
	}
	if all, _ := filepath.Glob(filepath.Join(dir, "fletch-*")); len(all) != n {
		t.Errorf("captures %v, want %d", all, n)
	}
}
