// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// measureArguments runs the command line in the arguments of this program, without its output. It prints the exit
// status, 128 and more for a signal, and the greatest resident memory in bytes.
func measureArguments() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stderr = os.Stderr
	var exit *exec.ExitError
	if limit, err := time.ParseDuration(os.Getenv(measureVariable)); err == nil {
		time.AfterFunc(limit, func() { cmd.Process.Signal(syscall.SIGTERM) })
	}
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := cmd.ProcessState.ExitCode()
	if wait, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		status = 128 + int(wait.Signal())
	}
	fmt.Println(status, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
}
