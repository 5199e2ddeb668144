// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// ErrNoIterator is returned when what is in flight cannot be listed any more: the kernel has no file system in which
// iterators can be opened without privileges, and those that were opened before have been used.
var ErrNoIterator = errors.New("no iterator is left")

// iterators are the iterator programs. An iterator cannot be rewound, and a new one is made by bpf(2), which needs
// privileges. But one that is pinned in a BPF file system is made by opening a file. So they are pinned in one that is
// mounted nowhere, and that only this process has, by its root directory.
type iterators struct {
	root  int                        // of the file system; -1: there is none
	ready map[string][]io.ReadCloser // by program; opened before, for a kernel that refuses the file system
}

// readyIterators is how many are opened before: for the start, the end, and a few dumps.
const readyIterators = 2 + 8

// openIterators prepares iterators for the user and group that this process may become; -1: it remains who it is.
func openIterators(links map[string]*link.Iter, uid, gid int) (*iterators, error) {
	it := &iterators{root: -1, ready: make(map[string][]io.ReadCloser)}
	root, err := mountBPF()
	if err == nil {
		it.root = root
		for name, l := range links {
			if err = it.pin(name, l, uid, gid); err != nil {
				break
			}
		}
	}
	if err == nil {
		return it, nil
	}
	it.close()
	it.root = -1
	for name, l := range links {
		for range readyIterators {
			f, err := l.Open()
			if err != nil {
				return it, fmt.Errorf("opening the iterator %s: %w", name, err)
			}
			it.ready[name] = append(it.ready[name], f)
		}
	}
	return it, nil
}

// mountBPF returns the root directory of a new BPF file system that is not mounted anywhere. It takes CAP_SYS_ADMIN.
// Tests replace it.
var mountBPF = func() (int, error) {
	fs, err := unix.Fsopen("bpf", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, err
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
}

// pin makes a file by which the iterator can be opened.
func (it *iterators) pin(name string, l *link.Iter, uid, gid int) error {
	if err := l.Pin(fmt.Sprintf("/proc/self/fd/%d/%s", it.root, name)); err != nil {
		return err
	}
	if err := unix.Fchownat(it.root, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	f, err := it.open(name) // some kernel might refuse it only now
	if err == nil {
		f.Close()
	}
	return err
}

// open opens an iterator, which begins with the first task.
func (it *iterators) open(name string) (io.ReadCloser, error) {
	if it.root >= 0 {
		fd, err := unix.Openat(it.root, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("opening the iterator %s: %w", name, err)
		}
		return os.NewFile(uintptr(fd), name), nil
	}
	unread := it.ready[name]
	if len(unread) == 0 {
		return nil, ErrNoIterator
	}
	it.ready[name] = unread[1:]
	return unread[0], nil
}

// IteratorDirectory is the path of a directory whose files this process opens while it records; "": there is none.
func (s *Session) IteratorDirectory() string {
	if s.iterators == nil || s.iterators.root < 0 {
		return ""
	}
	return fmt.Sprintf("/proc/self/fd/%d", s.iterators.root)
}

func (it *iterators) close() {
	if it == nil {
		return
	}
	for _, files := range it.ready {
		for _, f := range files {
			f.Close()
		}
	}
	if it.root >= 0 {
		unix.Close(it.root)
	}
}

// iterate runs an iterator program over all tasks, and passes the records that it writes to emit.
func (s *Session) iterate(program string, emit Emit) error {
	f, err := s.iterators.open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := readIterator(f)
	if err != nil {
		return err
	}
	return walk(data, s.layouts, emit)
}

// readSize is how many bytes are read from an iterator at a time. The kernel collects the output in a buffer of eight
// pages until it has as much as the read asked for. It discards a record that overflows the buffer and visits the task
// again; but the program has then marked it as announced, and would not write it again. So readSize leaves room in the
// buffer for what the programs write for one task, at most 9 KB.
const readSize = 16 << 10

// readIterator reads the whole output of an iterator.
func readIterator(f io.Reader) (data []byte, err error) {
	for err == nil {
		data = slices.Grow(data, readSize)
		var n int
		n, err = f.Read(data[len(data) : len(data)+readSize])
		data = data[:len(data)+n]
	}
	if err != io.EOF {
		return nil, err
	}
	return data, nil
}

// walk passes each record of an iterator's output to emit, with -1 for the CPU.
func walk(data []byte, layouts []*Layout, emit Emit) error {
	for at := 0; at+frameSize+4 <= len(data); {
		n := binary.NativeEndian.Uint32(data[at:])
		kind := binary.NativeEndian.Uint32(data[at+frameSize:])
		if err := check(layouts, kind, n); err != nil {
			return err
		}
		if uint64(at)+frameSize+uint64(n) > uint64(len(data)) {
			return fmt.Errorf("a record of %d bytes in %d", n, len(data)-at-frameSize)
		}
		if err := emit(layouts[kind], Records{data: data, offsets: []uint32{uint32(at + frameSize)}}, -1); err != nil {
			return err
		}
		at += int(n+frameSize+7) &^ 7
	}
	return nil
}
