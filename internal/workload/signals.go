//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals that nothing else sends. They are real-time signals, which are queued even while one is pending.
const (
	ByKill   = 40
	ByTgkill = 41
	ByQueue  = 42
	ByPidfd  = 43
	ByTimer  = 44 // of timer_create
)

// Signaled is what signals prints.
type Signaled struct {
	PID     int   `json:"pid"`
	TID     int   `json:"tid"`     // the thread that tgkill sent to
	Killed  []int `json:"killed"`  // process ids of the children that were killed
	Crashed []int `json:"crashed"` // process ids of the children that crashed
}

// signals does each of these N times. It sends to itself: ByKill, ByTgkill, ByQueue and ByPidfd; SIGHUP, which it
// ignores; SIGUSR2 twice while it is blocked, so that it is pending the second time. It has the kernel send it SIGPIPE,
// SIGALRM of a timer, and ByTimer of another. It kills a child with SIGKILL, and another child dies of a fault with
// SIGSEGV.
func signals(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	signal.Ignore(unix.SIGHUP)
	report := Signaled{PID: os.Getpid(), TID: unix.Gettid()}
	for range n {
		if err := sendToSelf(report.PID, report.TID); err != nil {
			return err
		}
		if err := sendByKernel(); err != nil {
			return err
		}
		killed, err := killChild()
		if err != nil {
			return err
		}
		crashed, err := startAgain("fault", "0")
		if err != nil {
			return err
		}
		crashed.Wait()
		report.Killed, report.Crashed = append(report.Killed, killed), append(report.Crashed, crashed.Pid)
	}
	return json.NewEncoder(stdout).Encode(report)
}

// startAgain starts this program with other arguments, and discards its output.
func startAgain(args ...string) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	argv := append([]string{"workload"}, args...)
	return os.StartProcess("/proc/self/exe", argv, &os.ProcAttr{Files: []*os.File{null, null, null}})
}

// waitForThreads waits until a child that runs a Go program has n threads. With a second one the exec is over:
// os.StartProcess returns in the middle of it, and a signal then may be seen before and after the new name.
func waitForThreads(pid, n int) {
	for tasks := 0; tasks < n; time.Sleep(time.Millisecond) {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		tasks = len(entries)
	}
}

func killChild() (pid int, err error) {
	child, err := startAgain("spin", "600s")
	if err != nil {
		return 0, err
	}
	defer child.Wait()
	waitForThreads(child.Pid, 2)
	return child.Pid, unix.Kill(child.Pid, unix.SIGKILL) // child.Kill would use pidfd_send_signal
}

func sendToSelf(pid, tid int) error {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	info := siginfo{signo: ByQueue, code: -1} // SI_QUEUE
	send := []error{
		unix.Kill(pid, ByKill), unix.Tgkill(pid, tid, ByTgkill), unix.Kill(pid, unix.SIGHUP),
		unix.PidfdSendSignal(pidfd, ByPidfd, nil, 0),
	}
	_, _, errno := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), ByQueue, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		send = append(send, errno)
	}
	var blocked unix.Sigset_t
	blocked.Val[0] = 1 << (unix.SIGUSR2 - 1)
	send = append(send, unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil))
	send = append(send, unix.Tgkill(pid, tid, unix.SIGUSR2), unix.Tgkill(pid, tid, unix.SIGUSR2))
	send = append(send, unix.PthreadSigmask(unix.SIG_UNBLOCK, &blocked, nil))
	for _, err := range send {
		if err != nil {
			return fmt.Errorf("sending a signal: %w", err)
		}
	}
	return nil
}

// siginfo is the kernel's, with the members that rt_sigqueueinfo looks at.
type siginfo struct {
	signo, errno, code int32
	rest               [116]byte
}

func sendByKernel() error {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	if _, err := unix.Write(pipe[1], []byte("x")); err != unix.EPIPE {
		return fmt.Errorf("writing to a pipe without a reader: %v", err)
	}
	received := make(chan os.Signal, 1)
	signal.Notify(received, unix.SIGALRM, unix.Signal(ByTimer))
	defer signal.Stop(received)
	soon := unix.Itimerval{Value: unix.Timeval{Usec: 1000}}
	if _, err := unix.Setitimer(unix.ITIMER_REAL, soon); err != nil {
		return fmt.Errorf("setting a timer: %w", err)
	}
	<-received
	return fireTimer(received)
}

// fireTimer sets a POSIX timer and waits for its signal.
func fireTimer(received <-chan os.Signal) error {
	id, err := startTimer(0)
	if err != nil {
		return err
	}
	defer unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(id), 0, 0)
	<-received
	return nil
}

// startTimer starts a POSIX timer that sends ByTimer after a millisecond, and then every interval ns if that is not 0.
func startTimer(interval int64) (id int32, err error) {
	event := struct { // struct sigevent
		value         uintptr
		signo, notify int32
		rest          [48]byte
	}{signo: ByTimer}
	_, _, errno := unix.Syscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC,
		uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&id)))
	if errno != 0 {
		return 0, fmt.Errorf("making a timer: %w", errno)
	}
	spec := struct{ interval, value unix.Timespec }{unix.NsecToTimespec(interval), unix.Timespec{Nsec: 1e6}}
	_, _, errno = unix.Syscall6(unix.SYS_TIMER_SETTIME, uintptr(id), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		return id, fmt.Errorf("setting a timer: %w", errno)
	}
	return id, nil
}

// timerStorm sends ByTimer to itself N times with rt_sigqueueinfo, while a timer sends it every 50 µs.
func timerStorm(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	id, err := startTimer(50e3)
	if err != nil {
		return err
	}
	defer unix.Syscall(unix.SYS_TIMER_DELETE, uintptr(id), 0, 0)
	pid, info := os.Getpid(), siginfo{signo: ByTimer, code: -1}
	for range n {
		errno := unix.EAGAIN // the queue of signals is full
		for errno == unix.EAGAIN {
			_, _, errno = unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), ByTimer, uintptr(unsafe.Pointer(&info)))
			if errno == unix.EAGAIN {
				runtime.Gosched()
			}
		}
		if errno != 0 {
			return errno
		}
	}
	return json.NewEncoder(stdout).Encode(Signaled{PID: pid})
}

// fault writes to memory that it has no access to, and crashes.
func fault([]string, io.Writer) error {
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	b[0] = 1
	return nil
}

// allocate allocates memory in MiB and writes to each page. A test runs it in a cgroup that does not have that much.
func allocate(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	b, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
	_, err = io.WriteString(stdout, strconv.Itoa(n)+"\n")
	return err
}
