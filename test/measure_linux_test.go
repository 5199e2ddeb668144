// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// measureArguments runs the command line in the arguments of this program, without its output. It prints the exit
// status, 128 and more for a signal, and the greatest resident memory in bytes.
func measureArguments() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	var exit *exec.ExitError
	err := cmd.Start()
	if err == nil {
		go interruptAfter(cmd.Process)
		err = cmd.Wait()
	}
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := cmd.ProcessState.ExitCode()
	if wait, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		status = 128 + int(wait.Signal())
	}
	fmt.Println(status, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
}

// interruptAfter interrupts a process when it has taken the CPU time in measureVariable.
func interruptAfter(p *os.Process) {
	limit, err := time.ParseDuration(os.Getenv(measureVariable))
	if err != nil || limit == 0 {
		return
	}
	clock := int32(^p.Pid<<3 | 2) // of all CPU time of the process, see clock_getcpuclockid(3)
	for range time.Tick(50 * time.Millisecond) {
		var used unix.Timespec
		if err := unix.ClockGettime(clock, &used); err != nil {
			return // it has ended
		}
		if time.Duration(used.Nano()) > limit {
			p.Signal(syscall.SIGTERM)
			return
		}
	}
}
