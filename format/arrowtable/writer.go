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
	file    *positionWriter // of a file; nil of a stream
	written bool            // a record was
}

// recordWriter is an ipc.Writer or an ipc.FileWriter.
type recordWriter interface {
	Write(arrow.Record) error
	io.Closer
}

// NewStreamWriter returns a Writer of an IPC stream, whose buffers are
// compressed by codec. Streams may follow each other on one w.
func NewStreamWriter(w io.Writer, schema *arrow.Schema, codec format.Codec) (*Writer, error) {
	options, err := ipcOptions(schema, codec)
	if err != nil {
		return nil, err
	}
	return &Writer{schema: schema, records: ipc.NewWriter(w, options...)}, nil
}

// NewFileWriter returns a Writer of an IPC file, which begins where w is.
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
// schema. b may be used again after.
func (w *Writer) Append(b *format.Batch) error {
	record := NewRecord(w.schema, b)
	defer record.Release()
	return w.Write(record)
}

// Close writes the end of the stream or file, which without a record is empty
// but has its schema. It does not close what it is written to.
func (w *Writer) Close() error {
	if w.file != nil && w.written {
		// ipc.FileWriter leaves out the end of the stream, which others read files to.
		if _, err := w.file.Write(endOfStream[:]); err != nil {
			return err
		}
	}
	return w.records.Close()
}

var endOfStream = [8]byte{0xFF, 0xFF, 0xFF, 0xFF} // the mark of a message, and no length

// WriteStream writes the records that r still has as an IPC stream. It ends with
// the first error: of r, of w or of ctx.
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

// positionWriter lets ipc.FileWriter, which wants to know where it is and goes
// nowhere else, write to what is no file.
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
