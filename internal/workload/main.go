//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Command workload makes a known number of events, which tests look for in a capture.
//
//	workload calls N T     N calls of getpgid from each of T threads, which are named CallName for that time; arguments
//	                       count up from CallBase, and all calls fail with ESRCH; each thread then makes one call of
//	                       prctl, which changes its name
//	workload tree D        a chain of D processes, each a child of the one before; the first one exits with D, the
//	                       last one with 1
//	workload block T TIME  T threads that wait in a read that does not return, for TIME
//	workload waits 1       threads that wait in calls of many kinds until they are told to go on; see waits.go
//	workload restarts 1    calls that signals interrupt; see waits.go
//	workload files DIR N   reads and writes of known sizes, N of each kind, on files of every kind; see files.go
//	workload paths DIR     reads of files whose paths change, or of which the kernel has another one at the same
//	                       address; see paths.go
//	workload texts DIR     calls with texts of every kind; see texts.go
//	workload offsets DIR   reads and writes that are not where their call or position before says; see offsets.go
//	workload ipc N         N checks of each kind on System V objects, by root and by another user; see ipc.go
//	workload ipc-storm N   opens and creates queues N times each, while another thread does; see ipccases.go
//	workload ipc-cases HOW System V calls of every kind, directly or by ipc(2); see ipccases.go
//	workload tcp N         N connections of each kind over loopback; see tcp.go
//	workload connections F connections of IPv4 (F: 4) or IPv6 (6) that begin and end in every way; see connections.go
//	workload hold F        connections that are open before and after a recording; see held.go
//	workload seccomp N     N calls denied in each way; see seccomp.go
//	workload signals N     N signals of each kind; see signals.go
//	workload identities [DIR]...  reads and children under many identities; see identities.go, also for:
//	workload switches N USERS     N reads as each of some users in turn, root in between
//	workload renames N            N reads under each of two names in turn
//	workload exits N              processes that end in odd ways
//	workload allocate MIB  allocates memory and writes to it
//	workload names DIR     hostile names of threads and files; see names.go
//	workload clock S CMD   runs CMD in a time namespace whose monotonic clock is S seconds ahead
//	workload raw CALL...   system calls with any number, of any ABI; see raw.go
//	workload filtered ACTION:CALL...  the same, each with a filter that denies it; see raw.go
//	workload sockets 1     connections by each call of i386; see socketcall_386.go
//	workload supervised 1   a call that a seccomp supervisor denies; see supervised.go
//	workload skip HOW CMD  a tracer that skips calls of getpgid of CMD; see skip_amd64.go
//	workload unsent N      N connects by sendto that the kernel refuses; see unsent.go
//	workload leaderless TIME      a process whose first thread has ended; see leaderless.go
//	workload used N        N processes of a millisecond, and some others; see used.go
//	workload neighbour KIND DIR TIME  ever new names, users, paths, ... as fast as it can; see neighbour.go
//	workload victim PROGRAM N M   starts a program N times, and makes M connections
//	workload spin TIME     calls of getppid from one thread, as fast as it can, for TIME
//
// It prints one line of JSON about what it did: Report, or the type in the file of the work.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	CallBase = 1 << 30 // the argument of each thread's first call: no process has such an id
	CallName = "known"
)

// Report is what calls, block and spin print.
type Report struct {
	PID     int   `json:"pid"`
	TIDs    []int `json:"tids"`
	Calls   int   `json:"calls"`   // of each thread
	Elapsed int64 `json:"elapsed"` // ns
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) < 2 {
		fmt.Fprintln(stderr, "workload: error: usage: workload calls N T | tree D | block T TIME [HOW] | spin TIME |\n"+
			"    files DIR N | paths DIR | texts DIR | offsets DIR | ipc N | ipc-cases HOW | raw CALL... | tcp N |\n"+
			"    connections 4 | hold 4 | seccomp N | signals N | waits 1 | restarts 1 | clock S CMD |\n"+
			"    allocate MIB | names DIR | identities DIR... | switches N USERS | renames N | exits N |\n"+
			"    neighbour KIND DIR TIME | victim PROGRAM N M | used N")
		return 2
	}
	var err error
	switch args[0] {
	case "calls":
		err = calls(args[1:], stdout)
	case "tree":
		var depth int
		if depth, err = strconv.Atoi(args[1]); err == nil {
			return tree(depth, stderr)
		}
	case "block":
		err = block(args[1:], stdout)
	case "spin":
		err = spin(args[1], stdout)
	default:
		work := families[args[0]]
		if work == nil {
			work = func([]string, io.Writer) error { return fmt.Errorf("unknown work %q", args[0]) }
		}
		err = work(args[1:], stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "workload: error: %v\n", err)
		return 1
	}
	return 0
}

// threads runs work(i) for each i below n on a new thread, all at the same time, and returns the threads' ids.
func threads(n int, work func(i int)) []int {
	tids := make([]int, n)
	var ready, done sync.WaitGroup
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			runtime.LockOSThread() // without unlocking it, so that the thread ends with the goroutine
			tids[i] = unix.Gettid()
			ready.Done()
			ready.Wait()
			work(i)
		})
	}
	done.Wait()
	return tids
}

// families are the kinds of work for one family of events each, and those that this program starts itself with.
var families = map[string]func(args []string, stdout io.Writer) error{
	"files": files, "paths": paths, "read-file": readFile, "offsets": offsets, "exchange": exchangeAbove,
	"ipc": ipc, "ipc-cases": ipcCases, "ipc-storm": ipcStorm, "tcp": tcp, "seccomp": seccomp, "names": names,
	"as-user": asUser, "denied": denied, "connections": connections, "hold": hold, "close": closeOnly,
	"accept":  acceptOnly,
	"signals": signals, "timer-storm": timerStorm, "fault": fault, "allocate": allocate, "clock": clock,
	"waits": waits, "restarts": restarts,
	"identities": identities, "switches": switches, "renames": renames, "exits": exits, "exec-in-thread": execInThread,
	"neighbour": neighbour, "victim": victim,
}

// number parses argument i.
func number(args []string, i int) (int, error) {
	if i >= len(args) {
		return 0, fmt.Errorf("argument %d is missing", i+1)
	}
	return strconv.Atoi(args[i])
}

// again runs this program with other arguments and returns its exit status, or -n if it was killed by signal n.
func again(credential *syscall.Credential, args ...string) (int, error) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return 0, err
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return -int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

func calls(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("calls takes N and T")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	t, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	start := time.Now()
	known, other := name(CallName), name("workload")
	tids := threads(t, func(int) {
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(known), 0)
		for i := range n {
			unix.RawSyscall(unix.SYS_GETPGID, uintptr(CallBase+i), 0, 0)
		}
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(other), 0)
	})
	return json.NewEncoder(stdout).Encode(Report{os.Getpid(), tids, n, int64(time.Since(start))})
}

// name returns a C string.
func name(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s + "\x00")) }

func tree(depth int, stderr io.Writer) int {
	if depth <= 1 {
		return depth
	}
	cmd := exec.Command("/proc/self/exe", "tree", strconv.Itoa(depth-1))
	cmd.Stderr = stderr
	cmd.Run()
	return cmd.ProcessState.ExitCode() + 1
}

// block has T threads that read from an empty pipe, thread i with a buffer of i bytes, for TIME. "released": each of
// them gets a byte after half of the time, and then waits; "reading": and reads from /dev/zero before it does.
// "waiting" and "blocked" terminate the parent, with the threads released or not.
func block(args []string, stdout io.Writer) error {
	if len(args) < 2 {
		return fmt.Errorf("block takes T and TIME")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	how := strings.Join(args[2:], " ")
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	var ready sync.WaitGroup
	var released atomic.Int32
	ready.Add(n)
	tids := make([]int, n)
	for i := range n {
		go func() {
			runtime.LockOSThread()
			tids[i] = unix.Gettid()
			buffer := make([]byte, i+1)
			ready.Done()
			const rest = 0x7777 // in a register that is no argument
			unix.Syscall6(unix.SYS_READ, uintptr(pipe[0]), uintptr(unsafe.Pointer(&buffer[0])), uintptr(i+1), rest,
				0, 0)
			released.Add(1)
			if how == "reading" {
				unix.Read(zero, buffer)
			}
			unix.Pause()
		}()
	}
	ready.Wait()
	time.Sleep(d / 2)
	for i := range int32(n) {
		if how == "" || how == "blocked" {
			break
		}
		unix.Write(pipe[1], make([]byte, 1))
		for released.Load() <= i { // else a reader may take the next byte too
			time.Sleep(time.Millisecond)
		}
	}
	if how == "waiting" || how == "blocked" {
		time.Sleep(100 * time.Millisecond)
		unix.Kill(os.Getppid(), unix.SIGTERM)
	}
	time.Sleep(d / 2)
	return json.NewEncoder(stdout).Encode(Report{PID: os.Getpid(), TIDs: tids})
}

func spin(arg string, stdout io.Writer) error {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	start := time.Now()
	n := 0
	tids := threads(1, func(int) {
		for time.Since(start) < d {
			for range 1000 {
				unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
			}
			n += 1000
		}
	})
	return json.NewEncoder(stdout).Encode(Report{os.Getpid(), tids, n, int64(time.Since(start))})
}
