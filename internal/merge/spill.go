// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	fileBuffer = 64 << 10 // bytes, of each file
	maxFiles   = 64       // open at once; then they are merged into one
	rowHeader  = 20       // bytes: ts, ord, length
)

// ErrTooLate is the error of Merge if the rows that wait for their time need more temporary files than Options.Disk.
var ErrTooLate = errors.New("rows out of order take more than temporary files may; select fewer rows")

// spill moves the late rows that are in memory to a file, or all rows. If there are maxFiles files, it merges them into
// that file.
func (m *merger) spill(all bool) error {
	late, rest := heap{}, heap{}
	files := 0
	for _, c := range m.heap {
		if c.file != nil {
			files++
		}
	}
	for _, c := range m.heap {
		if (c.late || all) && (c.run != nil || files >= maxFiles) {
			late.push(c)
			m.held -= c.size
		} else {
			rest.push(c)
		}
	}
	m.heap, m.late = rest, 0
	c, err := m.write(late)
	if err != nil {
		return fmt.Errorf("writing late rows to a temporary file: %w", err)
	}
	m.heap.push(c)
	return nil
}

// write merges the rows of cursors into a new file, closes the cursors, and returns a cursor at the file's first row.
func (m *merger) write(from heap) (*cursor, error) {
	f, err := newFile(m.opt.TempDir, &m.disk)
	if err != nil {
		return nil, err
	}
	for n := 0; len(from) > 0 && err == nil; n++ {
		if m.disk > m.opt.Disk {
			err = ErrTooLate
			break
		}
		if n%4096 == 0 && m.ctx.Err() != nil {
			err = context.Cause(m.ctx)
			break
		}
		top := from[0]
		var more bool
		if err = f.append(top.key, top.bytes()); err == nil {
			more, err = top.next()
		}
		if more {
			from.fix()
		} else {
			top.close()
			from.pop()
		}
	}
	for _, c := range from {
		c.close()
	}
	if err == nil {
		err = f.rewind()
	}
	if err != nil {
		f.close()
		return nil, err
	}
	c := &cursor{file: f, late: true}
	_, err = c.next()
	return c, err
}

// file is a temporary file of sorted rows. Where the system allows it, it is removed at once and exists while it is
// open.
type file struct {
	f     *os.File
	w     *bufio.Writer // nil once it is read
	r     *bufio.Reader
	named bool   // it could not be removed
	row   []byte // the last one read
	size  int64  // bytes
	disk  *int64 // the sum of size of all files
}

func newFile(dir string, disk *int64) (*file, error) {
	f, err := os.CreateTemp(dir, "fletch-*.rows")
	if err != nil {
		return nil, err
	}
	named := os.Remove(f.Name()) != nil // an open file cannot be removed on Windows
	return &file{f: f, w: bufio.NewWriterSize(f, fileBuffer), named: named, disk: disk}, nil
}

func (f *file) append(k key, row []byte) error {
	var head [rowHeader]byte
	binary.LittleEndian.PutUint64(head[0:], uint64(k.ts))
	binary.LittleEndian.PutUint64(head[8:], k.ord)
	binary.LittleEndian.PutUint32(head[16:], uint32(len(row)))
	if _, err := f.w.Write(head[:]); err != nil {
		return err
	}
	f.size += int64(len(head) + len(row))
	*f.disk += int64(len(head) + len(row))
	_, err := f.w.Write(row)
	return err
}

// rewind prepares the file for reading, from the first row. No more rows can be appended.
func (f *file) rewind() error {
	if err := f.w.Flush(); err != nil {
		return err
	}
	f.w = nil
	f.r = bufio.NewReaderSize(f.f, fileBuffer)
	_, err := f.f.Seek(0, io.SeekStart)
	return err
}

// next reads the next row into f.row; more is false after the last one.
func (f *file) next() (k key, more bool, err error) {
	var head [rowHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err == io.EOF {
		return key{}, false, nil
	} else if err != nil {
		return key{}, false, fmt.Errorf("reading late rows: %w", err)
	}
	k = key{int64(binary.LittleEndian.Uint64(head[0:])), binary.LittleEndian.Uint64(head[8:])}
	n := int(binary.LittleEndian.Uint32(head[16:]))
	if cap(f.row) < n {
		f.row = make([]byte, n)
	}
	f.row = f.row[:n]
	if _, err := io.ReadFull(f.r, f.row); err != nil {
		return key{}, false, fmt.Errorf("reading late rows: %w", err)
	}
	return k, true, nil
}

func (f *file) close() {
	*f.disk -= f.size
	f.f.Close()
	if f.named {
		os.Remove(f.f.Name())
	}
}
