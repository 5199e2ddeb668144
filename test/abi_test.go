// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// Bits of column nr: see FORMAT.md.
const (
	compat  = 0x20000000
	x32     = 0x40000000
	invalid = -1 << 31
)

const narrow = "32-bit" // the subtests that run the 32-bit workload

// eachABI is eachMechanism, with the native workload and then with the 32-bit one.
func eachABI(t *testing.T, family string, test func(t *testing.T, mechanism string)) {
	eachMechanism(t, family, test)
	narrowABI(t, family, test)
}

// narrowABI is eachMechanism with the 32-bit workload.
func narrowABI(t *testing.T, family string, test func(t *testing.T, mechanism string)) {
	t.Run(narrow, func(t *testing.T) {
		if err := exec.Command(program("workload32"), "raw", "syscall:-1").Run(); errors.Is(err, syscall.ENOEXEC) {
			t.Skip("this kernel runs no 32-bit programs")
		}
		eachMechanism(t, family, test)
	})
}

// workload returns the workload of a test, and the prefix of the names of its calls.
func workload(t *testing.T) (path, prefix string) {
	if strings.Contains(t.Name(), "/"+narrow+"/") {
		return program("workload32"), map[string]string{"amd64": "i386:", "arm64": "arm:"}[runtime.GOARCH]
	}
	return program("workload"), ""
}

// A rawCall is a call that `workload raw` makes, and its row.
type rawCall struct {
	call string // HOW:NUMBER, see internal/workload/raw.go
	nr   int64  // of the row
	args int    // how many arguments the call has
}

// arguments of raw calls, of which those of the 32-bit ABI are the lowest 32 bits. The first is in no table of files or
// processes, so that no call does anything.
var arguments = [6]uint64{0x7ffffff1, 0x1234567812345602, 0xabcdef0187654303, 4, 5, 6}

// made runs the workload with these calls, and returns its rows of a table.
func made(t *testing.T, workload, family string, calls []rawCall) ([]row, *format.Capture) {
	t.Helper()
	args := []string{"-e", family, "--", workload, "raw"}
	for _, c := range calls {
		call := c.call
		for _, a := range arguments {
			call += fmt.Sprintf(":%#x", a)
		}
		args = append(args, call)
	}
	got, stdout := capture(t, 0, args...)
	wantNoLoss(t, got)
	var report struct{ TID int64 }
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("the workload printed %q: %v", stdout, err)
	}
	who := tasks(t, got)
	return slices.DeleteFunc(rows(t, got, family), func(r row) bool {
		return who[r.n("task")].n("tid") != report.TID || r.n("arg0") != int64(arguments[0])
	}), got
}

// wantCalls wants one row for each call, in this order.
func wantCalls(t *testing.T, got []row, want []rawCall) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %v", len(got), len(want), got)
	}
	for i, w := range want {
		r := got[i]
		if r.n("nr") != w.nr {
			t.Errorf("%s: number %#x, want %#x", w.call, r.n("nr"), w.nr)
		}
		how, _, _ := strings.Cut(w.call, ":")
		for j, a := range arguments {
			value := int64(a)
			if how != "syscall" {
				value = int64(uint32(a))
			}
			if j >= w.args {
				value = 0
			}
			if have := r.n(fmt.Sprintf("arg%d", j)); have != value {
				t.Errorf("%s: argument %d is %#x, want %#x", w.call, j, have, value)
			}
		}
	}
}

// Of each ABI: calls that there are, with their number of arguments, and numbers that no table has, with six.
func TestNumbersOfCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are of amd64")
	}
	narrowCalls := []rawCall{
		{"int80:132", compat | 132, 1}, // getpgid
		{"int80:57", compat | 57, 2},   // setpgid
		{"int80:180", compat | 180, 5}, // pread64, whose offset is in two registers
		{"int80:-1", -1, 6},
		{"int80:1000", compat | 1000, 6},
		{"int80:0x20000001", invalid | 0x20000001, 6},
		{"int80:0x40000027", invalid | 0x40000027, 6}, // not a call of x32
		{"int80:0x80000001", invalid | 1, 6},
	}
	native := []rawCall{
		{"syscall:121", 121, 1},                // getpgid
		{"syscall:0x1234567800000079", 121, 1}, // the kernel looks at 32 bits
		{"syscall:-1", -1, 6},
		{"syscall:0xffffffff", -1, 6},
		{"syscall:0xfffffffe", -2, 6},
		{"syscall:1000", 1000, 6},
		{"syscall:511", 511, 6},
		{"syscall:512", 512, 6}, // of x32 only
		{"syscall:0x1fffffff", 0x1fffffff, 6},
		{"syscall:0x20000001", invalid | 0x20000001, 6}, // not the exit of i386
		{"syscall:0x20000084", invalid | 0x20000084, 6},
		{"syscall:0x40000079", x32 | 121, 1},
		{"syscall:0x40000211", x32 | 529, 5}, // waitid
		{"syscall:0x40001000", x32 | 0x1000, 6},
		{"syscall:0x60000001", invalid | 0x60000001, 6},
		{"syscall:0x80000000", invalid, 6},
	}
	eachABI(t, "syscall", func(t *testing.T, _ string) {
		calls := slices.Clone(narrowCalls)
		path, prefix := workload(t)
		if prefix == "" {
			calls = append(calls, native...)
		} else {
			for _, c := range narrowCalls {
				calls = append(calls, rawCall{"vdso:" + strings.TrimPrefix(c.call, "int80:"), c.nr, c.args})
			}
		}
		got, c := made(t, path, "syscall", calls)
		wantCalls(t, got, calls)
		status, stdout, stderr := output(t, program("replay"), c.Path, "nr < 0")
		if status != 0 || !strings.Contains(stdout, "nr_-1(0x7ffffff1, ") {
			t.Errorf("replay: status %d, %s%s", status, stderr, stdout)
		}
	})
}

// Each System V call that makes a permission check has a row of it, whether it then fails or not, and no other has: the
// same rows by each mechanism, of each ABI, by direct calls and by ipc(2).
func TestChecksOfSystemV(t *testing.T) {
	eachABI(t, "ipc", func(t *testing.T, mechanism string) {
		how := []string{"direct", "namespace"}
		if _, prefix := workload(t); prefix == "i386:" {
			how = append(how, "ipc")
		}
		for _, how := range how {
			t.Run(how, func(t *testing.T) { testChecks(t, mechanism, how) })
		}
	})
}

// checks is what the workload says about the permission checks of its System V calls.
type checks struct {
	PID, TID, Held int64
	Checks         []check
}

type check struct {
	Case                string
	ID, Flag, UID, Real int64
	Again               bool
}

func testChecks(t *testing.T, mechanism, how string) {
	var report checks
	got := recordWork(t, "ipc", mechanism, &report, "ipc-cases", how)
	all := wantChecks(t, mechanism, got, &report)
	for i, c := range report.Checks { // of calls that block after their check
		end := got.Manifest.End.UnixNano()
		if i+1 < len(all) {
			end = all[i+1].n("ts")
		}
		waits := strings.Contains(c.Case, "waits") || strings.Contains(c.Case, "removed")
		if wait := end - all[i].n("ts"); waits && !c.Again && wait < report.Held {
			t.Errorf("%s: the next event is %d ns after the check, although the call waits for %d ns", c.Case, wait,
				report.Held)
		}
	}
}

// wantChecks wants a row of each check that the workload reports, and returns them.
func wantChecks(t *testing.T, mechanism string, got *format.Capture, report *checks) []row {
	t.Helper()
	who := tasks(t, got)
	if mechanism == "tp_btf" { // FORMAT.md lists this difference
		report.Checks = slices.DeleteFunc(report.Checks, func(c check) bool { return c.Again })
	}
	all := slices.DeleteFunc(rows(t, got, "ipc"), func(r row) bool { return who[r.n("task")].n("tid") != report.TID })
	for i, want := range report.Checks {
		if i >= len(all) {
			t.Fatalf("no row of %s, and %d rows in all, want %d", want.Case, len(all), len(report.Checks))
		}
		r := all[i]
		if r.n("id") != want.ID || r.n("flag") != want.Flag || r.n("uid") != want.UID || r.n("owner") != 0 {
			t.Fatalf("row %v, want %+v", r, want)
		}
	}
	if len(all) != len(report.Checks) {
		t.Fatalf("%d rows, want %d; the last one is %v", len(all), len(report.Checks), all[len(all)-1])
	}
	return all
}

// A ...get call that creates its object checks nothing, and one that finds it does, whatever others create meanwhile.
func TestChecksAmongOtherObjects(t *testing.T) {
	eachABI(t, "ipc", func(t *testing.T, mechanism string) {
		var report checks
		got := recordWork(t, "ipc", mechanism, &report, "ipc-storm", strconv.FormatInt(fewer(20_000), 10))
		wantChecks(t, mechanism, got, &report)
	})
}

// Of calls with odd numbers that filters deny, the rows have the number, and no other row is there. A trap restores the
// registers, so a negative number looks like an error.
func TestSeccompOfOddNumbers(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are of amd64")
	}
	numbers := map[string]int64{
		"int80:132": compat | 132, "int80:-2": -2, "int80:0x20000001": invalid | 0x20000001,
		"int80:0x40000027": invalid | 0x40000027, "int80:1000": compat | 1000,
	}
	native := map[string]int64{
		"syscall:121": 121, "syscall:-2": -2, "syscall:-1": -1, "syscall:0x20000001": invalid | 0x20000001,
		"syscall:0x40000079": x32 | 121, "syscall:1000": 1000, "syscall:0x1234567800000079": 121,
	}
	eachABI(t, "seccomp", func(t *testing.T, mechanism string) {
		numbers := maps.Clone(numbers)
		if _, prefix := workload(t); prefix == "" {
			maps.Copy(numbers, native)
		}
		args, want := []string{"filtered"}, map[string]int{}
		for action, code := range map[string]int{"errno": 13, "trap": 31, "kill-process": 31} {
			for call, nr := range numbers {
				args = append(args, action+":"+call+":0x7ffffff1")
				want[fmt.Sprint(strings.TrimSuffix(action, "-process"), " ", nr, " ", code)]++
			}
		}
		var report struct{ PID int64 }
		got := recordWork(t, "seccomp", mechanism, &report, args...)
		wantTally(t, tally(rows(t, got, "seccomp"), "action", "nr", "code"), want)
	})
}

// A call that a tracer skips is not one that a filter denied, also if the task has a filter. If it is skipped before
// its entry it has no row at all, else one with a number that no call has.
func TestSkippedCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the tracer is of amd64")
	}
	eachABI(t, "seccomp", func(t *testing.T, mechanism string) {
		path, prefix := workload(t)
		for how, entered := range map[string]int{"call": 3, "filter": 0, "emulate": 0} {
			got, stdout := capture(t, 0, "-e", "seccomp,syscall", "--mechanism", "seccomp="+mechanism, "--",
				program("workload"), "skip", how, path)
			wantNoLoss(t, got)
			var report struct{ TID int64 }
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatal(err)
			}
			who := tasks(t, got)
			of := func(table string) []row {
				return slices.DeleteFunc(rows(t, got, table), func(r row) bool {
					return who[r.n("task")].n("tid") != report.TID
				})
			}
			wantTally(t, tally(of("seccomp"), "action", "nr", "code"), map[string]int{
				fmt.Sprint("errno ", number(t, got, prefix+"getsid"), " 13"): 1,
			})
			skipped, real := 0, 0
			for _, r := range of("syscall") {
				if r.n("arg0") >= callBase && r.n("arg0") < callBase+3 {
					switch r.n("nr") {
					case -1:
						skipped++
					case number(t, got, prefix+"getpgid"):
						real++
					}
				}
			}
			if skipped != entered || real != 0 {
				t.Errorf("%s: %d rows of skipped calls, want %d, and %d of calls that were not made", how, skipped,
					entered, real)
			}
		}
	})
}

// A SIGSYS that a task sends to itself, with the siginfo of a filter's, is no denial.
func TestForgedTrap(t *testing.T) {
	eachABI(t, "seccomp", func(t *testing.T, mechanism string) {
		path, _ := workload(t)
		got, _ := capture(t, 0, "-e", "seccomp", "--mechanism", "seccomp="+mechanism, "--", path, "forged", "1")
		if all := rows(t, got, "seccomp"); len(all) > 0 {
			t.Errorf("rows %v", all)
		}
	})
}

// A call that waits for a supervisor and is interrupted by a signal begins again, and is denied only in the end.
func TestSupervisedCall(t *testing.T) {
	eachABI(t, "seccomp", func(t *testing.T, mechanism string) {
		_, prefix := workload(t)
		var report struct{ PID int64 }
		got := recordWork(t, "seccomp", mechanism, &report, "supervised", "1")
		wantTally(t, tally(rows(t, got, "seccomp"), "action", "nr", "code"), map[string]int{
			fmt.Sprint("errno ", number(t, got, prefix+"getpgid"), " 1"): 1,
		})
	})
}

// Connections that a 32-bit program makes and accepts by each of its calls: direct ones, and by socketcall.
func TestSocketCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only i386 has socketcall")
	}
	narrowABI(t, "tcp", func(t *testing.T, mechanism string) {
		var report struct{ PID int64 }
		got := recordWork(t, "tcp", mechanism, &report, "sockets", "1")
		count := map[string]int{}
		for _, r := range rows(t, got, "tcp") {
			count[fmt.Sprint(r.s("op"), " ", r.n("ret") != 0)]++
		}
		wantTally(t, count, map[string]int{"connect false": 3, "accept false": 3, "connect true": 3, "close false": 6})
	})
}

// Calls in flight have the number and the arguments of their ABI.
func TestPendingOfEachABI(t *testing.T) {
	eachABI(t, "syscall", func(t *testing.T, _ string) {
		path, prefix := workload(t)
		got, stdout := capture(t, 0, "-d", "2s", "-e", "syscall", "--", path, "block", "3", "4s")
		wantNoLoss(t, got)
		rep, read, who := parseReport(t, stdout), number(t, got, prefix+"read"), tasks(t, got)
		sizes := map[int64]int{} // each thread reads another number of bytes
		for _, r := range rows(t, got, "pending") {
			if r.n("nr") == read && who[r.n("task")].n("pid") == rep.PID && r.n("arg3") == 0 {
				sizes[r.n("arg2")]++
			}
		}
		if !maps.Equal(sizes, map[int64]int{1: 1, 2: 1, 3: 1}) {
			t.Errorf("pending reads of %v bytes, want one of 1, 2 and 3", sizes)
		}
	})
}
