//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"confined": confined})
}

func TestFilter(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// confined is a program that installs the recorder's filter and prints what it can still do.
func confined() {
	if err := Filter(); err != nil {
		fmt.Println(err)
		return
	}
	call := func(nr uintptr, args ...uintptr) error {
		args = append(args, make([]uintptr, 6)...)
		if _, _, errno := syscall.Syscall6(nr, args[0], args[1], args[2], args[3], args[4], args[5]); errno != 0 {
			return errno
		}
		return nil
	}
	memory := func(prot uintptr) error {
		return call(unix.SYS_MMAP, 0, 4096, prot, unix.MAP_PRIVATE|unix.MAP_ANON, ^uintptr(0))
	}
	for _, c := range []struct {
		what string
		try  func() error
	}{
		{"a file", func() error { return os.WriteFile("file", nil, 0o600) }},
		{"a thread", func() error {
			done := make(chan bool)
			go func() {
				runtime.LockOSThread() // so that a thread starts for it, and ends with it
				done <- true
			}()
			<-done
			return nil
		}},
		{"memory", func() error { return memory(unix.PROT_READ | unix.PROT_WRITE) }},
		{"executable memory", func() error { return memory(unix.PROT_READ | unix.PROT_EXEC) }},
		{"a process", func() error { return call(unix.SYS_CLONE, uintptr(unix.SIGCHLD)) }},
		{"a program", func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) }},
		{"a socket", func() error { return call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM) }},
		{"a BPF program", func() error { return call(unix.SYS_BPF, unix.BPF_PROG_LOAD) }},
		{"a debugger", func() error { return call(unix.SYS_PTRACE, unix.PTRACE_TRACEME) }},
		{"another user", func() error { return call(unix.SYS_SETUID, 0) }},
		{"typing on the terminal", func() error { return call(unix.SYS_IOCTL, 0, unix.TIOCSTI) }},
	} {
		if err := c.try(); err != nil {
			fmt.Printf("%s: %v\n", c.what, err)
		} else {
			fmt.Printf("%s: allowed\n", c.what)
		}
	}
}
