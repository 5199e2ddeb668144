//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FileAt is one read or write, and where its bytes came from or went.
type FileAt struct {
	Case   string `json:"case"`
	Size   int64  `json:"size"`   // bytes requested: a different number for each
	Offset int64  `json:"offset"` // as in the column of that name
}

// Offsets of reads and writes that are not at a position.
const (
	offsetStream  = -1
	offsetUnknown = -2
)

// offsets reads and writes files in DIR at offsets that are not, or not only, the argument of the call or the position
// before it.
func offsets(args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("offsets takes DIR")
	}
	w := &offsetWork{dir: args[0]}
	for _, work := range []func(){w.appended, w.duplicated, w.special} {
		if work(); w.err != nil {
			return w.err
		}
	}
	return json.NewEncoder(stdout).Encode(w.done)
}

// offsetWork is the state of offsets.
type offsetWork struct {
	dir  string
	done []FileAt
	err  error // the first error
}

func (w *offsetWork) try(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *offsetWork) open(path string, flags int) int {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		w.try(fmt.Errorf("%s: %w", path, err))
	}
	return fd
}

// buffer returns the buffer of the next read or write, which is at offset.
func (w *offsetWork) buffer(name string, offset int64) []byte {
	size := 80_001 + int64(len(w.done))
	w.done = append(w.done, FileAt{name, size, offset})
	return make([]byte, size)
}

func (w *offsetWork) write(name string, fd int, offset int64) (end int64) {
	n, err := unix.Write(fd, w.buffer(name, offset))
	w.try(err)
	return offset + int64(n)
}

func (w *offsetWork) read(name string, fd int, offset int64) {
	unix.Read(fd, w.buffer(name, offset))
}

// appended writes to the end of a file by two descriptors, wherever their positions are.
func (w *offsetWork) appended() {
	path := filepath.Join(w.dir, "appended")
	one := w.open(path, unix.O_RDWR|unix.O_CREAT|unix.O_APPEND)
	two := w.open(path, unix.O_WRONLY|unix.O_APPEND)
	end := w.write("append", one, 0)
	end = w.write("append", one, end)
	end = w.write("append by another descriptor", two, end)
	end = w.write("append after another descriptor", one, end)
	_, err := unix.Seek(one, 10, io.SeekStart)
	w.try(err)
	end = w.write("append after a seek", one, end)
	next := 80_001 + int64(len(w.done)) // the size of the next write: it ends where the position has been
	_, err = unix.Seek(one, end+next, io.SeekStart)
	w.try(err)
	end = w.write("append up to the position", one, end)
	n, err := unix.Pwrite(two, w.buffer("append with an offset", end), 5)
	w.try(err)
	end += int64(n)
	unix.Syscall(unix.SYS_WRITE, uintptr(one), 8, uintptr(len(w.buffer("failed append", offsetUnknown))))
	_, err = unix.Seek(one, 3, io.SeekStart)
	w.try(err)
	w.read("read of what is opened for appending", one, 3)
	unix.Close(one)
	unix.Close(two)
}

// duplicated uses one position by two descriptors.
func (w *offsetWork) duplicated() {
	one := w.open(filepath.Join(w.dir, "duplicated"), unix.O_RDWR|unix.O_CREAT)
	two, err := unix.Dup(one)
	w.try(err)
	end := w.write("write", one, 0)
	end = w.write("write by a duplicate", two, end)
	_, err = unix.Seek(two, 7, io.SeekStart)
	w.try(err)
	w.write("write after a seek of the duplicate", one, 7)
	_, err = unix.Seek(one, end, io.SeekStart)
	w.try(err)
	w.read("read at the end", two, end)
	_, err = unix.Seek(one, end+100, io.SeekStart)
	w.try(err)
	w.read("read behind the end", two, end+100)
	unix.Close(one)
	unix.Close(two)
}

// special uses files that have no position, or do not move it.
func (w *offsetWork) special() {
	null := w.open("/dev/null", unix.O_RDWR|unix.O_APPEND)
	w.write("append to a device", null, 0)
	w.write("append to a device", null, 0)
	w.read("read of a device", null, 0)
	zero := w.open("/dev/zero", unix.O_RDONLY)
	w.read("read of a device", zero, 0)
	w.read("read of a device", zero, 0)
	status := w.open("/proc/self/status", unix.O_RDONLY)
	w.read("read of a file in /proc", status, 0)
	at, err := unix.Seek(status, 0, io.SeekCurrent)
	w.try(err)
	w.read("read of a file in /proc", status, at)
	var pipe [2]int
	w.try(unix.Pipe2(pipe[:], unix.O_NONBLOCK))
	unix.Write(pipe[1], w.buffer("write to a pipe", offsetStream))
	w.read("read of a pipe", pipe[0], offsetStream)
	for _, fd := range []int{null, zero, status, pipe[0], pipe[1]} {
		unix.Close(fd)
	}
}
