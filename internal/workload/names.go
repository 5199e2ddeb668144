//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// names uses names that may break a terminal, a parser or a buffer of fixed size, in DIR: threads named with an escape
// sequence and with 15 bytes that are not UTF-8, a file with a newline and an escape sequence in its name, a file whose
// path is almost PATH_MAX long, and a program without any arguments, not even argv[0].
func names(args []string, _ io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("names takes DIR")
	}
	for _, comm := range []string{"\x1b[31mred\n",
		"\xff\xfe\xfd\xfc\xfb\xff\xfe\xfd\xfc\xfb\xff\xfe\xfd\xfc\xfb", "ünïcödé"} {
		if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(unsafe.StringData(comm+"\x00"))),
			0, 0, 0); err != nil {
			return err
		}
		unix.Getpgid(CallBase)
	}
	odd := filepath.Join(args[0], "new\nline \x1b]0;title\x07 \xff")
	if err := touch(odd); err != nil {
		return err
	}
	// The path is too long for one call, so each directory is entered.
	if err := os.Chdir(args[0]); err != nil {
		return err
	}
	for range 18 {
		name := strings.Repeat("d", 200)
		if err := os.Mkdir(name, 0o700); err != nil && !os.IsExist(err) {
			return err
		}
		if err := os.Chdir(name); err != nil {
			return err
		}
	}
	if err := touch("leaf"); err != nil {
		return err
	}
	pid, err := syscall.ForkExec("/proc/self/exe", nil, &syscall.ProcAttr{}) // ends with a usage error
	if err != nil {
		return err
	}
	_, err = unix.Wait4(pid, nil, 0, nil)
	return err
}

func touch(name string) error {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte("x"))
	return err
}
