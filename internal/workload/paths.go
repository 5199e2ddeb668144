//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Paths is what paths prints.
type Paths struct {
	PID     int        `json:"pid"`
	Reads   []PathRead `json:"reads"`
	Skipped []string   `json:"skipped"` // what this kernel does not have, and why
}

// PathRead is one read of an open file.
type PathRead struct {
	Case  string `json:"case"`
	Size  int64  `json:"size"`  // bytes requested: a different number for each read
	Name  string `json:"name"`  // of the file at that time
	Mntns int64  `json:"mntns"` // of the path's mount; 0: none
}

const firstSize = 70_001 // of the first PathRead

// paths reads files whose paths change, or whose kernel objects are used again for other files: mounts that come, go
// and move, names that are removed, linked, exchanged and made again, and files that are in no directory. It works in a
// mount namespace of its own, in DIR, where it mounts a tmpfs.
func paths(args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("paths takes DIR")
	}
	runtime.LockOSThread() // the mount namespace is the thread's
	dir := args[0]
	if err := ownMounts(); err != nil {
		return err
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	w := &pathWork{dir: dir, report: Paths{PID: os.Getpid()}}
	w.mntns = w.inode("/proc/thread-self/ns/mnt")
	for _, work := range []func(){w.bound, w.remounted, w.moved, w.detached, w.stacked, w.notAttached, w.inNamespaces,
		w.renamedAbove, w.exchanged, w.escaped, w.removed, w.linkedAgain, w.madeAgain, w.overlaid, w.anonymous,
		w.namespaces, w.others, w.deep, w.chrooted} {
		if work(); w.err != nil {
			return w.err
		}
	}
	return json.NewEncoder(stdout).Encode(w.report)
}

// ownMounts gives the thread a mount namespace of its own, from which nothing reaches others.
func ownMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	return unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
}

// pathWork is the state of paths.
type pathWork struct {
	dir    string
	mntns  int64
	name   string // of the current case
	report Paths
	err    error // the first error
}

func (w *pathWork) try(err error) {
	if w.err == nil && err != nil {
		w.err = fmt.Errorf("%s: %w", w.name, err)
	}
}

func (w *pathWork) skip(err error) {
	w.report.Skipped = append(w.report.Skipped, fmt.Sprintf("%s: %v", w.name, err))
}

func (w *pathWork) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *pathWork) inode(path string) int64 {
	var st unix.Stat_t
	w.try(unix.Stat(path, &st))
	return int64(st.Ino)
}

// make makes directories.
func (w *pathWork) make(paths ...string) {
	for _, path := range paths {
		w.try(os.MkdirAll(path, 0o755))
	}
}

// write makes a file with the text "hi".
func (w *pathWork) write(path string) { w.try(os.WriteFile(path, []byte("hi"), 0o644)) }

func (w *pathWork) mount(from, to, fs string, flags uintptr, data string) {
	w.try(unix.Mount(from, to, fs, flags, data))
}

func (w *pathWork) bind(from, to string) { w.mount(from, to, "", unix.MS_BIND, "") }

func (w *pathWork) unmount(path string) { w.try(unix.Unmount(path, 0)) }

func (w *pathWork) rename(from, to string) { w.try(os.Rename(from, to)) }

func (w *pathWork) remove(paths ...string) {
	for _, path := range paths {
		w.try(os.Remove(path))
	}
}

func (w *pathWork) open(path string) int {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	w.try(err)
	return fd
}

// read reads from fd, whose name is what /proc says. It may fail.
func (w *pathWork) read(fd int, mntns int64) {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	w.try(err)
	w.readAs(fd, mntns, name)
}

// readAs reads from fd, whose name is known. It may fail.
func (w *pathWork) readAs(fd int, mntns int64, name string) {
	size := firstSize + int64(len(w.report.Reads))
	buf := make([]byte, size)
	unix.Read(fd, buf)
	w.report.Reads = append(w.report.Reads, PathRead{w.name, size, name, mntns})
}

// readFile opens, reads and closes a file.
func (w *pathWork) readFile(path string) {
	fd := w.open(path)
	w.read(fd, w.mntns)
	unix.Close(fd)
}

const turns = 20 // how often kernel objects are given the chance to be used again

// bound reads a file at many places, where its directory is mounted in turn.
func (w *pathWork) bound() {
	w.name = "bound"
	w.make(w.path("source"))
	w.write(w.path("source/data"))
	for i := range 2 * turns {
		place := w.path(fmt.Sprintf("bound%02d", i))
		w.make(place)
		w.bind(w.path("source"), place)
		w.readFile(filepath.Join(place, "data"))
		w.unmount(place)
		w.remove(place)
	}
}

// remounted reads files of file systems that are mounted in turn. All have the same inode numbers.
func (w *pathWork) remounted() {
	w.name = "remounted"
	for i := range turns {
		place := w.path(fmt.Sprintf("remounted%02d", i%2))
		w.make(place)
		w.mount("none", place, "tmpfs", 0, "")
		w.write(filepath.Join(place, "data"))
		w.readFile(filepath.Join(place, "data"))
		w.unmount(place)
	}
}

// moved reads an open file before and after its mount is moved.
func (w *pathWork) moved() {
	w.name = "moved"
	from, to := w.path("moved-from"), w.path("moved-to")
	w.make(from, to)
	w.bind(w.path("source"), from)
	fd := w.open(filepath.Join(from, "data"))
	for range 3 {
		w.read(fd, w.mntns)
		w.mount(from, to, "", unix.MS_MOVE, "")
		w.read(fd, w.mntns)
		from, to = to, from
	}
	unix.Close(fd)
	w.unmount(from)
}

// detached reads an open file before and after its mount is detached, which leaves it in no namespace.
func (w *pathWork) detached() {
	w.name = "detached"
	for i := range 4 {
		place := w.path(fmt.Sprintf("detached%d", i))
		w.make(place)
		from := w.path("source")
		if i >= 2 {
			from = w.dir
		}
		w.bind(from, place)
		fd := w.open(filepath.Join(place, strings.TrimPrefix(w.path("source/data"), from)))
		w.read(fd, w.mntns)
		w.try(unix.Unmount(place, unix.MNT_DETACH))
		w.read(fd, 0)
		w.read(fd, 0)
		unix.Close(fd)
	}
}

// stacked mounts a directory five times at the same place.
func (w *pathWork) stacked() {
	w.name = "stacked"
	place := w.path("stacked")
	w.make(place)
	for range 5 {
		w.bind(w.path("source"), place)
		w.readFile(filepath.Join(place, "data"))
	}
	w.make(w.path("source/below"))
	w.bind(w.path("source"), filepath.Join(place, "below"))
	w.readFile(filepath.Join(place, "below/data"))
	w.unmount(filepath.Join(place, "below"))
	for range 5 {
		w.unmount(place)
	}
}

// notAttached reads a file of a mount that is not attached yet, and again when it is.
func (w *pathWork) notAttached() {
	w.name = "not attached"
	tree, err := unix.OpenTree(unix.AT_FDCWD, w.path("source"), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	w.try(err)
	fd, err := unix.Openat(tree, "data", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	w.try(err)
	w.read(fd, 0)
	w.make(w.path("attached"))
	w.try(unix.MoveMount(tree, "", unix.AT_FDCWD, w.path("attached"), unix.MOVE_MOUNT_F_EMPTY_PATH))
	w.read(fd, w.mntns)
	unix.Close(fd)
	unix.Close(tree)
	w.unmount(w.path("attached"))
}

// inNamespaces reads a file in namespaces that are copied from this one in turn, each with the mount at another place.
func (w *pathWork) inNamespaces() {
	w.name = "in namespaces"
	for i := range turns {
		place := w.path(fmt.Sprintf("namespace%02d", i))
		w.make(place)
		w.bind(w.path("source"), place)
		size := firstSize + int64(len(w.report.Reads))
		cmd := exec.Command("/proc/self/exe", "read-file", filepath.Join(place, "data"), fmt.Sprint(size))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		out, err := cmd.Output()
		w.try(err)
		var read PathRead
		if w.err == nil {
			w.try(json.Unmarshal(out, &read))
		}
		read.Case = w.name
		w.report.Reads = append(w.report.Reads, read)
		w.unmount(place)
	}
}

// readFile reads a file with one read of SIZE bytes, and prints it as a PathRead: read-file PATH SIZE.
func readFile(args []string, stdout io.Writer) error {
	size, err := number(args, 1)
	if err != nil {
		return err
	}
	w := &pathWork{}
	r := PathRead{Size: int64(size), Name: args[0], Mntns: w.inode("/proc/self/ns/mnt")}
	fd := w.open(args[0])
	unix.Read(fd, make([]byte, size))
	if w.err != nil {
		return w.err
	}
	return json.NewEncoder(stdout).Encode(r)
}

// renamedAbove renames directories above a file that stays open, and above one that is opened again.
func (w *pathWork) renamedAbove() {
	w.name = "renamed above"
	w.make(w.path("up0/mid/low"))
	w.write(w.path("up0/mid/low/data"))
	fd := w.open(w.path("up0/mid/low/data"))
	for i := range 4 {
		w.read(fd, w.mntns)
		w.readFile(w.path(fmt.Sprintf("up%d/mid/low/data", i)))
		w.rename(w.path(fmt.Sprintf("up%d", i)), w.path(fmt.Sprintf("up%d", i+1)))
		w.read(fd, w.mntns)
		w.readFile(w.path(fmt.Sprintf("up%d/mid/low/data", i+1)))
	}
	w.rename(w.path("up4/mid"), w.path("mid"))
	w.read(fd, w.mntns)
	w.rename(w.path("mid/low/data"), w.path("mid/other"))
	w.read(fd, w.mntns)
	unix.Close(fd)
}

// exchanged exchanges two directories, and two files.
func (w *pathWork) exchanged() {
	w.name = "exchanged"
	w.make(w.path("left"), w.path("right"))
	var fds []int
	for _, file := range []string{"left/data", "right/data", "left/one", "left/two"} {
		w.write(w.path(file))
		fds = append(fds, w.open(w.path(file)))
	}
	readAll := func() {
		for _, fd := range fds {
			w.read(fd, w.mntns)
		}
	}
	exchange := func(a, b string) {
		w.try(unix.Renameat2(unix.AT_FDCWD, w.path(a), unix.AT_FDCWD, w.path(b), unix.RENAME_EXCHANGE))
		readAll()
	}
	readAll()
	exchange("left", "right")
	exchange("right/one", "right/two")
	exchange("left", "right")
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// escaped moves the directory of an open file out of the directory that is mounted: where it is from there is unknown.
func (w *pathWork) escaped() {
	w.name = "escaped"
	w.make(w.path("jail/inside/low"), w.path("prison"))
	w.write(w.path("jail/inside/low/data"))
	w.bind(w.path("jail/inside"), w.path("prison"))
	fd := w.open(w.path("prison/low/data"))
	w.read(fd, w.mntns)
	w.rename(w.path("jail/inside/low"), w.path("jail/low"))
	w.readAs(fd, w.mntns, "…/jail/low/data")
	unix.Close(fd)
	w.unmount(w.path("prison"))
}

// removed reads a file before and after its name is removed, and made again with another file.
func (w *pathWork) removed() {
	w.name = "removed"
	w.write(w.path("gone"))
	fd := w.open(w.path("gone"))
	w.read(fd, w.mntns)
	w.remove(w.path("gone"))
	w.read(fd, w.mntns)
	w.write(w.path("gone"))
	w.read(fd, w.mntns)
	w.readFile(w.path("gone"))
	unix.Close(fd)
	w.make(w.path("below"))
	w.write(w.path("below/gone"))
	fd = w.open(w.path("below/gone"))
	w.remove(w.path("below/gone"), w.path("below"))
	w.read(fd, w.mntns)
	unix.Close(fd)
}

// linkedAgain reads one inode under the same last name in directories that are made and removed in turn.
func (w *pathWork) linkedAgain() {
	w.name = "linked again"
	w.write(w.path("inode"))
	for i := range turns {
		dir := w.path(fmt.Sprintf("links%02d", i))
		w.make(dir)
		w.try(os.Link(w.path("inode"), filepath.Join(dir, "link")))
		w.readFile(filepath.Join(dir, "link"))
		w.remove(filepath.Join(dir, "link"), dir)
	}
	for i := range turns {
		link := w.path(fmt.Sprintf("link%02d", i))
		w.try(os.Link(w.path("inode"), link))
		w.readFile(link)
		w.remove(link)
	}
}

// madeAgain reads files that are made and removed in turn.
func (w *pathWork) madeAgain() {
	w.name = "made again"
	for i := range turns {
		dir := w.path(fmt.Sprintf("made%02d", i))
		w.make(dir)
		for _, name := range []string{dir + "/data", w.path(fmt.Sprintf("file%02d", i)), w.path("same")} {
			w.write(name)
			w.readFile(name)
			w.remove(name)
		}
		w.remove(dir)
	}
}

// overlaid reads a file of an overlay, before and after it is copied up, and after a rename above.
func (w *pathWork) overlaid() {
	w.name = "overlaid"
	w.make(w.path("lower/low"), w.path("upper"), w.path("work"), w.path("merged"))
	w.write(w.path("lower/low/data"))
	err := unix.Mount("none", w.path("merged"), "overlay", 0,
		fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", w.path("lower"), w.path("upper"), w.path("work")))
	if errors.Is(err, unix.ENODEV) {
		w.skip(err)
		return
	}
	w.try(err)
	w.readFile(w.path("merged/low/data"))
	w.readFile(w.path("lower/low/data"))
	w.try(os.WriteFile(w.path("merged/low/data"), []byte("ho"), 0o644))
	w.readFile(w.path("merged/low/data"))
	w.readFile(w.path("upper/low/data"))
	w.make(w.path("merged/high"))
	w.rename(w.path("merged/low/data"), w.path("merged/high/data"))
	w.readFile(w.path("merged/high/data"))
	w.unmount(w.path("merged"))
}

// anonymous reads files that share one inode and are closed in turn.
func (w *pathWork) anonymous() {
	w.name = "anonymous"
	for range turns {
		for _, kind := range []struct {
			name string
			make func() (int, error)
		}{
			{"eventfd", func() (int, error) { return unix.Eventfd(1, unix.EFD_NONBLOCK) }},
			{"timerfd", func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK) }},
			{"signalfd", func() (int, error) { return unix.Signalfd(-1, &unix.Sigset_t{}, unix.SFD_NONBLOCK) }},
			{"inotify", func() (int, error) { return unix.InotifyInit1(unix.IN_NONBLOCK) }},
			{"epoll", func() (int, error) { return unix.EpollCreate1(0) }},
		} {
			if fd, err := kind.make(); err == nil {
				w.read(fd, 0)
				unix.Close(fd)
			} else {
				w.skip(fmt.Errorf("%s: %w", kind.name, err))
			}
		}
	}
}

// namespaces reads the files of namespaces, which fails, in nsfs and where one is mounted. A new one in each turn is
// given inode numbers again, also those of another type.
func (w *pathWork) namespaces() {
	w.name = "namespaces"
	for _, name := range []string{"net", "mnt", "uts", "ipc", "pid", "user", "cgroup"} {
		fd := w.open("/proc/thread-self/ns/" + name)
		w.read(fd, 0)
		unix.Close(fd)
	}
	w.write(w.path("named"))
	w.bind("/proc/thread-self/ns/net", w.path("named"))
	w.readFile(w.path("named"))
	w.unmount(w.path("named"))
	for i := range turns {
		flag, name := uintptr(unix.CLONE_NEWUTS), "uts"
		if i%2 == 1 {
			flag, name = unix.CLONE_NEWIPC, "ipc"
		}
		cmd := exec.Command("/proc/self/exe", "spin", "1h")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flag, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			w.try(err)
			return
		}
		fd := w.open(fmt.Sprintf("/proc/%d/ns/%s", cmd.Process.Pid, name))
		waitForThreads(cmd.Process.Pid, 2)
		cmd.Process.Kill()
		cmd.Wait()
		w.read(fd, 0)
		unix.Close(fd)
	}
}

// memfdSecret is the number of memfd_secret in every ABI; package unix has none for arm.
const memfdSecret = 447

// others reads other files that are in no directory, or in one of the kernel's own mounts.
func (w *pathWork) others() {
	w.name = "others"
	for range 3 {
		w.other(unix.PidfdOpen(os.Getpid(), 0))
		w.other(unix.MemfdCreate("one", 0))
		w.other(unix.MemfdCreate("two", 0))
		secret, _, errno := unix.Syscall(memfdSecret, 0, 0, 0)
		if errno != 0 {
			w.skip(fmt.Errorf("memfd_secret: %w", errno))
		} else {
			w.other(int(secret), nil)
		}
		pipe := make([]int, 2)
		w.try(unix.Pipe2(pipe, unix.O_NONBLOCK))
		unix.Close(pipe[1])
		w.other(pipe[0], nil)
		socket, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		w.try(err)
		unix.Close(socket[1])
		lone, err := unixName(socket[0], -1)
		w.try(err)
		w.readAs(socket[0], 0, lone)
		unix.Close(socket[0])
		for _, path := range []string{"queue1", "queue2"} {
			queue, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(name(path)),
				unix.O_RDWR|unix.O_CREAT, 0o600, 0, 0, 0)
			if errno != 0 {
				w.skip(fmt.Errorf("mq_open: %w", errno))
				continue
			}
			w.read(int(queue), 0)
			unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(name(path)), 0, 0)
			w.other(int(queue), nil)
		}
	}
	for _, path := range []string{"/proc/self/status", "/proc/self/task", "/sys/kernel/uevent_seqnum", "/dev/zero"} {
		w.readFile(path)
	}
}

func (w *pathWork) other(fd int, err error) {
	if err != nil {
		w.skip(err)
		return
	}
	w.read(fd, 0)
	unix.Close(fd)
}

// deep reads a file below a hundred directories.
func (w *pathWork) deep() {
	w.name = "deep"
	dir := w.path(strings.Repeat("d/", 100))
	w.make(dir)
	w.write(filepath.Join(dir, "data"))
	w.readFile(filepath.Join(dir, "data"))
}

// chrooted reads a file below another root. It is the last, because it does not come back.
func (w *pathWork) chrooted() {
	w.name = "chrooted"
	w.try(unix.Chroot(w.path("source")))
	w.try(unix.Chdir("/"))
	fd := w.open("/data")
	w.readAs(fd, w.mntns, w.path("source/data"))
	unix.Close(fd)
}

// exchangeAbove exchanges two directories above an open file from one thread, while another reads the file N times, in
// DIR. It prints the two names that the file has, and the number of reads, each of 90,001 bytes.
func exchangeAbove(args []string, stdout io.Writer) error {
	n, err := number(args, 1)
	if err != nil {
		return err
	}
	w := &pathWork{dir: args[0], name: "exchange"}
	w.make(w.path("left/low/lower"), w.path("right"))
	w.write(w.path("left/low/lower/data"))
	fd := w.open(w.path("left/low/lower/data"))
	if w.err != nil {
		return w.err
	}
	stop := make(chan bool)
	buf := make([]byte, 90_001)
	threads(2, func(i int) {
		if i == 0 {
			for range n {
				unix.Read(fd, buf)
			}
			close(stop)
			return
		}
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, w.path("left"), unix.AT_FDCWD, w.path("right"), unix.RENAME_EXCHANGE)
			}
		}
	})
	// However the threads were scheduled, the file is read under both names.
	unix.Read(fd, buf)
	w.try(unix.Renameat2(unix.AT_FDCWD, w.path("left"), unix.AT_FDCWD, w.path("right"), unix.RENAME_EXCHANGE))
	unix.Read(fd, buf)
	if w.err != nil {
		return w.err
	}
	return json.NewEncoder(stdout).Encode(struct {
		Names []string `json:"names"`
		Reads int      `json:"reads"`
	}{[]string{w.path("left/low/lower/data"), w.path("right/low/lower/data")}, n + 2})
}
