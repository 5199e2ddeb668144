// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// iterate runs an iterator program over all tasks, and passes the records that it writes to emit.
func (s *Session) iterate(program string, emit Emit) error {
	unread := s.iterators[program]
	if len(unread) == 0 {
		return fmt.Errorf("%s is no iterator, or has been read", program)
	}
	f := unread[0]
	s.iterators[program] = unread[1:]
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
