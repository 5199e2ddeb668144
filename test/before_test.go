// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// flags of rows, as in FORMAT.md.
const (
	flagBefore    = 1
	flagRestarted = 2
)

// A waiting is a `workload waits` whose threads all wait.
type waiting struct {
	t     *testing.T
	pid   int
	tids  map[string]int
	calls map[string][]int64 // number and arguments of each thread's call, as the kernel shows them in /proc
	stdin io.Writer

	narrow bool // it is a 32-bit program
}

// startWaiting starts a workload, and waits until each thread is asleep.
func startWaiting(t *testing.T, workload string) *waiting {
	t.Helper()
	cmd := exec.Command(workload, "waits", "1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var report struct {
		PID  int
		TIDs map[string]int
	}
	if err := json.NewDecoder(stdout).Decode(&report); err != nil {
		t.Fatal(err)
	}
	w := &waiting{t: t, pid: report.PID, tids: report.TIDs, stdin: stdin, narrow: workload == program("workload32")}
	waitFor(t, "the threads to sleep", func() bool {
		before := w.calls
		w.calls = make(map[string][]int64)
		for name, tid := range w.tids {
			w.calls[name] = callInFlight(t, w.pid, tid)
		}
		same := true
		for name, call := range w.calls {
			same = same && len(call) == 7 && slices.Equal(call, before[name])
		}
		time.Sleep(50 * time.Millisecond)
		return same
	})
	return w
}

// callInFlight returns number and arguments of the call that a thread sleeps in; nil if it runs.
func callInFlight(t *testing.T, pid, tid int) (call []int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	if err != nil {
		t.Skipf("this kernel does not show calls in /proc: %v", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) != 9 || fields[0] == "-1" {
		return nil
	}
	for i, field := range fields[:7] {
		n, err := strconv.ParseUint(strings.TrimPrefix(field, "0x"), map[bool]int{true: 10, false: 16}[i == 0], 64)
		if err != nil {
			t.Fatal(err)
		}
		call = append(call, int64(n))
	}
	return call
}

// next lets the workload go on: the first time its calls end, the second time itself.
func (w *waiting) next() {
	w.t.Helper()
	if _, err := w.stdin.Write([]byte("x")); err != nil {
		w.t.Fatal(err)
	}
}

// record records the process until during returns.
func (w *waiting) record(during func(), args ...string) *format.Capture {
	w.t.Helper()
	rec, path := start(w.t, append(args, "-p", strconv.Itoa(w.pid))...)
	during()
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		w.t.Error(err)
	}
	c := open(w.t, path)
	wantNoLoss(w.t, c)
	return c
}

// rowsOf returns the rows of a table that belong to the thread.
func rowsOf(t *testing.T, c *format.Capture, table string, tid int) (found []row) {
	t.Helper()
	who := tasks(t, c)
	for _, r := range rows(t, c, table) {
		if task := who[r.n("task")]; task != nil && task.n("tid") == int64(tid) {
			found = append(found, r)
		}
	}
	return found
}

// wantCall wants a row of syscall or pending to be the call, as one that began before the recording.
func (w *waiting) wantCall(c *format.Capture, what string, found []row, call []int64) {
	w.t.Helper()
	if len(found) != 1 {
		w.t.Errorf("%s: %d rows, want 1: %v", what, len(found), found)
		return
	}
	r := found[0]
	if r.n("nr")&^compat != call[0] || (r.n("nr")&compat != 0) != w.narrow {
		w.t.Errorf("%s: call %#x, want %#x", what, r.n("nr"), call[0])
	}
	for i := range 6 {
		if arg := r.n("arg" + strconv.Itoa(i)); arg != call[1+i] && arg != 0 || i < 2 && arg != call[1+i] {
			w.t.Errorf("%s: arg%d is %#x, want %#x", what, i, arg, call[1+i])
		}
	}
	if r.n("flags") != flagBefore {
		w.t.Errorf("%s: flags %d", what, r.n("flags"))
	}
	w.wantPath(c, what, r)
	if ts := time.Unix(0, r.n("ts")); ts.Before(c.Manifest.Start) || ts.After(c.Manifest.Start.Add(5*time.Second)) {
		w.t.Errorf("%s: began at %v, the recording at %v", what, ts, c.Manifest.Start)
	}
}

// wantPath wants the path of a row to be that of the descriptor that the call was given.
func (w *waiting) wantPath(c *format.Capture, what string, r row) {
	w.t.Helper()
	const socketcall = 102 // its descriptor is in the memory of the program
	if what != "read" && what != "write" && what != "epoll" && what != "accept" ||
		w.narrow && w.calls[what][0] == socketcall {
		if r.n("path") != 0 {
			w.t.Errorf("%s: path %d of a call without a descriptor", what, r.n("path"))
		}
		return
	}
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", w.pid, r.n("arg0")))
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.HasPrefix(want, "socket:") {
		want = "TCP"
	}
	got := ""
	for _, p := range rows(w.t, c, "path") {
		if p.n("path") == r.n("path") {
			got = p.s("name")
		}
	}
	if !strings.HasPrefix(got, want) || want == "" {
		w.t.Errorf("%s: path %q, want %q", what, got, want)
	}
}

// A call that began before the recording and does not return is pending, with its number and arguments.
func TestCallsBeforeThatDoNotReturn(t *testing.T) {
	needKernel(t)
	for _, c := range [][2]string{
		{"workload", "syscall"}, {"workload", "process,syscall,file,tcp"}, {"workload32", "syscall"},
	} {
		t.Run(strings.Join(c[:], " "), func(t *testing.T) {
			w := startWaiting(t, program(c[0]))
			c := w.record(func() {}, "-e", c[1])
			for name, tid := range w.tids {
				w.wantCall(c, name, rowsOf(t, c, "pending", tid), w.calls[name])
				if n := len(rowsOf(t, c, "syscall", tid)) + len(rowsOf(t, c, "file", tid)); n != 0 {
					t.Errorf("%s: %d rows of calls that returned", name, n)
				}
			}
		})
	}
}

// A call that began before the recording and returns in it is a row of syscall. A read or write is also one of file,
// and an accept one of tcp.
func TestCallsBeforeThatReturn(t *testing.T) {
	needKernel(t)
	results := map[string]int64{"read": 5, "write": 200, "futex": 0, "epoll": 1, "poll": 1}
	eachABI(t, "file", func(t *testing.T, mechanism string) {
		path, _ := workload(t)
		w := startWaiting(t, path)
		var pipe string
		began := time.Now()
		c := w.record(func() {
			fd := strconv.FormatInt(w.calls["read"][1], 10)
			pipe, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", w.pid, fd))
			w.next()
			waitFor(t, "the calls to return", func() bool {
				for name, tid := range w.tids {
					// A thread that runs may not have returned yet; when it has, it sleeps in another call.
					now := callInFlight(t, w.pid, tid)
					if name != "nanosleep" && (now == nil || slices.Equal(now, w.calls[name])) {
						return false
					}
				}
				return true
			})
		}, "-e", "process,syscall,file,tcp", "--mechanism", "file="+mechanism)
		for name, tid := range w.tids {
			found := slices.DeleteFunc(rowsOf(t, c, "syscall", tid), func(r row) bool { return r.n("flags") == 0 })
			if name == "nanosleep" {
				w.wantCall(c, name, rowsOf(t, c, "pending", tid), w.calls[name])
				continue
			}
			w.wantCall(c, name, found, w.calls[name])
			if len(found) != 1 {
				continue
			}
			if want, known := results[name]; found[0].n("ret") != want && known || found[0].n("ret") < 0 {
				t.Errorf("%s: returned %d", name, found[0].n("ret"))
			}
			if d := found[0].n("duration_ns"); d < 0 || d > int64(time.Since(began)) {
				t.Errorf("%s: took at least %d ns", name, d)
			}
			files := rowsOf(t, c, "file", tid)
			if name != "read" && name != "write" {
				if len(files) != 0 {
					t.Errorf("%s: %v", name, files)
				}
				continue
			}
			if len(files) != 1 {
				t.Errorf("%s: %d rows of files, want 1: %v", name, len(files), files)
				continue
			}
			f := files[0]
			if f.s("op") != name || f.n("size") != w.calls[name][3] || f.n("ret") != results[name] ||
				f.n("flags") != flagBefore || f.n("offset") != -1 || f.n("ts") != found[0].n("ts") {
				t.Errorf("%s: %v", name, f)
			}
			if got := pathNames(t, c)[f.n("path")]; name == "read" && got != pipe {
				t.Errorf("read of %q, want %q", got, pipe)
			}
		}
		accepts := slices.DeleteFunc(rows(t, c, "tcp"), func(r row) bool { return r.s("op") != "accept" })
		if len(accepts) != 1 {
			t.Errorf("%d accepts, want 1", len(accepts))
		}
	})
}

func pathNames(t *testing.T, c *format.Capture) map[int64]string {
	t.Helper()
	names := make(map[int64]string)
	for _, r := range rows(t, c, "path") {
		names[r.n("path")] = r.s("name")
	}
	return names
}

// Without family syscall there are no pending rows, whatever other families keep of calls in flight.
func TestNoPendingRowsWithoutCalls(t *testing.T) {
	needKernel(t)
	for _, family := range []string{"file", "tcp", "ipc", "seccomp", "process,file,tcp,ipc,seccomp,signal", "process"} {
		t.Run(family, func(t *testing.T) {
			w := startWaiting(t, program("workload"))
			c := w.record(func() {
				w.next()
				time.Sleep(200 * time.Millisecond) // in which calls begin that do not return
			}, "-e", family)
			if pending := rows(t, c, "pending"); len(pending) != 0 {
				t.Errorf("%d pending rows: %v", len(pending), pending[0])
			}
		})
	}
}

// A call that continues an interrupted one says so; one that its program made again after EINTR does not.
func TestRestartedCalls(t *testing.T) {
	eachABI(t, "file", testRestarts)
}

func testRestarts(t *testing.T, mechanism string) {
	path, prefix := workload(t)
	got, stdout := capture(t, 0, "-e", "process,syscall,file", "--mechanism", "file="+mechanism, "--",
		path, "restarts", "1")
	wantNoLoss(t, got)
	var report struct{ TID int }
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	calls := rowsOf(t, got, "syscall", report.TID)
	const interruptedCode, noRestart = -512, -514 // ERESTARTSYS, ERESTARTNOHAND
	for _, size := range []int64{101, 102} {
		reads := slices.DeleteFunc(slices.Clone(calls), func(r row) bool {
			return r.n("nr") != number(t, got, prefix+"read") || r.n("arg2") != size
		})
		if len(reads) != 2 || reads[0].n("ret") != interruptedCode || reads[0].n("flags") != 0 ||
			reads[1].n("ret") != 1 || reads[1].n("flags") != flagRestarted {
			t.Errorf("reads of %d bytes: %v", size, reads)
		}
	}
	poll := number(t, got, prefix+"ppoll")
	polls := slices.DeleteFunc(slices.Clone(calls), func(r row) bool { return r.n("nr") != poll })
	if len(polls) != 2 || polls[0].n("ret") != noRestart || polls[1].n("ret") != 1 || polls[1].n("flags") != 0 {
		t.Errorf("polls: %v", polls)
	}
	for _, size := range []int64{101, 102} {
		reads := slices.DeleteFunc(rowsOf(t, got, "file", report.TID), func(r row) bool { return r.n("size") != size })
		if len(reads) != 2 || reads[0].n("flags") != 0 || reads[1].n("flags") != flagRestarted {
			t.Errorf("rows of file for %d bytes: %v", size, reads)
		}
	}
	// A signal of the Go runtime may interrupt any other call too, a futex for instance. Whatever continues a call
	// follows one of that number that was interrupted; calls of the signal's handler may be between them.
	interrupted := map[int64]int{}
	for _, r := range calls {
		nr := r.n("nr")
		if flags := r.n("flags"); flags == flagRestarted && interrupted[nr] > 0 {
			interrupted[nr]--
		} else if flags != 0 {
			t.Errorf("call %d has flags %d", nr, flags)
		}
		switch r.n("ret") {
		case interruptedCode, -513, noRestart: // -513: ERESTARTNOINTR
			interrupted[nr]++
		case -516: // ERESTART_RESTARTBLOCK
			interrupted[number(t, got, prefix+"restart_syscall")]++
		}
	}
}

// A task that takes the name that is recorded is recorded from then on, in the call in which it does: it began before.
func TestCallThatBeginsARecording(t *testing.T) {
	got, stdout := capture(t, 0, "-e", "process,syscall", "--comm", callName, "--",
		program("workload"), "calls", "10", "2")
	wantNoLoss(t, got)
	for _, tid := range parseReport(t, stdout).TIDs {
		prctl, getpgid := number(t, got, "prctl"), number(t, got, "getpgid")
		calls := slices.DeleteFunc(rowsOf(t, got, "syscall", int(tid)), func(r row) bool {
			return r.n("nr") != prctl && r.n("nr") != getpgid // a call of the Go runtime
		})
		if len(calls) != 12 || calls[0].n("nr") != prctl || calls[0].n("flags") != flagBefore ||
			calls[0].n("ret") != 0 || calls[11].n("nr") != prctl {
			t.Errorf("thread %d: %d calls, the first is %v", tid, len(calls), calls[0])
		}
		for _, r := range calls[1:] {
			if r.n("flags") != 0 || r.n("ts") < calls[0].n("ts") {
				t.Errorf("thread %d: %v", tid, r)
			}
		}
	}
}

// A process whose first thread has ended still has its program and command line.
func TestProcessWithoutItsFirstThread(t *testing.T) {
	needKernel(t)
	cmd := exec.Command(program("workload"), "leaderless", "60s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := strconv.Itoa(cmd.Process.Pid)
	waitFor(t, "the first thread to end", func() bool {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, state, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(state, "Z")
	})
	got, _ := capture(t, 0, "-e", "process", "-p", pid, "-d", "500ms")
	listed := processes(t, got, "snapshot")
	if len(listed) != 1 || listed[0].s("filename") != resolved(t, program("workload")) ||
		!slices.Equal(listed[0]["args"].([]string), []string{program("workload"), "leaderless", "60s"}) {
		t.Errorf("snapshot rows %v", listed)
	}
}

// A process whose first thread ended before the recording began exits with its program, also if it got a signal since.
func TestProcessWithoutItsFirstThreadExits(t *testing.T) {
	needKernel(t)
	cmd := exec.Command(program("workload"), "leaderless", "60s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := strconv.Itoa(cmd.Process.Pid)
	waitFor(t, "the first thread to end", func() bool {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		_, state, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(state, "Z")
	})
	for _, args := range [][]string{nil, {"-G", "1h", "-W", "2"}} {
		args = append(args, "-e", "process,signal", "--", "sh", "-c", "kill -WINCH $0; sleep 0.2", pid)
		got, _ := capture(t, 0, args...)
		to := rows(t, got, "signal")
		if len(to) == 0 || to[0].n("to_pid") != int64(cmd.Process.Pid) {
			t.Fatalf("signals: %v", to)
		}
		for _, r := range rows(t, got, "task") {
			if r.n("task") == to[0].n("to") && r.s("exe") != resolved(t, program("workload")) {
				t.Errorf("%q: the program of the process is %q", args, r.s("exe"))
			}
		}
	}
}

// resolved is a path without symbolic links, as the kernel names a file.
func resolved(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
