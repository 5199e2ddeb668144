// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Segment is one file of a table.
type Segment struct {
	Name     string // in the capture, as syscall/000001.arrow
	Bytes    int64
	Rows     int64
	Complete bool  // it was finished: it ends with its footer
	Damage   error // why reading ended early; nil if it is complete or only unfinished
	Blocks   []Block

	r      io.ReaderAt
	limit  int64         // see Opener; 0: that of the format
	schema *parsedSchema // nil if the segment ends before the end of its schema
}

// Block is one record batch of a segment.
type Block struct {
	Segment      int   // index into Table.Segments
	Rows         int   // that Read returns, at least 1
	MinTS, MaxTS int64 // of the column ts, in ns since the Unix epoch; both 0 if the table has none
	Codec        Codec

	at   location
	kept rowSet // nil: all rows
}

// segmentPath is the name of a segment in a capture.
func segmentPath(table string, n int) string { return fmt.Sprintf("%s/%06d.arrow", table, n) }

// segmentName splits the name of a segment, TABLE/NNNNNN.arrow.
func segmentName(dir, base string) (table, number string, ok bool) {
	number, ok = strings.CutSuffix(base, ".arrow")
	if !ok || len(number) < 6 || len(number) > 18 || strings.Trim(number, "0123456789") != "" || !validName(dir) {
		return "", "", false
	}
	return dir, number, true
}

// Number returns the number of the segment, from 1; 0 if it has none that a recorder
// gives.
func (s *Segment) Number() int {
	_, base, _ := strings.Cut(s.Name, "/")
	n, err := strconv.Atoi(strings.TrimSuffix(base, ".arrow"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// readSegment finds the record batches of a segment of size bytes by walking from
// message to message, which also works for a segment that was never finished:
// each batch that is there completely is a block. The list of batches in the
// footer is for other readers; here a footer means that the segment is complete.
func readSegment(r io.ReaderAt, size int64, name, table string, limit int64) Segment {
	s := Segment{Name: name, Bytes: size, r: r, limit: limit}
	s.Damage = s.findBlocks(table)
	if s.Damage != nil {
		s.Damage = fmt.Errorf("segment %s: %w", name, corrupt(s.Damage))
	}
	for _, b := range s.Blocks {
		s.Rows += int64(b.Rows)
	}
	return s
}

// refuse takes all batches out of the segment.
func (s *Segment) refuse(why string) {
	s.Damage = fmt.Errorf("segment %s: %w: %s", s.Name, ErrCorrupt, why)
	s.Blocks, s.Rows, s.Complete, s.schema = nil, 0, false, nil
}

func (s *Segment) findBlocks(table string) error {
	start := make([]byte, min(s.Bytes, 8))
	if err := readFull(s.r, start, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix([]byte(magic+"\x00\x00"), start) {
		return errors.New("not an Arrow file")
	}
	footer, listed := s.readFooter()
	var header batchHeader
	var buf []byte
	offset, found := int64(8), 0
	for {
		if offset == footer {
			// Some writers omit the end-of-stream marker.
			break
		}
		metadata, next, err := s.readMetadata(&buf, offset)
		if err != nil {
			return fmt.Errorf("message at %d: %w", offset, err)
		}
		if next < 0 {
			return nil // cut off here
		}
		if metadata == nil {
			if next != footer {
				return nil // only the footer is missing
			}
			break
		}
		switch f := (&flatbuffer{b: metadata}); {
		case s.schema == nil:
			if s.schema, err = parseSchema(f, table); err != nil {
				return fmt.Errorf("schema: %w", err)
			}
		case f.root().u8(messageHeaderType) != headerRecordBatch:
			// A dictionary, or a kind of message of a newer minor version.
			if f.invalid {
				return fmt.Errorf("message at %d: %w", offset, errFlatbuffer)
			}
		default:
			if err := parseBatch(f, &header); err != nil {
				return fmt.Errorf("message at %d: %w", offset, err)
			}
			found++
			if err := s.addBlock(&header, location{offset, int32(8 + len(metadata)), header.body}); err != nil {
				return fmt.Errorf("message at %d: %w", offset, err)
			}
		}
		offset = next
	}
	if s.schema == nil {
		return errors.New("no schema")
	}
	if listed != found {
		return fmt.Errorf("footer lists %d batches, there are %d", listed, found)
	}
	s.Complete = true
	return nil
}

// addBlock appends the record batch at a location, unless it has no rows.
func (s *Segment) addBlock(h *batchHeader, at location) (err error) {
	if h.rows == 0 {
		return nil
	}
	b := Block{Rows: h.rows, Codec: h.codec, at: at}
	if i := s.schema.Index("ts"); i >= 0 && s.schema.Columns[i].Type == Timestamp {
		if b.MinTS, b.MaxTS = h.minTS, h.maxTS; !h.hasTimeRange {
			if b.MinTS, b.MaxTS, err = s.timeRangeOf(at, i); err != nil {
				return err
			}
		}
	}
	s.Blocks = append(s.Blocks, b)
	return nil
}

// readFooter returns the offset of the footer and how many batches it lists; 0
// and 0 if there is none.
func (s *Segment) readFooter() (offset int64, batches int) {
	var tail [4 + len(magic)]byte
	if s.Bytes < 8+int64(len(tail)) || readFull(s.r, tail[:], s.Bytes-int64(len(tail))) != nil {
		return 0, 0
	}
	if string(tail[4:]) != magic {
		return 0, 0
	}
	length := int64(int32(binary.LittleEndian.Uint32(tail[:])))
	offset = s.Bytes - int64(len(tail)) - length
	if length <= 0 || length > maxFooter || offset < 8 {
		return 0, 0
	}
	b := make([]byte, length)
	if readFull(s.r, b, offset) != nil {
		return 0, 0
	}
	batches, err := parseFooter(b)
	if err != nil {
		return 0, 0
	}
	return offset, batches
}

// readMetadata reads the metadata of the message at offset into buf and returns
// it, nil at the end of the stream, and the offset of the next message, -1 if the
// segment ends before the message does.
func (s *Segment) readMetadata(buf *[]byte, offset int64) (metadata []byte, next int64, err error) {
	rest := s.Bytes - offset
	if rest < 8 {
		return nil, -1, nil
	}
	// Most metadata is shorter than this, so one read has it.
	*buf = grow(*buf, int(min(rest, 1024)))
	if err := readFull(s.r, *buf, offset); err != nil {
		return nil, 0, err
	}
	if prefix := binary.LittleEndian.Uint32(*buf); prefix != continuation {
		return nil, 0, fmt.Errorf("begins with %08x", prefix)
	}
	length := int64(int32(binary.LittleEndian.Uint32((*buf)[4:])))
	switch {
	case length == 0:
		return nil, offset + 8, nil
	case length < 0 || length > maxMetadata:
		return nil, 0, fmt.Errorf("metadata of %d bytes", length)
	case length > rest-8:
		return nil, -1, nil
	}
	if have := int64(len(*buf)); have < 8+length {
		*buf = grow(*buf, int(8+length))
		if err := readFull(s.r, *buf, offset); err != nil {
			return nil, 0, err
		}
	}
	metadata = (*buf)[8 : 8+length]
	_, _, message, err := parseMessage(&flatbuffer{b: metadata})
	if err != nil {
		return nil, 0, err
	}
	body := message.i64(messageBodyLength)
	if body > rest-8-length {
		return nil, -1, nil
	}
	return metadata, offset + 8 + length + body, nil
}

// timeRangeOf computes the least and the greatest ts of a batch whose metadata
// does not have them, because another program wrote it.
func (s *Segment) timeRangeOf(at location, column int) (lo, hi int64, err error) {
	b := NewBatch(&Schema{Columns: s.schema.Columns[column : column+1]})
	d := decoders.Get().(*decoder)
	defer d.release()
	if err := d.decode(s.r, at, s.schema.layouts[column:column+1], b, s.limit); err != nil {
		return 0, 0, err
	}
	lo, hi, _ = b.timeRange()
	return lo, hi, nil
}
