//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Descriptors is what descriptors prints.
type Descriptors struct {
	PID     int              `json:"pid"`
	Reads   []DescriptorRead `json:"reads"`
	Skipped []string         `json:"skipped"` // what this kernel does not have, and why
}

// DescriptorRead is one read, and what its descriptor leads to at that time: a row of table path.
type DescriptorRead struct {
	Case     string `json:"case"`
	Size     int64  `json:"size"` // bytes requested: a different number for each read
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Domain   string `json:"domain"`
	Protocol string `json:"protocol"`
	Saddr    string `json:"saddr"`
	Sport    int64  `json:"sport"`
	Daddr    string `json:"daddr"`
	Dport    int64  `json:"dport"`
}

func init() { families["descriptors"] = descriptors }

// descriptors reads from descriptors of every kind, and from sockets whenever they have got another address. Most of
// the reads fail. It works in DIR.
func descriptors(args []string, stdout io.Writer) error {
	w := &descriptorWork{dir: args[0], report: Descriptors{PID: os.Getpid()}}
	for _, work := range []func(){w.files, w.anonymous, w.tcp4, w.tcp6, w.udp, w.unixStream, w.unixDatagrams,
		w.unixPairs, w.netlink, w.others} {
		if work(); w.err != nil {
			return w.err
		}
	}
	return json.NewEncoder(stdout).Encode(w.report)
}

// descriptorWork is the state of descriptors.
type descriptorWork struct {
	dir    string
	report Descriptors
	err    error // the first error
}

func (w *descriptorWork) try(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("after %d reads: %w", len(w.report.Reads), err)
	}
}

func (w *descriptorWork) fd(fd int, err error) int {
	w.try(err)
	return fd
}

// read reads from fd, without blocking, and reports that it is what r says. Name may have one %d for the inode number.
func (w *descriptorWork) read(fd int, r DescriptorRead) {
	r.Size = firstSize + int64(len(w.report.Reads))
	unix.SetNonblock(fd, true)
	buf := make([]byte, r.Size)
	unix.Read(fd, buf)
	unix.SetNonblock(fd, false)
	if strings.Contains(r.Name, "%d") {
		r.Name = fmt.Sprintf(r.Name, w.inode(fd))
	}
	w.report.Reads = append(w.report.Reads, r)
}

func (w *descriptorWork) inode(fd int) uint64 {
	var st unix.Stat_t
	w.try(unix.Fstat(fd, &st))
	return st.Ino
}

// once reads from a descriptor and closes it; err says that this kernel has none of that kind.
func (w *descriptorWork) once(kind, name string, fd int, err error) {
	if err != nil {
		w.report.Skipped = append(w.report.Skipped, fmt.Sprintf("%s: %v", name, err))
		return
	}
	w.read(fd, DescriptorRead{Case: name, Kind: kind, Name: name})
	unix.Close(fd)
}

func (w *descriptorWork) open(path string, flags int) (int, error) {
	return unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
}

func (w *descriptorWork) files() {
	path := filepath.Join(w.dir, "file")
	fd, err := w.open(path, unix.O_RDWR|unix.O_CREAT)
	w.once("file", path, fd, err)
	fd, err = w.open("/dev/null", unix.O_RDWR)
	w.once("chr", "/dev/null", fd, err)
	fifo := filepath.Join(w.dir, "fifo")
	w.try(unix.Mkfifo(fifo, 0o600))
	fd, err = w.open(fifo, unix.O_RDWR)
	w.once("fifo", fifo, fd, err)
	fd, err = unix.MemfdCreate("name", 0)
	w.once("file", "/memfd:name (deleted)", fd, err)
	var pipe [2]int
	w.try(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	w.once("pipe", "pipe:[%d]", pipe[0], nil)
	unix.Close(pipe[1])
	fd, err = w.open("/proc/self/ns/uts", unix.O_RDONLY)
	w.once("ns", "uts:[%d]", fd, err)
}

func (w *descriptorWork) anonymous() {
	fd, err := unix.Eventfd(1, 0)
	w.once("anon", "anon_inode:[eventfd]", fd, err)
	fd, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0)
	w.once("anon", "anon_inode:[timerfd]", fd, err)
	fd, err = unix.Signalfd(-1, &unix.Sigset_t{}, 0)
	w.once("anon", "anon_inode:[signalfd]", fd, err)
	fd, err = unix.InotifyInit1(0)
	w.once("anon", "anon_inode:inotify", fd, err)
}

// endpoint returns an IP address and its port.
func (w *descriptorWork) endpoint(sa unix.Sockaddr, err error) (string, int64) {
	w.try(err)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return fmt.Sprintf("%d.%d.%d.%d", sa.Addr[0], sa.Addr[1], sa.Addr[2], sa.Addr[3]), int64(sa.Port)
	case *unix.SockaddrInet6:
		if sa.Addr[15] == 1 && sa.Addr[10] == 0 {
			return "::1", int64(sa.Port)
		}
		return fmt.Sprintf("::ffff:%d.%d.%d.%d", sa.Addr[12], sa.Addr[13], sa.Addr[14], sa.Addr[15]), int64(sa.Port)
	}
	w.try(fmt.Errorf("no IP address: %v", sa))
	return "", 0
}

// inet returns what an IP socket is. peer says whether it has one.
func (w *descriptorWork) inet(name string, fd int, kernel, protocol string, peer bool) DescriptorRead {
	r := DescriptorRead{Case: kernel + " " + name, Kind: "socket", Domain: "inet", Protocol: protocol}
	between := "%s:%d"
	if strings.HasSuffix(kernel, "v6") {
		r.Domain, between = "inet6", "[%s]:%d"
	}
	local, err := unix.Getsockname(fd)
	r.Saddr, r.Sport = w.endpoint(local, err)
	r.Name = kernel + ":[" + fmt.Sprintf(between, r.Saddr, r.Sport)
	if peer {
		remote, err := unix.Getpeername(fd)
		r.Daddr, r.Dport = w.endpoint(remote, err)
		r.Name += "->" + fmt.Sprintf(between, r.Daddr, r.Dport)
	}
	r.Name += "]"
	return r
}

func (w *descriptorWork) tcp4() {
	w.tcp("TCP", unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

func (w *descriptorWork) tcp6() {
	w.tcp("TCPv6", unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
	w.tcp("TCPv6", unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}})
}

// tcp reads from sockets before and after each step of a connection to loopback.
func (w *descriptorWork) tcp(kernel string, domain int, loopback unix.Sockaddr) {
	name := map[int]string{unix.AF_INET: "inet", unix.AF_INET6: "inet6"}[domain]
	unbound := DescriptorRead{Case: kernel + " unbound", Kind: "socket", Domain: name, Protocol: "tcp",
		Name: kernel + ":[%d]"}
	server := w.fd(unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	w.read(server, unbound)
	w.try(unix.Bind(server, loopback))
	w.read(server, w.inet("bound", server, kernel, "tcp", false))
	w.try(unix.Listen(server, 5))
	w.read(server, w.inet("listening", server, kernel, "tcp", false))
	for range 3 { // the sockets get the same descriptors, and the kernel's memory of those before them
		client := w.fd(unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		w.read(client, unbound)
		address, err := unix.Getsockname(server)
		w.try(err)
		w.try(unix.Connect(client, address))
		w.read(client, w.inet("client", client, kernel, "tcp", true))
		conn, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
		w.try(err)
		accepted := w.inet("accepted", conn, kernel, "tcp", true)
		w.read(conn, accepted)
		unix.Close(client)
		accepted.Case = kernel + " closed by its peer"
		w.read(conn, accepted)
		unix.Close(conn)
		if w.err != nil {
			return
		}
	}
	unix.Close(server)
}

// udp reads from a socket that is bound, connected, connected again and disconnected.
func (w *descriptorWork) udp() {
	var fds [3]int
	for i := range fds {
		fds[i] = w.fd(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
	}
	w.read(
		fds[0],
		DescriptorRead{Case: "UDP unbound", Kind: "socket", Domain: "inet", Protocol: "udp", Name: "UDP:[%d]"},
	)
	for _, fd := range fds {
		w.try(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		w.read(fd, w.inet("bound", fd, "UDP", "udp", false))
	}
	for _, to := range fds[1:] {
		address, err := unix.Getsockname(to)
		w.try(err)
		w.try(unix.Connect(fds[0], address))
		w.read(fds[0], w.inet("connected", fds[0], "UDP", "udp", true))
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// unixName is the name of a unix socket without a path; peer is another one, or -1.
func unixName(fd, peer int) (string, error) {
	w := &descriptorWork{}
	return w.unixSocket("", fd, peer, w.streamName(fd), "", "").Name, w.err
}

// unixSocket returns what a unix socket is. kernel is what the kernel calls its protocol, peer another socket or -1.
func (w *descriptorWork) unixSocket(name string, fd, peer int, kernel, protocol, path string) DescriptorRead {
	r := DescriptorRead{Case: kernel + " " + name, Kind: "socket", Domain: "unix", Protocol: protocol, Saddr: path}
	r.Name = fmt.Sprintf("%s:[%d", kernel, w.inode(fd))
	if peer >= 0 {
		r.Name += fmt.Sprintf("->%d", w.inode(peer))
	}
	if abstract, ok := strings.CutPrefix(path, "@"); ok {
		r.Name += `,@"` + abstract + `"`
	} else if path != "" {
		r.Name += `,"` + path + `"`
	}
	r.Name += "]"
	return r
}

// streamName is what this kernel calls the protocol of unix stream sockets: UNIX before 5.15.
func (w *descriptorWork) streamName(fd int) string {
	name := make([]byte, 32)
	n, err := unix.Fgetxattr(fd, "system.sockprotoname", name)
	w.try(err)
	return strings.TrimRight(string(name[:max(n, 0)]), "\x00")
}

func (w *descriptorWork) unixStream() {
	for _, path := range []string{filepath.Join(w.dir, "stream"), fmt.Sprintf("@fletch-%d", os.Getpid())} {
		server := w.fd(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		kernel := w.streamName(server)
		w.read(server, w.unixSocket("unbound", server, -1, kernel, "stream", ""))
		w.try(unix.Bind(server, &unix.SockaddrUnix{Name: path}))
		w.try(unix.Listen(server, 5))
		w.read(server, w.unixSocket("listening", server, -1, kernel, "stream", path))
		client := w.fd(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		w.try(unix.Connect(client, &unix.SockaddrUnix{Name: path}))
		to := func(r DescriptorRead) DescriptorRead {
			r.Daddr = path
			return r
		}
		w.read(client, to(w.unixSocket("not accepted yet", client, -1, kernel, "stream", "")))
		conn, _, err := unix.Accept4(server, unix.SOCK_CLOEXEC)
		w.try(err)
		w.read(client, to(w.unixSocket("client", client, conn, kernel, "stream", "")))
		accepted := w.unixSocket("accepted", conn, client, kernel, "stream", path)
		w.read(conn, accepted)
		unix.Close(client)
		accepted.Case = kernel + " closed by its peer"
		w.read(conn, accepted)
		unix.Close(conn)
		unix.Close(server)
	}
}

// unixDatagrams reads from a socket that is bound and connected to one socket after the other.
func (w *descriptorWork) unixDatagrams() {
	var fds [3]int
	var paths [3]string
	for i := range fds {
		fds[i] = w.fd(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0))
		paths[i] = filepath.Join(w.dir, fmt.Sprintf("datagram%d", i))
		w.read(fds[i], w.unixSocket("unbound", fds[i], -1, "UNIX", "dgram", ""))
		w.try(unix.Bind(fds[i], &unix.SockaddrUnix{Name: paths[i]}))
		w.read(fds[i], w.unixSocket("bound", fds[i], -1, "UNIX", "dgram", paths[i]))
	}
	for i, to := range fds[1:] {
		w.try(unix.Connect(fds[0], &unix.SockaddrUnix{Name: paths[i+1]}))
		r := w.unixSocket("connected", fds[0], to, "UNIX", "dgram", paths[0])
		r.Daddr = paths[i+1]
		w.read(fds[0], r)
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func (w *descriptorWork) unixPairs() {
	for protocol, kind := range map[string]int{"stream": unix.SOCK_STREAM, "dgram": unix.SOCK_DGRAM,
		"seqpacket": unix.SOCK_SEQPACKET} {
		for range 3 {
			pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
			w.try(err)
			kernel := w.streamName(pair[0])
			w.read(pair[0], w.unixSocket("pair", pair[0], pair[1], kernel, protocol, ""))
			w.read(pair[1], w.unixSocket("pair", pair[1], pair[0], kernel, protocol, ""))
			unix.Close(pair[0])
			unix.Close(pair[1])
		}
	}
}

func (w *descriptorWork) netlink() {
	names := map[int]string{unix.NETLINK_ROUTE: "ROUTE", unix.NETLINK_KOBJECT_UEVENT: "KOBJECT_UEVENT"}
	for number, name := range names {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, number)
		w.try(err)
		r := DescriptorRead{Case: "netlink unbound", Kind: "socket", Domain: "netlink", Protocol: strings.ToLower(name),
			Name: "NETLINK:[%d]"}
		w.read(fd, r)
		w.try(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
		sa, err := unix.Getsockname(fd)
		w.try(err)
		if bound, ok := sa.(*unix.SockaddrNetlink); ok {
			r.Case, r.Name = "netlink bound", fmt.Sprintf("NETLINK:[%s:%d]", name, bound.Pid)
		}
		w.read(fd, r)
		unix.Close(fd)
	}
}

// others reads from sockets of which only the inode is known.
func (w *descriptorWork) others() {
	for _, other := range []struct {
		domain, kind           int
		name, kernel, protocol string
	}{
		{unix.AF_PACKET, unix.SOCK_RAW, "packet", "PACKET", "raw"},
		{unix.AF_PACKET, unix.SOCK_DGRAM, "packet", "PACKET", "dgram"},
		{unix.AF_VSOCK, unix.SOCK_STREAM, "vsock", "AF_VSOCK", "stream"},
		{unix.AF_ALG, unix.SOCK_SEQPACKET, "alg", "ALG", "seqpacket"},
	} {
		fd, err := unix.Socket(other.domain, other.kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			w.report.Skipped = append(w.report.Skipped, fmt.Sprintf("%s: %v", other.kernel, err))
			continue
		}
		w.read(fd, DescriptorRead{Case: other.kernel, Kind: "socket", Domain: other.name, Protocol: other.protocol,
			Name: other.kernel + ":[%d]"})
		unix.Close(fd)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if errors.Is(err, unix.EPERM) {
		return
	}
	w.try(err)
	w.read(fd, DescriptorRead{Case: "raw", Kind: "socket", Domain: "inet", Protocol: "raw", Saddr: "0.0.0.0",
		Sport: unix.IPPROTO_UDP, Name: "RAW:[0.0.0.0:17]"})
	unix.Close(fd)
}
