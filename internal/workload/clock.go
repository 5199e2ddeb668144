//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "clock" {
		runtime.LockOSThread() // to the main thread: /proc/self is about that one
	}
}

// clock runs a command in a time namespace whose CLOCK_MONOTONIC is some seconds ahead, and exits as it does.
func clock(args []string, stdout io.Writer) error {
	if len(args) < 2 {
		return fmt.Errorf("clock takes SECONDS and a command")
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := os.WriteFile("/proc/self/timens_offsets", []byte("monotonic "+args[0]+" 123456789"), 0); err != nil {
		return err
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, os.Stderr
	return cmd.Run()
}
