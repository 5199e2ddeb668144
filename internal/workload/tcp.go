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

// Bytes sent over each connection.
const (
	sentByClient = 1000
	sentByServer = 500
)

// Ports is what tcp prints.
type Ports struct {
	PID    int `json:"pid"`
	Four   int `json:"four"`   // of the IPv4 listener
	Six    int `json:"six"`    // of the IPv6 listener
	Closed int `json:"closed"` // without a listener, IPv6
}

// tcp makes, N times each, over IPv4 and over IPv6, a blocking and a non-blocking connection, over which the client
// sends 1000 bytes, the server sends 500, and the client closes first; a blocking and a non-blocking connect that is
// refused; and over IPv4 a blocking connect to a broadcast address, which the kernel refuses before it sends a packet.
// Once, over IPv4, it makes a connection that is never accepted and is reset, and a connect that times out.
func tcp(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	p := Ports{PID: os.Getpid()}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		listener, port, err := listen(family)
		if err != nil {
			return err
		}
		unused, closedPort, err := listen(family)
		if err != nil {
			return err
		}
		unix.Close(unused)
		p.Closed = closedPort
		if family == unix.AF_INET {
			p.Four = port
		} else {
			p.Six = port
		}
		for range n {
			for _, flags := range []int{0, unix.SOCK_NONBLOCK} {
				if err := exchange(family, listener, port, flags); err != nil {
					return fmt.Errorf("exchanging: %w", err)
				}
				if err := refused(family, closedPort, flags); err != nil {
					return err
				}
			}
			if family == unix.AF_INET {
				if err := unreachable(port); err != nil {
					return err
				}
			}
		}
		unix.Close(listener)
	}
	if err := timedOut(); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(p)
}

// timedOut fills the queue of a listener, so that the next connect gets no answer.
func timedOut() error {
	listener, port, err := listen(unix.AF_INET)
	if err != nil {
		return err
	}
	if err := unix.Listen(listener, 0); err != nil { // the queue has room for one
		return err
	}
	waiting, err := connect(unix.AF_INET, port, 0)
	if err != nil {
		return err
	}
	unanswered, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(unanswered, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 200); err != nil { // ms
		return err
	}
	if err := unix.Connect(unanswered, loopback(unix.AF_INET, port)); err != unix.ETIMEDOUT {
		return fmt.Errorf("connecting to a listener whose queue is full: %v", err)
	}
	unix.Close(unanswered)
	unix.Close(listener)
	return unix.Close(waiting)
}

func loopback(family, port int) unix.Sockaddr {
	if family == unix.AF_INET {
		return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	}
	return &unix.SockaddrInet6{Port: port, Addr: [16]byte{15: 1}}
}

func listen(family int) (fd, port int, err error) {
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, 0, err
	}
	if err = unix.Bind(fd, loopback(family, 0)); err != nil {
		return 0, 0, err
	}
	if err = unix.Listen(fd, 16); err != nil {
		return 0, 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, 0, err
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		port = name.Port
	case *unix.SockaddrInet6:
		port = name.Port
	}
	return fd, port, nil
}

// connect returns a connected socket. It also waits for a non-blocking one.
func connect(family, port, flags int) (fd int, err error) {
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0); err != nil {
		return 0, err
	}
	err = unix.Connect(fd, loopback(family, port))
	if err == unix.EINPROGRESS {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		code, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		err = nil
		if code != 0 {
			err = unix.Errno(code)
		}
		unix.SetNonblock(fd, false)
	}
	return fd, err
}

func exchange(family, listener, port, flags int) error {
	client, err := connect(family, port, flags)
	if err != nil {
		return err
	}
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return err
	}
	if _, err := unix.Write(client, make([]byte, sentByClient)); err != nil {
		return err
	}
	if err := drain(server, sentByClient); err != nil {
		return err
	}
	if _, err := unix.Write(server, make([]byte, sentByServer)); err != nil {
		return err
	}
	if err := drain(client, sentByServer); err != nil {
		return err
	}
	unix.Close(client)
	if err := drain(server, 1<<20); err != nil {
		return err
	}
	unix.Close(server)
	return nil
}

// drain reads n bytes, or up to the end of the stream.
func drain(fd, n int) error {
	buf := make([]byte, 4096)
	for n > 0 {
		got, err := unix.Read(fd, buf)
		if err != nil {
			return err
		}
		if got == 0 {
			return nil
		}
		n -= got
	}
	return nil
}

func refused(family, port, flags int) error {
	fd, err := connect(family, port, flags)
	defer unix.Close(fd)
	if err != unix.ECONNREFUSED {
		return fmt.Errorf("connecting to port %d, which has no listener: %v", port, err)
	}
	return nil
}

func unreachable(port int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 255, 255, 255}})
	if err != unix.ENETUNREACH && err != unix.EACCES {
		return fmt.Errorf("connecting to a broadcast address: %v", err)
	}
	return nil
}
