//go:build linux && (386 || amd64 || arm || arm64)

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Texts is what textCalls prints.
type Texts struct {
	PID   int        `json:"pid"`
	TID   int        `json:"tid"`
	Calls []TextCall `json:"calls"`
}

// TextCall is a call with texts, and what its row has. Before call i the thread calls getpgid with CallBase + i.
type TextCall struct {
	Case  string `json:"case"`
	Call  string `json:"call"`
	Str   string `json:"str"`
	Str2  string `json:"str2"`
	Dir   string `json:"dir"`
	Dir2  string `json:"dir2"`
	None  bool   `json:"none"`  // str is 0
	Flags int64  `json:"flags"` // 4: cut, 8: unreadable, 16: escaped
}

const (
	flagCut        = 4
	flagUnreadable = 8
	flagEscaped    = 16
)

func init() { families["texts"] = textCalls }

// textWork makes calls with texts at known places in memory.
type textWork struct {
	dir    string
	memory []byte // what is behind it is not mapped
	used   int
	fd     uintptr // of the directory
	report Texts
}

// textCalls makes calls of each class that takes texts, in DIR. Most of them fail: the texts do not matter to that.
func textCalls(args []string, stdout io.Writer) error {
	runtime.LockOSThread()
	if err := unix.Chdir(args[0]); err != nil {
		return err
	}
	fd, err := unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	const size = 1 << 20
	memory, err := unix.Mmap(-1, 0, size+1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	if err := unix.Mprotect(memory[size:], unix.PROT_NONE); err != nil {
		return err
	}
	w := &textWork{dir: args[0], memory: memory[:size], fd: uintptr(fd)}
	w.report.PID, w.report.TID = os.Getpid(), unix.Gettid()
	w.paths()
	w.names()
	w.bytes()
	w.unreadable()
	w.addresses()
	if err := w.sockets(); err != nil {
		return err
	}
	if w.used > size/2 {
		return errors.New("no room for the texts")
	}
	if err := w.untouched(); err != nil {
		return err
	}
	program, err := w.fresh("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(w.report); err != nil {
		return err
	}
	argv := [4]*byte{w.at(w.text("workload")), w.at(w.text("untouched")), w.at(w.text("1"))} // there is no such work
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, program, uintptr(unsafe.Pointer(&argv)), 0)
	return errno
}

// fresh returns the address of a text that this process has not touched: its page is there when the kernel reads it.
func (w *textWork) fresh(s string) (uintptr, error) {
	file := filepath.Join(w.dir, fmt.Sprintf("text%d", len(w.report.Calls)))
	if err := os.WriteFile(file, append([]byte(s), 0), 0o600); err != nil {
		return 0, err
	}
	fd, err := unix.Open(file, unix.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	page, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return 0, err
	}
	return uintptr(unsafe.Pointer(unsafe.SliceData(page))), nil
}

// untouched are calls with such texts.
func (w *textWork) untouched() error {
	for _, c := range []struct {
		want TextCall
		text string
		nr   uintptr
		arg  func(text uintptr) []uintptr
	}{
		{TextCall{Call: "openat", Str: "/nosuch/fresh"}, "/nosuch/fresh", unix.SYS_OPENAT,
			func(text uintptr) []uintptr { return []uintptr{cwd, text} }},
		{TextCall{Call: "chdir", Str: "below", Dir: w.dir}, "below", unix.SYS_CHDIR,
			func(text uintptr) []uintptr { return []uintptr{text} }},
		{TextCall{Call: "chdir", Str: w.dir}, w.dir, unix.SYS_CHDIR,
			func(text uintptr) []uintptr { return []uintptr{text} }},
		{TextCall{Call: "execve", Str: "nosuch/fresh", Dir: w.dir}, "nosuch/fresh", unix.SYS_EXECVE,
			func(text uintptr) []uintptr { return []uintptr{text} }},
	} {
		text, err := w.fresh(c.text)
		if err != nil {
			return err
		}
		c.want.Case = "fresh page"
		w.call(c.want, c.nr, c.arg(text)...)
	}
	return nil
}

// put copies bytes to memory, and returns their address.
func (w *textWork) put(b []byte) uintptr {
	at := w.memory[w.used:]
	copy(at, b)
	w.used += (len(b) + 15) &^ 7
	return uintptr(unsafe.Pointer(unsafe.SliceData(at)))
}

func (w *textWork) text(s string) uintptr { return w.put(append([]byte(s), 0)) }

// at is the byte of memory at an address.
func (w *textWork) at(address uintptr) *byte {
	return &w.memory[address-uintptr(unsafe.Pointer(unsafe.SliceData(w.memory)))]
}

// last puts bytes directly before memory that is not mapped.
func (w *textWork) last(b []byte) uintptr {
	at := w.memory[len(w.memory)-len(b):]
	copy(at, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(at)))
}

// call makes a call whose row is to be as want says.
func (w *textWork) call(want TextCall, nr uintptr, arg ...uintptr) uintptr {
	var a [6]uintptr
	copy(a[:], arg)
	unix.RawSyscall(unix.SYS_GETPGID, uintptr(CallBase+len(w.report.Calls)), 0, 0)
	w.report.Calls = append(w.report.Calls, want)
	r, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return ^uintptr(0)
	}
	return r
}

const cwd = ^uintptr(99) // AT_FDCWD

// paths are calls with paths, relative and absolute.
func (w *textWork) paths() {
	at, dir := w.fd, w.dir
	w.call(TextCall{Case: "absolute", Call: "openat", Str: "/nosuch/absolute"}, unix.SYS_OPENAT, cwd,
		w.text("/nosuch/absolute"))
	w.call(TextCall{Case: "relative", Call: "openat", Str: "nosuch/relative", Dir: dir}, unix.SYS_OPENAT, cwd,
		w.text("nosuch/relative"))
	w.call(TextCall{Case: "descriptor", Call: "openat", Str: "nosuch/at", Dir: dir}, unix.SYS_OPENAT, at,
		w.text("nosuch/at"))
	w.call(TextCall{Case: "bad descriptor", Call: "openat", Str: "nosuch/bad"}, unix.SYS_OPENAT, 999999,
		w.text("nosuch/bad"))
	w.call(
		TextCall{Case: "openat2", Call: "openat2", Str: "nosuch/2", Dir: dir},
		unix.SYS_OPENAT2,
		at,
		w.text("nosuch/2"),
		w.put(make([]byte, 24)),
		24,
	)
	w.call(TextCall{Case: "two paths", Call: "renameat2", Str: "nosuch/a", Dir: dir, Str2: "/nosuch/b"},
		unix.SYS_RENAMEAT2, at, w.text("nosuch/a"), cwd, w.text("/nosuch/b"))
	w.call(
		TextCall{Case: "two relative paths", Call: "renameat2", Str: "nosuch/c", Dir: dir, Str2: "nosuch/d", Dir2: dir},
		unix.SYS_RENAMEAT2,
		at,
		w.text("nosuch/c"),
		cwd,
		w.text("nosuch/d"),
	)
	w.call(TextCall{Case: "link", Call: "linkat", Str: "nosuch/e", Dir: dir, Str2: "nosuch/f", Dir2: dir},
		unix.SYS_LINKAT, cwd, w.text("nosuch/e"), at, w.text("nosuch/f"))
	w.call(TextCall{Case: "target of a link", Call: "symlinkat", Str: "../target", Str2: "nosuch/link", Dir2: dir},
		unix.SYS_SYMLINKAT, w.text("../target"), at, w.text("nosuch/link"))
	w.call(TextCall{Case: "mkdirat", Call: "mkdirat", Str: "nosuch/dir", Dir: dir}, unix.SYS_MKDIRAT, at,
		w.text("nosuch/dir"))
	w.call(TextCall{Case: "unlinkat", Call: "unlinkat", Str: "nosuch/file", Dir: dir}, unix.SYS_UNLINKAT, at,
		w.text("nosuch/file"))
	w.call(TextCall{Case: "mknodat", Call: "mknodat", Str: "nosuch/node", Dir: dir}, unix.SYS_MKNODAT, at,
		w.text("nosuch/node"))
	w.call(TextCall{Case: "fchmodat", Call: "fchmodat", Str: "nosuch/mode", Dir: dir}, unix.SYS_FCHMODAT, at,
		w.text("nosuch/mode"))
	w.call(TextCall{Case: "readlinkat", Call: "readlinkat", Str: "nosuch/read", Dir: dir}, unix.SYS_READLINKAT, at,
		w.text("nosuch/read"), w.put(make([]byte, 64)), 64)
	w.call(TextCall{Case: "statx", Call: "statx", Str: "nosuch/statx", Dir: dir}, unix.SYS_STATX, at,
		w.text("nosuch/statx"), 0, 0, w.put(make([]byte, 256)))
	w.call(TextCall{Case: "faccessat", Call: "faccessat", Str: "nosuch/access", Dir: dir}, unix.SYS_FACCESSAT, at,
		w.text("nosuch/access"))
	w.call(TextCall{Case: "empty", Call: "openat", Str: "", Dir: dir}, unix.SYS_OPENAT, at, w.text(""))
	w.call(TextCall{Case: "no path", Call: "utimensat", None: true}, unix.SYS_UTIMENSAT, at, 0)
	w.call(TextCall{Case: "execve", Call: "execve", Str: "nosuch/program", Dir: dir}, unix.SYS_EXECVE,
		w.text("nosuch/program"))
	w.call(TextCall{Case: "execveat", Call: "execveat", Str: "nosuch/program2", Dir: dir}, unix.SYS_EXECVEAT, at,
		w.text("nosuch/program2"))
	os.Mkdir("below", 0o700)
	w.call(TextCall{Case: "chdir", Call: "chdir", Str: "below", Dir: dir}, unix.SYS_CHDIR, w.text("below"))
	w.call(TextCall{Case: "behind chdir", Call: "openat", Str: "nosuch", Dir: filepath.Join(dir, "below")},
		unix.SYS_OPENAT, cwd, w.text("nosuch"))
	w.call(TextCall{Case: "chdir back", Call: "chdir", Str: "..", Dir: filepath.Join(dir, "below")}, unix.SYS_CHDIR,
		w.text(".."))
	w.call(TextCall{Case: "chdir to nothing", Call: "chdir", Str: "nosuch", Dir: dir}, unix.SYS_CHDIR, w.text("nosuch"))
}

// names are calls with texts that are no paths, or that have both.
func (w *textWork) names() {
	dir, bad := w.dir, ^uintptr(0)
	w.call(TextCall{Case: "mount", Call: "mount", Str: "source:/x", Str2: "nosuch/mnt", Dir2: dir}, unix.SYS_MOUNT,
		w.text("source:/x"), w.text("nosuch/mnt"), w.text("ext9"), 0, 0)
	w.call(
		TextCall{Case: "umount", Call: "umount2", Str: "nosuch/mnt", Dir: dir},
		unix.SYS_UMOUNT2,
		w.text("nosuch/mnt"),
	)
	w.call(TextCall{Case: "setxattr", Call: "setxattr", Str: "nosuch/x", Dir: dir, Str2: "user.fletch"},
		unix.SYS_SETXATTR, w.text("nosuch/x"), w.text("user.fletch"), w.put([]byte("value")), 5)
	w.call(TextCall{Case: "fsetxattr", Call: "fsetxattr", Str: "user.fd"}, unix.SYS_FSETXATTR, bad, w.text("user.fd"),
		w.put([]byte("value")), 5)
	w.call(TextCall{Case: "removexattr", Call: "lremovexattr", Str: "/nosuch/x", Str2: "user.gone"},
		unix.SYS_LREMOVEXATTR, w.text("/nosuch/x"), w.text("user.gone"))
	w.call(
		TextCall{Case: "memfd", Call: "memfd_create", Str: "memory"},
		unix.SYS_MEMFD_CREATE,
		w.text("memory"),
		0xffff,
	)
	w.call(TextCall{Case: "module", Call: "delete_module", Str: "nosuch_module"}, unix.SYS_DELETE_MODULE,
		w.text("nosuch_module"), unix.O_NONBLOCK)
	w.call(TextCall{Case: "key", Call: "add_key", Str: "nosuchtype", Str2: "description"}, unix.SYS_ADD_KEY,
		w.text("nosuchtype"), w.text("description"), 0, 0, bad)
	w.call(TextCall{Case: "queue", Call: "mq_open", Str: "nosuch-queue"}, unix.SYS_MQ_OPEN, w.text("nosuch-queue"))
	w.call(TextCall{Case: "file system", Call: "fsopen", Str: "ext9"}, unix.SYS_FSOPEN, w.text("ext9"))
	w.call(TextCall{Case: "option", Call: "fsconfig", Str: "source", Str2: "/dev/nosuch"}, unix.SYS_FSCONFIG, bad, 1,
		w.text("source"), w.text("/dev/nosuch"))
	w.call(TextCall{Case: "binary option", Call: "fsconfig", Str: "data"}, unix.SYS_FSCONFIG, bad, 2, w.text("data"),
		w.text("binary"), 6)
	w.call(
		TextCall{Case: "watch", Call: "inotify_add_watch", Str: "nosuch/watch", Dir: dir},
		unix.SYS_INOTIFY_ADD_WATCH,
		bad,
		w.text("nosuch/watch"),
		1,
	)
	if unix.Unshare(unix.CLONE_NEWUTS) == nil {
		w.call(
			TextCall{Case: "host", Call: "sethostname", Str: "fletch-te"},
			unix.SYS_SETHOSTNAME,
			w.text("fletch-test"),
			9,
		)
	}
	w.call(TextCall{Case: "no length", Call: "sethostname", Str: ""}, unix.SYS_SETHOSTNAME, w.text("fletch-test"), bad)
}

// bytes are calls with odd texts.
func (w *textWork) bytes() {
	open := func(name, text, want string, flags int64) {
		w.call(TextCall{Case: name, Call: "openat", Str: want, Flags: flags}, unix.SYS_OPENAT, cwd, w.text(text))
	}
	long := "/" + strings.Repeat("nosuch-directory/", 241)[:4095]
	open("valid UTF-8", "/nosuch/é€😀\u07ff\ufffd", "/nosuch/é€😀\u07ff\ufffd", 0)
	open("invalid UTF-8", "/nosuch/\xff\xfe", `/nosuch/\xff\xfe`, flagEscaped)
	open("surrogate", "/nosuch/\xed\xa0\x80", `/nosuch/\xed\xa0\x80`, flagEscaped)
	open("overlong", "/nosuch/\xc0\xaf", `/nosuch/\xc0\xaf`, flagEscaped)
	open("incomplete", "/nosuch/\xe2\x82", `/nosuch/\xe2\x82`, flagEscaped)
	open("control characters", "/nosuch/\a\n\x7f", `/nosuch/\x07\x0a\x7f`, flagEscaped)
	open("C1", "/nosuch/\u0085", `/nosuch/\xc2\x85`, flagEscaped)
	open("odd byte behind a block", "/nosuch/"+strings.Repeat("x", 120)+"\xff",
		"/nosuch/"+strings.Repeat("x", 120)+`\xff`, flagEscaped)
	open("4095 bytes", long[:4095], long[:4095], 0)
	open("4096 bytes", long, long, 0)
	open("4097 bytes", long+"x", long+"…", flagCut)
	open("cut character", long[:4094]+"€", long[:4094]+"…", flagCut)
	open("one more at the end", long[:4093]+"€", long[:4093]+"€", 0)
	for _, n := range []int{1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 2048} { // that only the last byte tells apart
		open(fmt.Sprintf("%d bytes a", n), long[:n]+"a", long[:n]+"a", 0)
		open(fmt.Sprintf("%d bytes b", n), long[:n]+"b", long[:n]+"b", 0)
	}
	again := w.text("/nosuch/first")
	w.call(TextCall{Case: "before the change", Call: "openat", Str: "/nosuch/first"}, unix.SYS_OPENAT, cwd, again)
	copy(unsafe.Slice(w.at(again), 14), "/nosuch/other\x00")
	w.call(TextCall{Case: "behind the change", Call: "openat", Str: "/nosuch/other"}, unix.SYS_OPENAT, cwd, again)
}

// unreadable are calls with texts that are not in memory.
func (w *textWork) unreadable() {
	w.call(TextCall{Case: "bad address", Call: "openat", None: true, Flags: flagUnreadable}, unix.SYS_OPENAT, cwd, 8)
	w.call(TextCall{Case: "end of memory", Call: "openat", None: true, Flags: flagUnreadable}, unix.SYS_OPENAT, cwd,
		w.last([]byte("/nosuch/no/end")))
	w.call(TextCall{Case: "at the end of memory", Call: "openat", Str: "/nosuch/end"}, unix.SYS_OPENAT, cwd,
		w.last([]byte("/nosuch/end\x00")))
	w.call(TextCall{Case: "second one", Call: "renameat2", Str: "/nosuch/g", Flags: flagUnreadable}, unix.SYS_RENAMEAT2,
		cwd, w.text("/nosuch/g"), cwd, 8)
	w.call(TextCall{Case: "bad address of execve", Call: "execve", None: true, Flags: flagUnreadable, Dir: w.dir},
		unix.SYS_EXECVE, 8)
	w.call(TextCall{Case: "bad socket address", Call: "bind", None: true, Flags: flagUnreadable}, unix.SYS_BIND,
		^uintptr(0), 8, 16)
}

// sockaddr is the bytes of a struct sockaddr: its family, and what follows.
func sockaddr(family uint16, rest ...any) []byte {
	b := binary.NativeEndian.AppendUint16(nil, family)
	for _, r := range rest {
		switch r := r.(type) {
		case string:
			b = append(b, r...)
		case uint16:
			b = binary.BigEndian.AppendUint16(b, r)
		case uint32:
			b = binary.NativeEndian.AppendUint32(b, r)
		}
	}
	return b
}

// addresses are calls with addresses of each family. There is no socket: the kernel does not look at them.
func (w *textWork) addresses() {
	ip6 := "\xfe\x80" + strings.Repeat("\x00", 13) + "\x01"
	for _, a := range []struct {
		name, want string
		bytes      []byte
		flags      int64
	}{
		{"inet", "10.1.2.3:443", sockaddr(unix.AF_INET, uint16(443), "\x0a\x01\x02\x03", "paddding"), 0},
		{"inet6", "[::1]:80", sockaddr(unix.AF_INET6, uint16(80), uint32(0), strings.Repeat("\x00", 15)+"\x01",
			uint32(0)), 0},
		{"inet6 with a scope", "[fe80::1%7]:80", sockaddr(unix.AF_INET6, uint16(80), uint32(0), ip6, uint32(7)), 0},
		{"unix", "unix:/nosuch/socket", sockaddr(unix.AF_UNIX, "/nosuch/socket\x00garbage"), 0},
		{"unix without an end", "unix:/nosuch/socket2", sockaddr(unix.AF_UNIX, "/nosuch/socket2"), 0},
		{"abstract", "unix:@name", sockaddr(unix.AF_UNIX, "\x00name"), 0},
		{"odd abstract", `unix:@name\x00`, sockaddr(unix.AF_UNIX, "\x00name\x00"), flagEscaped},
		{"odd unix", `unix:/nosuch/\xff`, sockaddr(unix.AF_UNIX, "/nosuch/\xff"), flagEscaped},
		{"unnamed", "unix:", sockaddr(unix.AF_UNIX), 0},
		{"netlink", "netlink:4711:0x5", sockaddr(unix.AF_NETLINK, "\x00\x00", uint32(4711), uint32(5)), 0},
		{"packet", "packet:2:0x800:0102030405ff", sockaddr(unix.AF_PACKET, uint16(0x800), uint32(2), "\x01\x00\x00\x06"+
			"\x01\x02\x03\x04\x05\xff\x00\x00"), 0},
		{"vsock", "vsock:3:1024", sockaddr(unix.AF_VSOCK, "\x00\x00", uint32(1024), uint32(3), uint32(0)), 0},
		{"another family", "family:77:0102", sockaddr(77, "\x01\x02"), 0},
		{"too short", "family:2:01", sockaddr(unix.AF_INET, "\x01"), 0},
	} {
		at, n, bad := w.put(a.bytes), uintptr(len(a.bytes)), ^uintptr(0)
		want := TextCall{Case: a.name, Call: "connect", Str: a.want, Flags: a.flags}
		w.call(want, unix.SYS_CONNECT, bad, at, n)
		want.Call = "bind"
		w.call(want, unix.SYS_BIND, bad, at, n)
		want.Call = "sendto"
		w.call(want, unix.SYS_SENDTO, bad, w.text("data"), 4, 0, at, n)
		message := unix.Msghdr{Name: w.at(at), Namelen: uint32(n)}
		want.Call = "sendmsg"
		w.call(
			want,
			unix.SYS_SENDMSG,
			bad,
			w.put(unsafe.Slice((*byte)(unsafe.Pointer(&message)), unsafe.Sizeof(message))),
		)
	}
	w.call(TextCall{Case: "no address", Call: "sendto", None: true}, unix.SYS_SENDTO, ^uintptr(0), w.text("data"), 4)
}

// sockets are calls that write addresses.
func (w *textWork) sockets() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	own := fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port)
	room, size := w.put(make([]byte, 128)), w.put(binary.NativeEndian.AppendUint32(nil, 128))
	w.call(TextCall{Case: "own name", Call: "getsockname", Str: own}, unix.SYS_GETSOCKNAME, uintptr(fd), room, size)
	w.call(TextCall{Case: "no peer", Call: "getpeername", None: true}, unix.SYS_GETPEERNAME, uintptr(fd), room, size)
	if err := unix.Connect(fd, bound); err != nil {
		return err
	}
	w.call(TextCall{Case: "peer", Call: "getpeername", Str: own}, unix.SYS_GETPEERNAME, uintptr(fd), room, size)
	if _, err := unix.Write(fd, []byte("12345")); err != nil {
		return err
	}
	data := w.put(make([]byte, 64))
	w.call(
		TextCall{Case: "sender", Call: "recvfrom", Str: own},
		unix.SYS_RECVFROM,
		uintptr(fd),
		data,
		64,
		0,
		room,
		size,
	)
	if _, err := unix.Write(fd, []byte("12345")); err != nil {
		return err
	}
	vector := unix.Iovec{Base: w.at(data)}
	vector.SetLen(64)
	message := unix.Msghdr{Name: w.at(room), Namelen: 128, Iov: &vector}
	message.SetIovlen(1)
	w.call(TextCall{Case: "sender of a message", Call: "recvmsg", Str: own}, unix.SYS_RECVMSG, uintptr(fd),
		uintptr(unsafe.Pointer(&message)))
	runtime.KeepAlive(&message)
	w.call(TextCall{Case: "no sender wanted", Call: "recvfrom", None: true}, unix.SYS_RECVFROM, uintptr(fd), data, 64,
		unix.MSG_DONTWAIT)
	return nil
}
