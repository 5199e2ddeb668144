//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	families["used"], families["burn"] = used, burn
}

// UsedReport is what used prints: of each process what wait4 said that it had used.
type UsedReport struct {
	Short []Used `json:"short"` // processes of a millisecond
	Long  []Used `json:"long"`
}

// Used is what a process has used. Times are ns, Memory is bytes.
type Used struct {
	Kind   string `json:"kind"`
	PID    int    `json:"pid"`
	User   int64  `json:"user"`
	System int64  `json:"system"`
	Memory int64  `json:"memory"`
	Faults int64  `json:"faults"`
}

// longKinds are the arguments of burn for processes that are no forks of this one, by kind.
var longKinds = [][]string{
	{"threads", "8", "8ms", "1"},
	{"memory", "1", "1ms", "96"},
	{"exec", "2", "2ms", "64", "/bin/true"},
	{"leaderless", "4", "6ms", "1"},
}

// used starts N processes of a millisecond, and some with threads and memory. It waits for them only when all have
// ended and left their CPUs: before, wait4 does not know what they have used since they came onto them.
func used(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	restore := withoutSignals()
	var report UsedReport
	for i := range n {
		kind := []string{"computes", "calls", "touches", "ends"}[i%4]
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("fork: %w", errno)
		}
		if pid == 0 {
			short(i % 4)
		}
		report.Short = append(report.Short, Used{Kind: kind, PID: int(pid)})
		if err := ended(int(pid)); err != nil {
			return err
		}
	}
	restore()
	for _, kind := range longKinds {
		cmd := exec.Command("/proc/self/exe", append([]string{"burn"}, kind...)...)
		if err := cmd.Start(); err != nil {
			return err
		}
		report.Long = append(report.Long, Used{Kind: kind[0], PID: cmd.Process.Pid})
		if err := ended(cmd.Process.Pid); err != nil {
			return err
		}
	}
	time.Sleep(200 * time.Millisecond)
	for _, list := range [][]Used{report.Short, report.Long} {
		for i := range list {
			if err := list[i].wait(); err != nil {
				return err
			}
		}
	}
	return json.NewEncoder(stdout).Encode(report)
}

// short is what a child does, without the Go runtime: only this thread is there.
//
//go:norace
//go:nosplit
func short(kind int) {
	var now unix.Timespec
	for kind < 3 && now.Nano() < 1_000_000 {
		if kind == 0 {
			for i := 0; i < 20_000; i++ {
				now.Nsec ^= 1
			}
		}
		if kind == 2 {
			at, _, _ := unix.RawSyscall6(unix.SYS_MMAP, 0, 1<<18, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS,
				^uintptr(0), 0)
			for off := uintptr(0); off < 1<<18; off += 4096 {
				*(*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))) = 1
				at += 4096
			}
		}
		unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&now)), 0)
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// ended waits until a child has ended, and leaves it a zombie.
func ended(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

func (u *Used) wait() error {
	var usage unix.Rusage
	if _, err := unix.Wait4(u.PID, nil, 0, &usage); err != nil {
		return fmt.Errorf("waiting for process %d: %w", u.PID, err)
	}
	u.User, u.System = usage.Utime.Nano(), usage.Stime.Nano()
	u.Memory, u.Faults = int64(usage.Maxrss)<<10, int64(usage.Majflt)
	return nil
}

// burn has THREADS threads that compute for TIME, half of them for half of it, and are still at it when the process
// ends. It touches MIB of memory, and gives it back. In the end it executes a program, if there is a fifth argument,
// or stays.
func burn(args []string, _ io.Writer) error {
	n, err := number(args, 1)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	mib, err := number(args, 3)
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(-1, 0, mib<<20, unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	if err := unix.Munmap(memory); err != nil {
		return err
	}
	if args[0] == "leaderless" {
		return leaderless([]string{args[2]}, nil)
	}
	go threads(n, func(i int) {
		for begun := time.Now(); i%2 == 0 || time.Since(begun) < d/2; {
		}
	})
	time.Sleep(d)
	if args[0] == "stays" {
		select {}
	}
	if len(args) > 4 {
		return syscall.Exec(args[4], args[4:], os.Environ())
	}
	return nil
}
