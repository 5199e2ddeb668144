//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Types of records in a perf.data: include/uapi/linux/perf_event.h, tools/lib/perf/include/perf/event.h.
const (
	perfLost       = 2
	perfSample     = 9
	perfTracing    = 66 // PERF_RECORD_HEADER_TRACING_DATA: its data follow it
	perfAuxtrace   = 71
	perfCompressed = 81
)

// perfData counts the samples and the lost events in a perf.data. `perf report --stats` takes seconds for each million
// compressed samples, and counts the records about losses, not the losses.
func perfData(path string) (samples, lost int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	// struct perf_file_header: magic, size, attr_size, attrs {offset, size}, data {offset, size}
	var header [7]uint64
	if err := binary.Read(f, binary.NativeEndian, &header); err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	c := perfCounter{}
	data := io.NewSectionReader(f, int64(header[5]), int64(header[6]))
	if err := c.count(bufio.NewReaderSize(data, 1<<20)); err != nil {
		return 0, 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return c.samples, c.lost, nil
}

type perfCounter struct {
	samples, lost int64
	packed        *io.PipeWriter // to the decoder of compressed records, whose payloads are one zstd stream
	unpacked      chan error
}

func (c *perfCounter) count(r *bufio.Reader) error {
	err := c.records(r)
	if c.packed == nil {
		return err
	}
	c.packed.CloseWithError(io.EOF)
	// perf flushes the stream and never ends it.
	if inner := <-c.unpacked; !errors.Is(inner, io.ErrUnexpectedEOF) {
		err = errors.Join(err, inner)
	}
	return err
}

func (c *perfCounter) records(r *bufio.Reader) error {
	var head [8]byte // struct perf_event_header: type, misc, size
	for {
		if _, err := io.ReadFull(r, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		kind, size := binary.NativeEndian.Uint32(head[:]), int(binary.NativeEndian.Uint16(head[6:]))-len(head)
		if size < 0 {
			return errors.New("a record shorter than its header")
		}
		switch kind {
		case perfSample:
			c.samples++
		case perfLost: // id, lost
			var body [16]byte
			if size < len(body) {
				return errors.New("a lost record that is too short")
			}
			if _, err := io.ReadFull(r, body[:]); err != nil {
				return err
			}
			c.lost += int64(binary.NativeEndian.Uint64(body[8:]))
			size -= len(body)
		case perfTracing, perfAuxtrace:
			return fmt.Errorf("a record of type %d, whose length is not its size", kind)
		case perfCompressed:
			if c.packed == nil {
				c.unpack()
			}
			if _, err := io.CopyN(c.packed, r, int64(size)); err != nil {
				return err
			}
			continue
		}
		if _, err := r.Discard(size); err != nil {
			return err
		}
	}
}

// unpack starts a goroutine that counts the records inside of compressed records.
func (c *perfCounter) unpack() {
	from, to := io.Pipe()
	c.packed, c.unpacked = to, make(chan error, 1)
	go func() {
		inner := perfCounter{}
		d, err := zstd.NewReader(from)
		if err == nil {
			err = inner.records(bufio.NewReaderSize(d, 1<<20))
			d.Close()
		}
		from.CloseWithError(err)
		c.samples += inner.samples
		c.lost += inner.lost
		c.unpacked <- err
	}()
}
