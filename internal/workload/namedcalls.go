//go:build linux && (386 || amd64 || arm || arm64)

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NamedCalls is what named-calls prints.
type NamedCalls struct {
	Calls   []NamedCall `json:"calls"`
	Skipped []string    `json:"skipped"` // what this kernel does not have, and why
}

// NamedCall is a system call with descriptors. Before it, the same thread makes the call
// lseek(-1, Mark, MarkWhence).
type NamedCall struct {
	Case  string `json:"case"`
	Mark  int64  `json:"mark"`
	NR    int64  `json:"nr"`
	Path  string `json:"path"`  // what the first descriptor that it is given leads to
	Path2 string `json:"path2"` // what the second one does; else the one that it returns
}

// MarkWhence is an argument of the calls that mark others. The kernel has no such whence.
const MarkWhence = 99

func init() {
	families["named-calls"] = namedCalls
	families["named-child"] = namedChild
}

// namedWork is the state of namedCalls.
type namedWork struct {
	descriptorWork
	report NamedCalls
}

// namedCalls makes calls with descriptors of every kind, in DIR.
func namedCalls(args []string, stdout io.Writer) error {
	runtime.LockOSThread()
	w := &namedWork{descriptorWork: descriptorWork{dir: args[0]}}
	for _, work := range []func(){w.opens, w.duplicates, w.pairs, w.sockets, w.returned, w.passed, w.changed, w.odd,
		w.exchangedWhileBlocked} {
		if work(); w.err != nil {
			return w.err
		}
	}
	return json.NewEncoder(stdout).Encode(w.report)
}

func mark(n int) { unix.RawSyscall(unix.SYS_LSEEK, ^uintptr(0), uintptr(n), MarkWhence) }

// call makes a call whose descriptors lead to path and path2, and returns its result. path2 may be set later by
// returns.
func (w *namedWork) call(name, path, path2 string, nr uintptr, args ...uintptr) int {
	var a [6]uintptr
	copy(a[:], args)
	n := len(w.report.Calls) + 1
	w.report.Calls = append(w.report.Calls, NamedCall{name, int64(n), int64(nr), path, path2})
	mark(n)
	r, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return -int(errno)
	}
	return int(r)
}

// returns is call for one that returns a descriptor, unless this kernel does not have it.
func (w *namedWork) returns(name, path string, nr uintptr, args ...uintptr) int {
	fd := w.call(name, path, "", nr, args...)
	if fd < 0 {
		w.report.Skipped = append(w.report.Skipped, fmt.Sprintf("%s: %v", name, unix.Errno(-fd)))
		return fd
	}
	w.report.Calls[len(w.report.Calls)-1].Path2 = w.link(fd)
	return fd
}

// link returns what /proc says a descriptor leads to.
func (w *namedWork) link(fd int) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	w.try(err)
	return name
}

func text(s string) uintptr {
	p, err := unix.BytePtrFromString(s)
	if err != nil {
		panic(err)
	}
	texts = append(texts, p)
	return uintptr(unsafe.Pointer(p))
}

var texts []*byte // that calls are given

// file opens a file of that name, which it makes.
func (w *namedWork) file(name string) (fd int, path string) {
	path = filepath.Join(w.dir, name)
	return w.fd(unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)), path
}

const atCWD = ^uintptr(99) // AT_FDCWD

func (w *namedWork) opens() {
	fd, path := w.file("one")
	unix.Close(fd)
	fd = w.returns("openat", "", unix.SYS_OPENAT, atCWD, text(path), unix.O_RDWR)
	dir := w.returns("a directory", "", unix.SYS_OPENAT, atCWD, text(w.dir), unix.O_RDONLY|unix.O_DIRECTORY)
	again := w.returns("openat from a directory", w.dir, unix.SYS_OPENAT, uintptr(dir), text("one"), unix.O_RDWR)
	w.call("openat that fails", w.dir, "", unix.SYS_OPENAT, uintptr(dir), text("none"), unix.O_RDWR)
	w.call("fsync", path, "", unix.SYS_FSYNC, uintptr(fd))
	w.call("fchdir", w.dir, "", unix.SYS_FCHDIR, uintptr(dir))
	w.call("ioctl", path, "", unix.SYS_IOCTL, uintptr(fd), unix.TCGETS, 0)
	w.call("write", path, "", unix.SYS_WRITE, uintptr(fd), text("text"), 4)
	w.call("read", path, "", unix.SYS_READ, uintptr(fd), text("text"), 4)
	mmap := uintptr(unix.SYS_MMAP)
	if runtime.GOARCH == "386" || runtime.GOARCH == "arm" {
		mmap = 192 // mmap2
	}
	w.call("mmap", path, "", mmap, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE, uintptr(fd), 0)
	w.call("mmap without a file", "", "", mmap, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS,
		^uintptr(0), 0)
	w.call("close", path, "", unix.SYS_CLOSE, uintptr(fd))
	w.call("close again", "", "", unix.SYS_CLOSE, uintptr(fd))
	w.call("close_range", path, path, unix.SYS_CLOSE_RANGE, uintptr(again), uintptr(again), 0)
	w.call("fsync of nothing", "", "", unix.SYS_FSYNC, ^uintptr(0))
	w.call("close of the directory", w.dir, "", unix.SYS_CLOSE, uintptr(dir))
}

func (w *namedWork) duplicates() {
	one, path1 := w.file("one")
	two, path2 := w.file("two")
	fd := w.returns("dup", path1, unix.SYS_DUP, uintptr(one))
	w.call("dup3 on a file", path1, path2, unix.SYS_DUP3, uintptr(one), uintptr(two), unix.O_CLOEXEC)
	w.call("fsync of what dup3 made", path1, "", unix.SYS_FSYNC, uintptr(two))
	w.call("dup3 on nothing", path1, "", unix.SYS_DUP3, uintptr(one), 900, unix.O_CLOEXEC)
	w.call("fsync of what dup3 made", path1, "", unix.SYS_FSYNC, 900)
	fcntl := uintptr(unix.SYS_FCNTL)
	other := w.returns("fcntl F_DUPFD", path1, fcntl, uintptr(one), unix.F_DUPFD_CLOEXEC, 100)
	w.call("fcntl F_GETFD", path1, "", fcntl, uintptr(one), unix.F_GETFD)
	for _, fd := range []int{one, two, 900, fd, other} {
		unix.Close(fd)
	}
}

// pairs makes calls that are given two descriptors.
func (w *namedWork) pairs() {
	one, path1 := w.file("one")
	two, path2 := w.file("two")
	unix.Write(one, []byte("some bytes"))
	var pipe, pipe2 [2]int
	w.try(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	w.try(unix.Pipe2(pipe2[:], unix.O_CLOEXEC))
	epoll := w.fd(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	event := w.fd(unix.Eventfd(0, unix.EFD_CLOEXEC))
	w.call("epoll_ctl", "anon_inode:[eventpoll]", "anon_inode:[eventfd]", unix.SYS_EPOLL_CTL, uintptr(epoll),
		unix.EPOLL_CTL_ADD, uintptr(event), uintptr(unsafe.Pointer(&unix.EpollEvent{})))
	var offset int64
	at := uintptr(unsafe.Pointer(&offset))
	w.call("sendfile", w.link(pipe[1]), path1, unix.SYS_SENDFILE, uintptr(pipe[1]), uintptr(one), 0, 4)
	w.call("splice", path1, w.link(pipe[1]), unix.SYS_SPLICE, uintptr(one), at, uintptr(pipe[1]), 0, 4, 0)
	w.call("tee", w.link(pipe[0]), w.link(pipe2[1]), unix.SYS_TEE, uintptr(pipe[0]), uintptr(pipe2[1]), 4, 0)
	w.call("copy_file_range", path1, path2, unix.SYS_COPY_FILE_RANGE, uintptr(one), at, uintptr(two), 0, 4, 0)
	w.try(os.Mkdir(filepath.Join(w.dir, "dir"), 0o700))
	from := w.fd(unix.Open(w.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	to := w.fd(unix.Open(filepath.Join(w.dir, "dir"), unix.O_PATH|unix.O_CLOEXEC, 0))
	w.call("renameat2", w.dir, filepath.Join(w.dir, "dir"), unix.SYS_RENAMEAT2, uintptr(from), text("two"), uintptr(to),
		text("two"), 0)
	w.call("after it", filepath.Join(w.dir, "dir/two"), "", unix.SYS_FSYNC, uintptr(two))
	w.call("fsync of O_PATH", filepath.Join(w.dir, "dir"), "", unix.SYS_FSYNC, uintptr(to))
	for _, fd := range []int{one, two, pipe[0], pipe[1], pipe2[0], pipe2[1], epoll, event, from, to} {
		unix.Close(fd)
	}
}

// sockets makes the calls of a connection.
func (w *namedWork) sockets() {
	w.connection()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	w.try(err)
	name, err := unixName(pair[0], pair[1])
	w.try(err)
	w.call("shutdown of a pair", name, "", unix.SYS_SHUTDOWN, uintptr(pair[0]), unix.SHUT_RDWR)
	unix.Close(pair[0])
	unix.Close(pair[1])
}

// last is the last call that was made.
func (w *namedWork) last() *NamedCall { return &w.report.Calls[len(w.report.Calls)-1] }

func (w *namedWork) connection() {
	call := func(name, path string, nr uintptr, args ...uintptr) int { return w.call(name, path, "", nr, args...) }
	unbound := func(fd int) string { return fmt.Sprintf("TCP:[%d]", w.inode(fd)) }
	address := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	size := uint32(unix.SizeofSockaddrInet4)
	to, length := uintptr(unsafe.Pointer(address)), uintptr(unsafe.Pointer(&size))
	server := call("socket", "", unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	w.last().Path2 = unbound(server)
	call("bind", unbound(server), unix.SYS_BIND, uintptr(server), to, uintptr(size))
	bound := w.inet("", server, "TCP", "tcp", false).Name
	call("listen", bound, unix.SYS_LISTEN, uintptr(server), 5)
	call("getsockname", bound, unix.SYS_GETSOCKNAME, uintptr(server), to, length)
	for range 2 {
		client := call("another socket", "", unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
		w.last().Path2 = unbound(client)
		call("connect", unbound(client), unix.SYS_CONNECT, uintptr(client), to, uintptr(size))
		connected := w.inet("", client, "TCP", "tcp", true).Name
		call("sendto", connected, unix.SYS_SENDTO, uintptr(client), text("byte"), 1, 0, 0, 0)
		conn := call("accept4", bound, unix.SYS_ACCEPT4, uintptr(server), 0, 0, unix.SOCK_CLOEXEC)
		accepted := w.inet("", conn, "TCP", "tcp", true).Name
		w.last().Path2 = accepted
		call("recvfrom", accepted, unix.SYS_RECVFROM, uintptr(conn), text("byte"), 1, 0, 0, 0)
		call("shutdown", connected, unix.SYS_SHUTDOWN, uintptr(client), unix.SHUT_WR)
		call("close of the client", connected, unix.SYS_CLOSE, uintptr(client))
		call("close of the other end", accepted, unix.SYS_CLOSE, uintptr(conn))
	}
	call("close of the listener", bound, unix.SYS_CLOSE, uintptr(server))
}

// returned makes calls that return a descriptor of each kind.
func (w *namedWork) returned() {
	const cloexec = unix.O_CLOEXEC
	var params [256]byte // of io_uring_setup and perf_event_open
	attr := [32]uint32{1: 4, 2: 4, 3: 1, 0: 2}
	params[0], params[4] = unix.PERF_TYPE_SOFTWARE, 112
	uring := make([]byte, 256)
	var mask uint64
	for _, made := range []struct {
		name string
		nr   uintptr
		args []uintptr
	}{
		{"epoll_create1", unix.SYS_EPOLL_CREATE1, []uintptr{cloexec}},
		{"eventfd2", unix.SYS_EVENTFD2, []uintptr{0, cloexec}},
		{"timerfd_create", unix.SYS_TIMERFD_CREATE, []uintptr{unix.CLOCK_MONOTONIC, cloexec}},
		{"signalfd4", unix.SYS_SIGNALFD4, []uintptr{^uintptr(0), uintptr(unsafe.Pointer(&mask)), 8, cloexec}},
		{"inotify_init1", unix.SYS_INOTIFY_INIT1, []uintptr{cloexec}},
		{"memfd_create", unix.SYS_MEMFD_CREATE, []uintptr{text("named"), unix.MFD_CLOEXEC}},
		{"pidfd_open", unix.SYS_PIDFD_OPEN, []uintptr{uintptr(os.Getpid()), 0}},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, []uintptr{4, uintptr(unsafe.Pointer(&uring[0]))}},
		{"userfaultfd", unix.SYS_USERFAULTFD, []uintptr{cloexec}},
		{"bpf", unix.SYS_BPF, []uintptr{0, uintptr(unsafe.Pointer(&attr[0])), 72}},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, []uintptr{uintptr(unsafe.Pointer(&params[0])), 0, ^uintptr(0),
			^uintptr(0), 8}},
		{"fanotify_init", unix.SYS_FANOTIFY_INIT, []uintptr{1, unix.O_RDONLY}},
		{"landlock_create_ruleset", unix.SYS_LANDLOCK_CREATE_RULESET,
			[]uintptr{uintptr(unsafe.Pointer(&[8]uint64{1})), 8, 0}},
		{"fsopen", unix.SYS_FSOPEN, []uintptr{text("tmpfs"), 1}},
	} {
		fd := w.returns(made.name, "", made.nr, made.args...)
		if fd >= 0 {
			w.call("close of "+made.name, w.link(fd), "", unix.SYS_CLOSE, uintptr(fd))
		}
	}
	w.call("landlock's version", "", "", unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1)
	fd, path := w.file("one")
	pidfd := w.fd(unix.PidfdOpen(os.Getpid(), 0))
	got := w.returns("pidfd_getfd", "anon_inode:[pidfd]", unix.SYS_PIDFD_GETFD, uintptr(pidfd), uintptr(fd), 0)
	w.call("fsync of what that returned", path, "", unix.SYS_FSYNC, uintptr(got))
	for _, fd := range []int{fd, pidfd, got} {
		unix.Close(fd)
	}
}

// passed makes calls with descriptors that came from elsewhere: by a socket, a fork and an exec.
func (w *namedWork) passed() {
	fd, path := w.file("passed")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	w.try(err)
	w.try(unix.Sendmsg(pair[0], []byte("x"), unix.UnixRights(fd), nil, 0))
	oob := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	w.try(err)
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	w.try(err)
	fds, err := unix.ParseUnixRights(&messages[0])
	w.try(err)
	w.call("fsync of what was received", path, "", unix.SYS_FSYNC, uintptr(fds[0]))
	for _, fd := range append(fds, pair[0], pair[1]) {
		unix.Close(fd)
	}
	w.report.Calls = append(w.report.Calls, NamedCall{"fsync after fork and exec", int64(len(w.report.Calls) + 1),
		unix.SYS_FSYNC, path, ""})
	file := os.NewFile(uintptr(fd), path)
	cmd := exec.Command("/proc/self/exe", "named-child", strconv.Itoa(len(w.report.Calls)))
	cmd.ExtraFiles = []*os.File{file}
	w.try(cmd.Run())
	file.Close()
}

// namedChild calls fsync of descriptor 3, behind MARK.
func namedChild(args []string, _ io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	mark(n)
	unix.RawSyscall(unix.SYS_FSYNC, 3, 0, 0)
	return nil
}

// changed makes calls while the name of an open file changes.
func (w *namedWork) changed() {
	w.try(os.Mkdir(filepath.Join(w.dir, "before"), 0o700))
	fd, path := w.file("before/file")
	w.call("fsync", path, "", unix.SYS_FSYNC, uintptr(fd))
	w.try(os.Rename(filepath.Join(w.dir, "before"), filepath.Join(w.dir, "after")))
	path = filepath.Join(w.dir, "after/file")
	w.call("fsync after a rename above", path, "", unix.SYS_FSYNC, uintptr(fd))
	w.try(os.Remove(path))
	w.call("fsync after the file is removed", path+" (deleted)", "", unix.SYS_FSYNC, uintptr(fd))
	w.call("close of a removed file", path+" (deleted)", "", unix.SYS_CLOSE, uintptr(fd))
}

// odd makes calls that find the descriptor elsewhere, or decide otherwise what it is.
func (w *namedWork) odd() {
	link := filepath.Join(w.dir, "link")
	w.try(os.Symlink("nowhere", link))
	fd := w.returns("a symbolic link", "", unix.SYS_OPENAT, atCWD, text(link), unix.O_PATH|unix.O_NOFOLLOW)
	w.call("close of it", link, "", unix.SYS_CLOSE, uintptr(fd))
	ns := w.fd(unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0))
	w.call("setns", w.link(ns), "", unix.SYS_SETNS, uintptr(ns), unix.CLONE_NEWUTS)
	w.call("close of a namespace", w.link(ns), "", unix.SYS_CLOSE, uintptr(ns))
	if runtime.GOARCH != "386" {
		return
	}
	const socketcall, socket, bind = 102, 1, 2
	made := w.call("socketcall socket", "", "", socketcall, socket,
		uintptr(unsafe.Pointer(&[3]uintptr{unix.AF_INET, unix.SOCK_STREAM, 0})))
	name := fmt.Sprintf("TCP:[%d]", w.inode(made))
	w.last().Path2 = name
	address := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	w.call("socketcall bind", name, "", socketcall, bind, uintptr(unsafe.Pointer(&[3]uintptr{uintptr(made),
		uintptr(unsafe.Pointer(address)), unix.SizeofSockaddrInet4})))
	w.call("close of it", w.inet("", made, "TCP", "tcp", false).Name, "", unix.SYS_CLOSE, uintptr(made))
}

// exchangedWhileBlocked reads from a pipe; while that blocks, another thread puts a file under the same descriptor.
func (w *namedWork) exchangedWhileBlocked() {
	other, _ := w.file("other")
	var pipe [2]int
	w.try(unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	n := len(w.report.Calls) + 1
	w.report.Calls = append(w.report.Calls, NamedCall{"read of an exchanged descriptor", int64(n), unix.SYS_READ,
		w.link(pipe[0]), ""})
	tid, done := make(chan int), make(chan bool)
	go func() {
		runtime.LockOSThread()
		tid <- unix.Gettid()
		mark(n)
		unix.Read(pipe[0], make([]byte, 1))
		close(done)
	}()
	waitForCall(<-tid, unix.SYS_READ)
	w.try(unix.Dup3(other, pipe[0], unix.O_CLOEXEC))
	unix.Write(pipe[1], []byte("x"))
	<-done
	for _, fd := range []int{other, pipe[0], pipe[1]} {
		unix.Close(fd)
	}
}

// waitForCall waits until a thread of this process sleeps in a call.
func waitForCall(tid int, nr int) {
	for {
		call, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		var in int
		if _, scanned := fmt.Sscan(string(call), &in); err != nil || scanned == nil && in == nr {
			return
		}
		runtime.Gosched()
	}
}
