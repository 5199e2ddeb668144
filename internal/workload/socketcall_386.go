//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

func init() { families["sockets"] = sockets }

// include/uapi/linux/net.h
const (
	socketcallConnect = 3
	socketcallAccept  = 5
	socketcallAccept4 = 18
)

// sockets makes a connection over IPv4 with each call that i386 has for that: connect and accept4, and connect, accept
// and accept4 by socketcall; and with both calls of connect one to a broadcast address, which fails before a packet is
// sent.
func sockets(_ []string, stdout io.Writer) error {
	listener, port, err := listen(unix.AF_INET)
	if err != nil {
		return err
	}
	name := func(last byte) int {
		return address(&unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(port)>>8 | uint16(port)<<8,
			Addr: [4]byte{127, last, last, last | 1}})
	}
	direct := func(nr uintptr, arg ...int) (int, unix.Errno) {
		var a [4]uintptr
		for i := range arg {
			a[i] = uintptr(arg[i])
		}
		ret, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], 0, 0)
		return int(ret), errno
	}
	call := func(nr uintptr, arg ...int) (int, unix.Errno) {
		var a [4]uint32
		for i := range arg {
			a[i] = uint32(arg[i])
		}
		ret, _, errno := unix.Syscall(unix.SYS_SOCKETCALL, nr, uintptr(address(&a)), 0)
		return int(ret), errno
	}
	for _, way := range []struct {
		enter           func(uintptr, ...int) (int, unix.Errno)
		connect, accept uintptr
	}{
		{direct, unix.SYS_CONNECT, unix.SYS_ACCEPT4}, {call, socketcallConnect, socketcallAccept},
		{call, socketcallConnect, socketcallAccept4},
	} {
		for _, last := range []byte{0, 255} {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			_, errno := way.enter(way.connect, fd, name(last), unix.SizeofSockaddrInet4)
			if (errno == 0) != (last == 0) {
				return fmt.Errorf("connecting to 127.%d.%[1]d.*: %v", last, errno)
			}
			if last == 0 {
				server, errno := way.enter(way.accept, listener, 0, 0, 0)
				if errno != 0 {
					return errno
				}
				unix.Close(server)
			}
			unix.Close(fd)
		}
	}
	return json.NewEncoder(stdout).Encode(Made{PID: os.Getpid()})
}
