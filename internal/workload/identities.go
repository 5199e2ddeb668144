//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadBase is less than the size of every read that is checked, and more than that of those that the Go runtime makes.
const ReadBase = 1000

// Being is what a thread is, as /proc says, while it reads ReadBase + Code bytes and starts a child that exits with
// Code.
type Being struct {
	Code   int    `json:"code"`
	UID    int    `json:"uid"`
	EUID   int    `json:"euid"`
	GID    int    `json:"gid"`
	EGID   int    `json:"egid"`
	Comm   string `json:"comm"`
	MntNS  string `json:"mntns"`  // as the link in /proc says: mnt:[N]
	PIDNS  string `json:"pidns"`  // likewise
	Cgroup string `json:"cgroup"` // the whole file of /proc
}

// Beings is what identities prints.
type Beings struct {
	PID    int     `json:"pid"`
	TID    int     `json:"tid"`
	Beings []Being `json:"beings"`
}

const nobody = 65534

// identities changes what one of its threads is, in every way that it can, and reads and starts a child in between.
// Each DIR is a cgroup that it moves to. It ends as nobody.
func identities(args []string, stdout io.Writer) error {
	report := Beings{PID: os.Getpid()}
	var err error
	done := make(chan bool)
	go func() { // in a thread that ends with the goroutine
		runtime.LockOSThread()
		defer close(done)
		report.TID = unix.Gettid()
		err = changeIdentity(args, &report)
	}()
	<-done
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(report)
}

func changeIdentity(dirs []string, report *Beings) error {
	zero, err := os.Open("/dev/zero")
	if err != nil {
		return err
	}
	defer zero.Close()
	own, err := os.Open("/proc/thread-self/ns/mnt")
	if err != nil {
		return err
	}
	defer own.Close()
	keep := ^uintptr(0)
	steps := []func() error{
		func() error { return nil },
		call(unix.SYS_SETRESUID, keep, nobody, keep),
		call(unix.SYS_SETRESUID, keep, 0, keep),
		call(unix.SYS_SETRESGID, keep, 7, keep),
		call(unix.SYS_SETRESGID, keep, 0, keep),
		call(unix.SYS_SETREGID, 8, keep, 0),
		call(unix.SYS_SETREUID, 9, keep, 0),
		call(unix.SYS_SETREUID, 0, keep, 0),
		call(unix.SYS_UNSHARE, unix.CLONE_NEWNS|unix.CLONE_FS, 0, 0),
		call(unix.SYS_SETNS, own.Fd(), unix.CLONE_NEWNS, 0),
		call(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(name("another")), 0),
		call(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(name("workload")), 0),
	}
	for _, dir := range dirs {
		steps = append(steps, func() error {
			return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
		})
	}
	steps = append(steps, call(unix.SYS_SETGID, 5, 0, 0), call(unix.SYS_SETUID, nobody, 0, 0))
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("changing the identity, step %d: %w", i, err)
		}
		b, err := describe()
		if err != nil {
			return err
		}
		b.Code = i + 1
		unix.Read(int(zero.Fd()), make([]byte, ReadBase+b.Code))
		if err := forkExit(uintptr(b.Code)); err != nil {
			return err
		}
		report.Beings = append(report.Beings, b)
	}
	return nil
}

// call returns a function that makes a system call, in its thread only.
func call(nr, a, b, c uintptr) func() error {
	return func() error {
		if _, _, errno := unix.RawSyscall(nr, a, b, c); errno != 0 {
			return errno
		}
		return nil
	}
}

// describe reads what the calling thread is.
func describe() (b Being, err error) {
	text := func(name string) string {
		t, e := os.ReadFile("/proc/thread-self/" + name)
		if e != nil {
			err = e
		}
		return string(t)
	}
	for line := range strings.Lines(text("status")) {
		fmt.Sscanf(line, "Uid: %d %d", &b.UID, &b.EUID)
		fmt.Sscanf(line, "Gid: %d %d", &b.GID, &b.EGID)
	}
	b.Comm, b.Cgroup = strings.TrimSuffix(text("comm"), "\n"), text("cgroup")
	for name, value := range map[string]*string{"ns/mnt": &b.MntNS, "ns/pid": &b.PIDNS} {
		var e error
		if *value, e = os.Readlink("/proc/thread-self/" + name); e != nil {
			err = e
		}
	}
	return b, err
}

var exitCode uintptr // of a child that forkExit starts

// exitAtOnce ends its process.
//
//go:nosplit
func exitAtOnce() { unix.RawSyscall(unix.SYS_EXIT_GROUP, exitCode, 0, 0) }

// forkExit starts a process that exits at once, and waits for it.
func forkExit(code uintptr) error {
	exitCode = code
	_, err := unix.Wait4(fork(exitAtOnce), nil, 0, nil)
	return err
}

// fork runs child, which must not return, in a copy of this process, and returns its process id. Only the calling
// thread is copied: child may make system calls by unix.RawSyscall, and not use the Go runtime. It and what it calls
// are nosplit: other functions begin by looking at whether the scheduler wants the thread back, and a child that was
// copied just then would wait for ever for the other threads.
func fork(child func()) int {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	defer withoutSignals()() // the handlers are of the Go runtime
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		child()
	}
	return int(pid)
}

// switches changes the effective user N times between USERS users, from 1, and reads ReadBase + the user's number of
// bytes in between. After each such request it is root again and reads ReadBase bytes.
func switches(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	users, err := number(args, 1)
	if err != nil {
		return err
	}
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	keep := ^uintptr(0)
	buffer := make([]byte, ReadBase+users)
	for i := range n {
		user := i%users + 1
		unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(user), keep)
		unix.Read(zero, buffer[:ReadBase+user])
		unix.RawSyscall(unix.SYS_SETRESUID, keep, 0, keep)
		unix.Read(zero, buffer[:ReadBase])
	}
	return json.NewEncoder(stdout).Encode(Report{PID: os.Getpid(), TIDs: []int{unix.Gettid()}, Calls: n})
}

// renames gives its thread two names in turn, N times: it reads ReadBase + 1 bytes under the name CallName, and
// ReadBase + 2 under another.
func renames(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	zero, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	known, other := name(CallName), name("other")
	buffer := make([]byte, ReadBase+2)
	for range n {
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(known), 0)
		unix.Read(zero, buffer[:ReadBase+1])
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(other), 0)
		unix.Read(zero, buffer)
	}
	return json.NewEncoder(stdout).Encode(Report{PID: os.Getpid(), TIDs: []int{unix.Gettid()}, Calls: n})
}

var (
	leaving  atomic.Int32 // threads of leaveTogether that are ready
	leaderID int32        // the kernel clears it when the leader has ended
)

const cloneThread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD |
	unix.CLONE_SYSVSEM

// leaveTogether becomes two threads that end at the same time. They have the same stack, which is harmless, because
// they write the same to it.
//
//go:nosplit
func leaveTogether() {
	unix.RawSyscall6(unix.SYS_CLONE, cloneThread, 0, 0, 0, 0, 0)
	leaving.Add(1)
	for leaving.Load() < 2 {
	}
	unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

var leaderName, stragglerName = name("leader"), name("straggler")

// leaveLater becomes two threads, of which the leader ends first. The other takes another name, and ends with code 3.
//
//go:nosplit
func leaveLater() {
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(leaderName), 0)
	unix.RawSyscall(unix.SYS_SET_TID_ADDRESS, uintptr(unsafe.Pointer(&leaderID)), 0, 0)
	tid, _, _ := unix.RawSyscall6(unix.SYS_CLONE, cloneThread, 0, 0, 0, 0, 0)
	leaving.Add(1)
	for leaving.Load() < 2 { // the stack, which both have, is not written to until both are here
	}
	if tid == 0 {
		for atomic.LoadInt32(&leaderID) != 0 { // without its stack, which the leader still uses
		}
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(stragglerName), 0)
	}
	unix.RawSyscall(unix.SYS_EXIT, 3, 0, 0)
}

// Exits is what exits prints: process ids.
type Exits struct {
	Together []int `json:"together"` // two threads that end at the same time
	Later    []int `json:"later"`    // its leader, named leader, ends before another thread, named straggler
	Killed   int   `json:"killed"`   // killed with many threads
	Executed int   `json:"executed"` // a thread that is not the leader executes a program
	Sibling  int   `json:"sibling"`  // forked with CLONE_PARENT by a child
}

// exits starts N processes that end in each way, and waits for them.
func exits(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	if runtime.GOARCH == "386" || runtime.GOARCH == "arm" {
		return errors.New("two threads on one stack need an ABI that returns results of functions in registers")
	}
	runtime.LockOSThread()
	var report Exits
	for range n {
		for pids, child := range map[*[]int]func(){&report.Together: leaveTogether, &report.Later: leaveLater} {
			leaving.Store(0)
			leaderID = 1
			pid := fork(child)
			if _, err := unix.Wait4(pid, nil, 0, nil); err != nil {
				return err
			}
			*pids = append(*pids, pid)
		}
	}
	killed, err := startAgain("block", "6", "600s")
	if err != nil {
		return err
	}
	waitForThreads(killed.Pid, 6)
	killed.Kill()
	killed.Wait()
	executed, err := startAgain("exec-in-thread", "x")
	if err != nil {
		return err
	}
	executed.Wait()
	report.Killed, report.Executed = killed.Pid, executed.Pid
	report.Sibling = forkSibling()
	return json.NewEncoder(stdout).Encode(report)
}

// leaveSibling starts another child of its parent, and both end.
//
//go:nosplit
func leaveSibling() {
	unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
}

// forkSibling starts a child that starts another child of this process, and returns the process id of the second.
func forkSibling() int {
	fork(leaveSibling)
	first, _ := unix.Wait4(-1, nil, 0, nil)
	second, _ := unix.Wait4(-1, nil, 0, nil)
	return max(first, second)
}

// execInThread executes this program as "tree 1" in a thread that is not the first.
func execInThread([]string, io.Writer) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(name("executor")), 0)
		failed <- syscall.Exec("/proc/self/exe", []string{"workload", "tree", "1"}, nil)
	}()
	return <-failed
}
