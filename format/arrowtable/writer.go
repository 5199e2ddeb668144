// SPDX-License-Identifier: Apache-2.0

package arrowtable

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/fletch-trace/fletch/format"
)

// Writer writes records of one schema as an Arrow IPC stream or file.
type Writer struct {
	schema  *arrow.Schema
	records recordWriter
	file    *positionWriter // nil for a stream
	written bool            // Write was called
}

// recordWriter is an ipc.Writer or an ipc.FileWriter.
type recordWriter interface {
	Write(arrow.Record) error
	io.Closer
}

// NewStreamWriter returns a Writer of an IPC stream whose buffers are compressed
// with codec. Several streams can be written to w one after the other.
func NewStreamWriter(w io.Writer, schema *arrow.Schema, codec format.Codec) (*Writer, error) {
	options, err := ipcOptions(schema, codec)
	if err != nil {
		return nil, err
	}
	return &Writer{schema: schema, records: ipc.NewWriter(w, options...)}, nil
}

// NewFileWriter returns a Writer of an IPC file whose buffers are compressed with
// codec. The file begins at the current position of w.
func NewFileWriter(w io.Writer, schema *arrow.Schema, codec format.Codec) (*Writer, error) {
	options, err := ipcOptions(schema, codec)
	if err != nil {
		return nil, err
	}
	file := &positionWriter{w: w}
	records, err := ipc.NewFileWriter(file, options...)
	if err != nil {
		return nil, err
	}
	return &Writer{schema: schema, records: records, file: file}, nil
}

func ipcOptions(schema *arrow.Schema, codec format.Codec) ([]ipc.Option, error) {
	options := []ipc.Option{ipc.WithSchema(schema)}
	switch codec {
	case format.None:
	case format.LZ4:
		options = append(options, ipc.WithLZ4())
	case format.Zstd:
		options = append(options, ipc.WithZstd())
	default:
		return nil, fmt.Errorf("writing arrow: unknown %v", codec)
	}
	return options, nil
}

// Write writes a record, which must have the schema of the Writer.
func (w *Writer) Write(record arrow.Record) error {
	w.written = true
	return w.records.Write(record)
}

// Append writes the rows of b, whose columns must be those of the Writer's
// schema. b may be reused afterwards.
func (w *Writer) Append(b *format.Batch) error {
	record := NewRecord(w.schema, b)
	defer record.Release()
	return w.Write(record)
}

// Close writes the end of the stream or file. Without a record that is one with a
// schema and no rows. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.file != nil && w.written {
		// ipc.FileWriter omits the end-of-stream marker, up to which some programs read.
		if _, err := w.file.Write(endOfStream[:]); err != nil {
			return err
		}
	}
	return w.records.Close()
}

var endOfStream = [8]byte{0xFF, 0xFF, 0xFF, 0xFF} // continuation marker, length 0

// WriteStream writes the remaining records of r as an IPC stream. It returns the
// first error of r, w or ctx.
func WriteStream(ctx context.Context, w io.Writer, r array.RecordReader, codec format.Codec) error {
	out, err := NewStreamWriter(w, r.Schema(), codec)
	if err != nil {
		return err
	}
	return out.writeAll(ctx, r)
}

// WriteFile is WriteStream for an IPC file.
func WriteFile(ctx context.Context, w io.Writer, r array.RecordReader, codec format.Codec) error {
	out, err := NewFileWriter(w, r.Schema(), codec)
	if err != nil {
		return err
	}
	return out.writeAll(ctx, r)
}

func (w *Writer) writeAll(ctx context.Context, r array.RecordReader) error {
	for ctx.Err() == nil && r.Next() {
		if err := w.Write(r.Record()); err != nil {
			return err
		}
	}
	if err := errors.Join(context.Cause(ctx), r.Err()); err != nil {
		return err
	}
	return w.Close()
}

// positionWriter lets ipc.FileWriter write to a pipe: that needs an io.Seeker, but
// only to ask for the current position.
type positionWriter struct {
	w        io.Writer
	position int64
}

func (p *positionWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.position += int64(n)
	return n, err
}

func (p *positionWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return p.position, errors.ErrUnsupported
	}
	return p.position, nil
}
