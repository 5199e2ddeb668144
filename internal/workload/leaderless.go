//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	families["leaderless"] = leaderless
	if len(os.Args) > 1 && os.Args[1] == "leaderless" || len(os.Args) > 2 && os.Args[2] == "leaderless" {
		runtime.LockOSThread() // main runs in the first thread
	}
}

// leaderless ends the first thread of the process, and the process after TIME.
func leaderless(args []string, _ io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("leaderless takes TIME")
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	go func() {
		time.Sleep(d)
		os.Exit(0)
	}()
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
	return nil
}
