//go:build linux && (386 || amd64 || arm || arm64)

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Made is what raw prints.
type Made struct {
	PID     int     `json:"pid"`
	TID     int     `json:"tid"`
	Results []int64 `json:"results"` // of the calls, in order; minus an error number
}

func init() { families["raw"] = raw }

// raw makes calls as they are given: how the kernel is entered, the whole register of the number, and arguments, as
// HOW:NR:ARG:ARG... The ways are syscall, which is the native one of this program; int80; and vdso, by the function of a
// 32-bit program's vDSO, which is sysenter or syscall.
func raw(args []string, stdout io.Writer) error {
	runtime.LockOSThread()
	made := Made{PID: os.Getpid(), TID: unix.Gettid()}
	for _, arg := range args {
		how, list, _ := strings.Cut(arg, ":")
		var words [7]uintptr
		for i, w := range strings.Split(list, ":") {
			if i >= len(words) {
				return fmt.Errorf("%s has too many arguments", arg)
			}
			n, err := parse(w)
			if err != nil {
				return err
			}
			words[i] = uintptr(n)
		}
		enter, known := entries[how]
		if !known {
			return fmt.Errorf("%s: this program cannot enter the kernel so", arg)
		}
		made.Results = append(made.Results, enter(words[0], (*[6]uintptr)(words[1:])))
	}
	return json.NewEncoder(stdout).Encode(made)
}

// entries are the ways into the kernel of this program.
var entries = map[string]func(nr uintptr, arg *[6]uintptr) int64{
	"syscall": func(nr uintptr, arg *[6]uintptr) int64 {
		ret, _, errno := unix.RawSyscall6(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5])
		if errno != 0 {
			return -int64(errno)
		}
		return int64(ret)
	},
}

// parse reads a number of 64 bits, which may be negative.
func parse(text string) (uint64, error) {
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, 0, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(text, 0, 64)
}
