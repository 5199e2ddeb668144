// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"io"
	"slices"
)

func (s *Session) iterate(program string, emit Emit) error {
	left := s.lists[program]
	if len(left) == 0 {
		return fmt.Errorf("%s is no iterator, or has been read", program)
	}
	f := left[0]
	s.lists[program] = left[1:]
	defer f.Close()
	data, err := readList(f)
	if err != nil {
		return err
	}
	return walk(data, s.layouts, emit)
}

// listPiece is what an iterator is asked for at once, bytes. The kernel lets it write into a buffer of eight pages until there is as
// much as was asked for. A record that the buffer has no room for is thrown away, and its task visited again: the program has
// counted it, and does not announce it twice. The longest that the programs write of one task are 9 KB.
const listPiece = 16 << 10

func readList(f io.Reader) (list []byte, err error) {
	for err == nil {
		list = slices.Grow(list, listPiece)
		var n int
		n, err = f.Read(list[len(list) : len(list)+listPiece])
		list = list[:len(list)+n]
	}
	if err != io.EOF {
		return nil, err
	}
	return list, nil
}
