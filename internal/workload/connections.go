//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Connections is what connections and hold print.
type Connections struct {
	PID   int            `json:"pid"`
	Child int            `json:"child"` // the process that closes what another one opened
	Ports map[string]int `json:"ports"` // by case: of the listener, or of what is connected to
	// Skipped are the cases that this kernel does not have.
	Skipped []string `json:"skipped"`
}

// errNotHere is returned by a case that this kernel does not have.
var errNotHere = errors.New("the kernel does not have it")

// A connectionCase makes connections of one kind, from family to a port that it returns.
type connectionCase func(family int, c *Connections) (port int, err error)

var connectionCases = map[string]connectionCase{
	"simultaneous open": simultaneous, "reset before accept": resetBeforeAccept, "never accepted": neverAccepted,
	"unread": unread, "result asked for": resultAskedFor, "disconnect": disconnect, "half closed": halfClosed,
	"passed on": passedOn, "urgent": urgent, "retransmitted": retransmitted, "timed out": timedOutOpen,
	"deferred": deferred, "fast open": fastOpen, "closed early": closedEarly, "reset by owner": resetByOwner,
	"mptcp": multipath, "mptcp listener": multipathListener, "mptcp refused": multipathRefused,
	"shared": sharedListener, "accepted by a thread": acceptedByThread,
}

// connections makes connections of every kind once, in a network namespace of its own.
func connections(args []string, stdout io.Writer) error {
	family, err := familyOf(args)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := ownNetwork(); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	c := &Connections{PID: os.Getpid(), Ports: map[string]int{}}
	for name, make := range connectionCases {
		port, err := make(family, c)
		if errors.Is(err, errNotHere) {
			c.Skipped = append(c.Skipped, name)
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.Ports[name] = port
	}
	if err := badConnects(family, c); err != nil {
		return fmt.Errorf("connects that fail: %w", err)
	}
	time.Sleep(300 * time.Millisecond) // kernel threads close connections of MPTCP later
	return json.NewEncoder(stdout).Encode(c)
}

// familyOf parses argument 0, 4 or 6.
func familyOf(args []string) (int, error) {
	switch strings.Join(args, " ") {
	case "4":
		return unix.AF_INET, nil
	case "6":
		return unix.AF_INET6, nil
	}
	return 0, fmt.Errorf("want 4 or 6")
}

// ownNetwork moves this thread to a new network namespace, whose loopback is up.
func ownNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_fastopen", []byte("3"), 0); err != nil { // clients and servers
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOOPBACK)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// pair returns both ends of a connection, and the port of its listener, which is closed.
func pair(family int) (client, server, port int, err error) {
	return pairOf(family, 0)
}

func pairOf(family, protocol int) (client, server, port int, err error) {
	listener, port, err := listenOn(family, protocol)
	if err != nil {
		return 0, 0, 0, err
	}
	defer unix.Close(listener)
	if client, err = connectBy(family, port, protocol); err != nil {
		return 0, 0, 0, err
	}
	server, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	return client, server, port, err
}

// listenOn is listen for a protocol, 0 or MPTCP.
func listenOn(family, protocol int) (fd, port int, err error) {
	if protocol == 0 {
		return listen(family)
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol); err != nil {
		return 0, 0, errNotHere
	}
	if err = unix.Bind(fd, loopback(family, 0)); err != nil {
		return 0, 0, err
	}
	if err = unix.Listen(fd, 16); err != nil {
		return 0, 0, err
	}
	name, err := unix.Getsockname(fd)
	return fd, portOf(name), err
}

func connectBy(family, port, protocol int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return 0, errNotHere
	}
	return fd, unix.Connect(fd, loopback(family, port))
}

func portOf(name unix.Sockaddr) int {
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return name.Port
	case *unix.SockaddrInet6:
		return name.Port
	}
	return 0
}

// send writes n bytes to a socket, and reads them at the other end.
func send(from, to, n int) error {
	if _, err := unix.Write(from, make([]byte, n)); err != nil {
		return err
	}
	return drain(to, n)
}

// resetOnClose makes the close of a socket send a RST.
func resetOnClose(fd int) error {
	return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// simultaneous connects a socket to itself.
func simultaneous(family int, _ *Connections) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, loopback(family, 0)); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, name); err != nil {
		return 0, err
	}
	return portOf(name), send(fd, fd, 10)
}

func resetBeforeAccept(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	if _, err := unix.Write(client, make([]byte, 11)); err != nil {
		return 0, err
	}
	resetOnClose(client)
	unix.Close(client)
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// neverAccepted closes a listener while two connections wait: one that its client has closed, and an open one.
func neverAccepted(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	closed, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	unix.Close(closed)
	time.Sleep(200 * time.Millisecond) // the close is acknowledged
	open, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	unix.Close(listener)
	return port, unix.Close(open)
}

// unread closes a connection whose data were not read, which sends a RST.
func unread(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if _, err := unix.Write(client, make([]byte, 12)); err != nil {
		return 0, err
	}
	unix.Close(server)
	return port, unix.Close(client)
}

// resultAskedFor calls connect again after it was refused, which returns the error; then it connects the socket.
func resultAskedFor(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	unix.Close(listener)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, loopback(family, port)); err != unix.EINPROGRESS {
		return 0, fmt.Errorf("connecting without a listener: %v", err)
	}
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
	if err := unix.Connect(fd, loopback(family, port)); err != unix.ECONNREFUSED {
		return 0, fmt.Errorf("asking for the result: %v", err)
	}
	if listener, err = relisten(family, port); err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	unix.SetNonblock(fd, false)
	if err := unix.Connect(fd, loopback(family, port)); err != nil {
		return 0, fmt.Errorf("connecting again: %w", err)
	}
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, err
	}
	defer unix.Close(server)
	return port, send(server, fd, 13)
}

// relisten listens on a port.
func relisten(family, port int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(fd, loopback(family, port)); err != nil {
		return 0, err
	}
	return fd, unix.Listen(fd, 16)
}

// disconnect ends a connection by connect with AF_UNSPEC, and connects the same socket again.
func disconnect(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	for i, n := range []int{14, 15} {
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return 0, err
		}
		if err := send(client, server, n); err != nil {
			return 0, err
		}
		if i == 0 {
			if errno := connectTo(client, make([]byte, unix.SizeofSockaddrInet4)); errno != 0 { // to AF_UNSPEC
				return 0, errno
			}
			if err := unix.Connect(client, loopback(family, port)); err != nil {
				return 0, err
			}
		}
		unix.Close(server)
	}
	return port, unix.Close(client)
}

// connectTo calls connect with an address of any length.
func connectTo(fd int, address []byte) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address[0])),
		uintptr(len(address)))
	return errno
}

// halfClosed lets the server send on a connection that the client has shut down for sending, long before it closes it.
func halfClosed(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	unix.Shutdown(client, unix.SHUT_WR)
	time.Sleep(50 * time.Millisecond)
	if err := send(server, client, 16); err != nil {
		return 0, err
	}
	unix.Close(server)
	time.Sleep(50 * time.Millisecond)
	return port, unix.Close(client)
}

// passedOn makes another process close a connection.
func passedOn(family int, c *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if err := send(client, server, 17); err != nil {
		return 0, err
	}
	file := os.NewFile(uintptr(client), "connection")
	cmd := exec.Command("/proc/self/exe", "close", "3")
	cmd.ExtraFiles = []*os.File{file}
	from, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	c.Child = cmd.Process.Pid
	file.Close()
	from.Close() // it closes now
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// closeOnly waits until its input ends, and closes a descriptor.
func closeOnly(args []string, _ io.Writer) error {
	fd, err := number(args, 0)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	return unix.Close(fd)
}

// urgent sends a byte out of band.
func urgent(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if err := send(client, server, 17); err != nil {
		return 0, err
	}
	if err := unix.Sendto(client, []byte{1}, unix.MSG_OOB, nil); err != nil {
		return 0, err
	}
	time.Sleep(20 * time.Millisecond)
	if _, _, err := unix.Recvfrom(server, make([]byte, 1), unix.MSG_OOB); err != nil {
		return 0, err
	}
	unix.Close(client)
	if err := drain(server, 1); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// dropping makes a socket drop every packet that comes in, or ends that.
func dropping(fd int, on bool) error {
	if !on {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	}
	none := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K}}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: 1, Filter: &none[0]})
}

// retransmitted sends data that is lost at first.
func retransmitted(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if err := dropping(server, true); err != nil {
		return 0, err
	}
	if _, err := unix.Write(client, make([]byte, 3000)); err != nil {
		return 0, err
	}
	time.Sleep(100 * time.Millisecond)
	if err := dropping(server, false); err != nil {
		return 0, err
	}
	if err := drain(server, 3000); err != nil {
		return 0, err
	}
	unix.Close(client)
	if err := drain(server, 1); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// timedOutOpen sends data that is never acknowledged.
func timedOutOpen(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300); err != nil { // ms
		return 0, err
	}
	if err := dropping(server, true); err != nil {
		return 0, err
	}
	if _, err := unix.Write(client, make([]byte, 19)); err != nil {
		return 0, err
	}
	unix.Poll([]unix.PollFd{{Fd: int32(client), Events: unix.POLLRDHUP}}, 10_000)
	unix.Close(client)
	if err := resetOnClose(server); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// deferred accepts a connection only with its first data.
func deferred(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	if err := unix.SetsockoptInt(listener, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 5); err != nil {
		return 0, err
	}
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	if _, err := unix.Write(client, make([]byte, 20)); err != nil {
		return 0, err
	}
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, err
	}
	if err := drain(server, 20); err != nil {
		return 0, err
	}
	unix.Close(client)
	return port, unix.Close(server)
}

// fastOpen sends data with the SYN: of two connections, because the first gets the cookie for the second.
func fastOpen(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	if err := unix.SetsockoptInt(listener, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 5); err != nil {
		return 0, errNotHere
	}
	for range 2 {
		client, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		if err := unix.Sendto(client, make([]byte, 21), unix.MSG_FASTOPEN, loopback(family, port)); err != nil {
			return 0, err
		}
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return 0, err
		}
		if err := drain(server, 21); err != nil {
			return 0, err
		}
		unix.Close(client)
		if err := drain(server, 1); err != nil {
			return 0, err
		}
		unix.Close(server)
	}
	return port, nil
}

// closedEarly closes a socket that is still connecting.
func closedEarly(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	if err := dropping(listener, true); err != nil {
		return 0, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, loopback(family, port)); err != unix.EINPROGRESS {
		return 0, fmt.Errorf("connecting to a listener that drops everything: %v", err)
	}
	return port, unix.Close(fd)
}

func resetByOwner(family int, _ *Connections) (int, error) {
	client, server, port, err := pair(family)
	if err != nil {
		return 0, err
	}
	if err := send(server, client, 22); err != nil {
		return 0, err
	}
	resetOnClose(server)
	unix.Close(server)
	return port, unix.Close(client)
}

// multipath connects MPTCP to MPTCP.
func multipath(family int, _ *Connections) (int, error) {
	client, server, port, err := pairOf(family, unix.IPPROTO_MPTCP)
	if err != nil {
		return 0, err
	}
	if err := send(client, server, 23); err != nil {
		return 0, err
	}
	unix.Close(client)
	if err := drain(server, 1); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

// multipathListener accepts TCP with MPTCP, as the listeners of package net do.
func multipathListener(family int, _ *Connections) (int, error) {
	listener, port, err := listenOn(family, unix.IPPROTO_MPTCP)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	if err != nil {
		return 0, err
	}
	if err := send(client, server, 24); err != nil {
		return 0, err
	}
	unix.Close(client)
	if err := drain(server, 1); err != nil {
		return 0, err
	}
	return port, unix.Close(server)
}

func multipathRefused(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	unix.Close(listener)
	fd, err := connectBy(family, port, unix.IPPROTO_MPTCP)
	if err == errNotHere {
		return 0, err
	}
	if err != unix.ECONNREFUSED {
		return 0, fmt.Errorf("connecting without a listener: %v", err)
	}
	return port, unix.Close(fd)
}

// sharedListener accepts from a listener that another process has too.
func sharedListener(family int, c *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	file := os.NewFile(uintptr(listener), "listener")
	cmd := exec.Command("/proc/self/exe", "accept", "3")
	cmd.ExtraFiles = []*os.File{file}
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	c.Ports["shared: pid"] = cmd.Process.Pid
	file.Close()
	if err := drain(client, 26); err != nil {
		return 0, err
	}
	return port, unix.Close(client)
}

// acceptOnly accepts one connection, sends 25 bytes over it, and ends without closing it.
func acceptOnly(args []string, _ io.Writer) error {
	listener, err := number(args, 0)
	if err != nil {
		return err
	}
	fd, _, err := unix.Accept4(listener, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, make([]byte, 25))
	return err
}

// acceptedByThread accepts with a call that waits, and ends the connection by its peer's RST.
func acceptedByThread(family int, _ *Connections) (int, error) {
	listener, port, err := listen(family)
	if err != nil {
		return 0, err
	}
	defer unix.Close(listener)
	server := make(chan int)
	go func() {
		fd, _, _ := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		server <- fd
	}()
	time.Sleep(20 * time.Millisecond)
	client, err := connect(family, port, 0)
	if err != nil {
		return 0, err
	}
	fd := <-server
	if err := send(fd, client, 26); err != nil {
		return 0, err
	}
	resetOnClose(client)
	unix.Close(client)
	return port, unix.Close(fd)
}

// badConnects makes connects that fail in the call, with these ports: "too short", "wrong family", "no address",
// "connected", "connecting", "listening", "mapped".
func badConnects(family int, c *Connections) error {
	port := 1
	address := func(family uint16, port int) []byte {
		a := make([]byte, 28)
		*(*uint16)(unsafe.Pointer(&a[0])) = family
		a[2], a[3] = byte(port>>8), byte(port)
		if family == unix.AF_INET {
			copy(a[4:], []byte{127, 255, 255, 255})
			return a[:16]
		}
		copy(a[8:], net.ParseIP("::ffff:127.255.255.255"))
		return a
	}
	call := func(name string, address []byte, want ...unix.Errno) error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		c.Ports[name] = port
		port++
		got := connectTo(fd, address)
		for _, errno := range want {
			if got == errno {
				c.Ports[name+": errno"] = int(got)
				return nil
			}
		}
		return fmt.Errorf("%s: %v, want %v", name, got, want)
	}
	err := call("too short", address(uint16(family), port)[:12], unix.EINVAL)
	err = errors.Join(err, call("wrong family", append(address(unix.AF_UNIX, port), make([]byte, 8)...)[:28],
		unix.EAFNOSUPPORT))
	err = errors.Join(err, call("broadcast", address(uint16(family), port), unix.ENETUNREACH, unix.EACCES))
	err = errors.Join(err, call("one byte", []byte{2}, unix.EINVAL))

	client, server, there, e := pair(family)
	if e != nil {
		return e
	}
	c.Ports["connected"] = there
	if e := unix.Connect(client, loopback(family, there)); e != unix.EISCONN {
		err = errors.Join(err, fmt.Errorf("connecting a connected socket: %v", e))
	}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(server), 8, 16)
	if errno != unix.EFAULT {
		err = errors.Join(err, fmt.Errorf("connecting to an address that is not there: %v", errno))
	}
	unix.Close(client)
	unix.Close(server)
	return err
}
