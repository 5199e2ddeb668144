//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Files is what files prints.
type Files struct {
	PID int `json:"pid"`
	// Names are what /proc/PID/fd of each file links to; of a socket its inode and its peer's.
	Names map[string]string `json:"names"`
}

// files does, N times each:
//
//	data      write 1000 bytes, pwrite64 100 bytes at 5000, read 400 bytes, pread64 300 bytes at 200;
//	          then one read at the end
//	gone      write 10 bytes, to a file that has been removed
//	renamed   write 20 bytes, to a file that was written as "first" once and then renamed
//	pipe      write 5 bytes, read 5 bytes
//	socket    write 6 bytes, read 6 bytes
//	memfd     write 7 bytes
//	event     write 8 bytes, read 8 bytes
//
// and, once each, calls that do not reach vfs_read or vfs_write: readv, writev, preadv, sendfile, splice, and reads
// that fail before that: of an invalid descriptor, of one opened with O_PATH, of a pipe at an offset, at offset -1.
func files(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("files takes DIR and N")
	}
	dir := args[0]
	n, err := number(args, 1)
	if err != nil {
		return err
	}
	w := &fileWork{dir: dir, fds: map[string]int{}}
	w.openAll()
	for range n {
		w.write("data", 1000)
		w.pwrite("data", 100, 5000)
	}
	_, err = unix.Seek(w.fds["data"], 0, io.SeekStart)
	w.try(err)
	for range n {
		w.read("data", 400)
		w.pread("data", 300, 200)
	}
	_, err = unix.Seek(w.fds["data"], 0, io.SeekEnd)
	w.try(err)
	w.read("data", 50)
	for range n {
		w.write("gone", 10)
		w.write("renamed", 20)
		w.write("pipe", 5)
		w.read("pipe-end", 5)
		w.write("socket", 6)
		w.read("socket-end", 6)
		w.write("memfd", 7)
		w.eventfd()
	}
	w.bypassVFS()
	if w.err != nil {
		return w.err
	}
	report := Files{PID: os.Getpid(), Names: map[string]string{}}
	for name, fd := range w.fds {
		if report.Names[name], err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err != nil {
			return err
		}
	}
	for name, peer := range map[string]string{"socket": "socket-end", "socket-end": "socket"} {
		if report.Names[name], err = unixName(w.fds[name], w.fds[peer]); err != nil {
			return err
		}
	}
	return json.NewEncoder(stdout).Encode(report)
}

// openAll opens the files.
func (w *fileWork) openAll() {
	w.open("data", "data")
	w.open("gone", "gone")
	w.try(os.Remove(filepath.Join(w.dir, "gone")))
	w.open("renamed", "first")
	w.write("renamed", 20)
	w.try(os.Rename(filepath.Join(w.dir, "first"), filepath.Join(w.dir, "renamed")))
	var pipe [2]int
	w.try(unix.Pipe(pipe[:]))
	socket, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	w.try(err)
	w.fds["pipe"], w.fds["pipe-end"] = pipe[1], pipe[0]
	w.fds["socket"], w.fds["socket-end"] = socket[1], socket[0]
	memfd, err := unix.MemfdCreate("fletch", 0)
	w.try(err)
	event, err := unix.Eventfd(0, 0)
	w.try(err)
	w.fds["memfd"], w.fds["event"] = memfd, event
}

// fileWork is the state of files.
type fileWork struct {
	dir string
	fds map[string]int // open files, by name in Files.Names
	err error          // the first error
}

func (w *fileWork) try(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *fileWork) open(name, base string) {
	fd, err := unix.Open(filepath.Join(w.dir, base), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	w.try(err)
	w.fds[name] = fd
}

func (w *fileWork) write(name string, n int) {
	_, err := unix.Write(w.fds[name], make([]byte, n))
	w.try(err)
}

func (w *fileWork) read(name string, n int) {
	_, err := unix.Read(w.fds[name], make([]byte, n))
	w.try(err)
}

func (w *fileWork) pwrite(name string, n int, at int64) {
	_, err := unix.Pwrite(w.fds[name], make([]byte, n), at)
	w.try(err)
}

func (w *fileWork) pread(name string, n int, at int64) {
	_, err := unix.Pread(w.fds[name], make([]byte, n), at)
	w.try(err)
}

func (w *fileWork) eventfd() {
	one := [8]byte{1}
	_, err := unix.Write(w.fds["event"], one[:])
	w.try(err)
	w.read("event", 8)
}

// bypassVFS makes the calls that do not reach vfs_read or vfs_write. Some of them fail on purpose.
func (w *fileWork) bypassVFS() {
	data := w.fds["data"]
	unix.Readv(data, [][]byte{make([]byte, 8)})
	unix.Writev(data, [][]byte{make([]byte, 8)})
	unix.Preadv(data, [][]byte{make([]byte, 8)}, 0)
	unix.Sendfile(w.fds["socket"], data, new(int64), 9)
	unix.Splice(data, new(int64), w.fds["pipe"], nil, 9, 0)
	unix.Read(-1, make([]byte, 8))
	if fd, err := unix.Open(w.dir, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
		unix.Read(fd, make([]byte, 8))
	}
	unix.Pread(w.fds["pipe-end"], make([]byte, 8), 0)
	unix.Pread(data, make([]byte, 8), -1)
}
