//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// report is what a load measured of itself. The load is a new process of this program, so that it starts the same with
// every side.
type report struct {
	Calls int64         `json:"calls"`   // system calls made; 0 if the load does not know
	Wall  time.Duration `json:"wall_ns"` // of the work
	CPU   time.Duration `json:"cpu_ns"`  // of the work: of its one thread, or of the program that was run
	// CPU of one call: the lower quartile over chunks of the work, since other load on the machine only adds to it
	Typical float64 `json:"typical_ns"`
	// CPU of the load's process from its beginning to its end, with its children
	LoadCPU time.Duration `json:"load_ns"`
	// CPU that the load's parent, the recorder, had used when the load began
	ParentStart time.Duration `json:"parent_start_ns"`
	ParentEnd   time.Duration `json:"parent_end_ns"` // and when it ended
}

// load is the main function of a load: it does the work named by args[1:] and writes its report to the file args[0].
//
//	calls N        N getppid from one thread on the last CPU
//	busy TIME      the same from one thread on each CPU for TIME
//	idle TIME      nothing
//	run CMD ARG... a program, on the last CPU
//	work CMD ARG...a program, anywhere
func load(args []string) error {
	var r report
	r.ParentStart, _ = processCPU(os.Getppid())
	if len(args) < 3 {
		return fmt.Errorf("a load takes a file, its kind and what of it")
	}
	var err error
	switch path, kind, rest := args[0], args[1], args[2:]; kind {
	case "calls":
		err = r.calls(rest[0])
	case "busy":
		err = r.busy(rest[0])
	case "idle":
		err = r.idle(rest[0])
	case "run":
		if err = pin(lastCPU()); err == nil {
			err = r.run(rest)
		}
	case "work":
		err = r.run(rest)
	default:
		err = fmt.Errorf("no load %q to report of in %s", kind, path)
	}
	if err != nil {
		return err
	}
	r.ParentEnd, _ = processCPU(os.Getppid())
	r.LoadCPU = usage(unix.RUSAGE_SELF) + usage(unix.RUSAGE_CHILDREN)
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], data, 0o600)
}

func (r *report) calls(arg string) error {
	n, err := strconv.ParseInt(arg, 10, 64)
	if err != nil {
		return err
	}
	if err := pin(lastCPU()); err != nil {
		return err
	}
	var chunks sample
	getppid(n/100 + 1)
	wall, cpu := clock(unix.CLOCK_MONOTONIC), clock(unix.CLOCK_THREAD_CPUTIME_ID)
	for last := cpu; r.Calls < n; r.Calls += chunkCalls {
		getppid(chunkCalls)
		now := clock(unix.CLOCK_THREAD_CPUTIME_ID)
		chunks.values = append(chunks.values, float64(now-last)/chunkCalls)
		last = now
	}
	r.CPU, r.Wall = clock(unix.CLOCK_THREAD_CPUTIME_ID)-cpu, clock(unix.CLOCK_MONOTONIC)-wall
	r.Typical = chunks.quantile(0.25)
	return nil
}

// chunkCalls is how many calls a chunk has. They take a few ms, so that each chunk has its share of what a recorder
// does periodically.
const chunkCalls = 20_000

func (r *report) busy(arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	var calls atomic.Int64
	var failed atomic.Value
	var all sync.WaitGroup
	begun := time.Now()
	for _, cpu := range cpus() {
		all.Go(func() {
			if err := pin(cpu); err != nil {
				failed.Store(err)
				return
			}
			n := int64(0)
			for ; time.Since(begun) < d; n += 1000 {
				getppid(1000)
			}
			calls.Add(n)
		})
	}
	all.Wait()
	r.Wall, r.Calls = time.Since(begun), calls.Load()
	err, _ = failed.Load().(error)
	return err
}

func (r *report) idle(arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	begun := time.Now()
	time.Sleep(d)
	r.Wall = time.Since(begun)
	return nil
}

func (r *report) run(args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w", args[0], err)
	}
	r.Wall = time.Since(begun)
	r.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return nil
}

func getppid(n int64) {
	for range n {
		unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
}

// pin locks the calling goroutine to its thread and that to one CPU, until the process ends.
func pin(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pinning to CPU %d: %w", cpu, err)
	}
	return nil
}

// cpus returns the CPUs that this process may run on.
func cpus() (list []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return []int{0}
	}
	for cpu := range 8 * len(set) * int(unix.SizeofPtr) {
		if set.IsSet(cpu) {
			list = append(list, cpu)
		}
	}
	return list
}

func lastCPU() int {
	all := cpus()
	return all[len(all)-1]
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// processCPU returns the CPU time that a process has used so far, to the nanosecond: clock_getcpuclockid(3).
func processCPU(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED, include/linux/posix-timers.h
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedClock), &t)
	return time.Duration(t.Nano()), err
}

func usage(who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
