// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

var _ = register(csvFormat{})

// csvFormat is CSV as in RFC 4180.
type csvFormat struct{}

func (csvFormat) Describe() Description {
	return Description{Name: "csv", Extension: "csv", Help: "text, as in RFC 4180"}
}

func (csvFormat) Write(w io.Writer, t *Table) error {
	if _, err := w.Write(csvHead(t)); err != nil {
		return err
	}
	return t.writeLines(w, func(c *capture.Capture) (lineEncoder, error) { return newCSVEncoder(t, c) })
}

// csvHead returns the header line.
func csvHead(t *Table) []byte {
	var head []byte
	if t.hasCaptureColumn() {
		head = append(head, captureColumn+","...)
	}
	for i, c := range t.Columns {
		if i > 0 {
			head = append(head, ',')
		}
		head = append(head, c.Name...)
	}
	return append(head, "\r\n"...)
}

// csvEncoder encodes rows: times as in RFC 3339, lists as JSON arrays.
type csvEncoder struct {
	prefix  []byte // of each row: the field of captureColumn and a comma, or empty
	columns []*capture.Accessor
	times   *stamp.Format
	list    []byte // buffer of appendValue
}

func newCSVEncoder(t *Table, c *capture.Capture) (*csvEncoder, error) {
	columns, err := c.Access(t.Columns)
	if err != nil {
		return nil, err
	}
	e := &csvEncoder{columns: columns, times: stamp.RFC3339()}
	if label := t.captures.Label(c); label != "" {
		e.prefix = append(appendField(nil, []byte(label)), ',')
	}
	return e, nil
}

func (e *csvEncoder) Bind(b *format.Batch) {
	for _, c := range e.columns {
		c.Bind(b)
	}
}

func (e *csvEncoder) Append(dst []byte, row int) []byte {
	dst = append(dst, e.prefix...)
	for i, c := range e.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		v, at := c.At(row)
		dst = e.appendValue(dst, v, at)
	}
	return append(dst, "\r\n"...)
}

func (e *csvEncoder) appendValue(dst []byte, v *format.Vector, row int) []byte {
	switch v.Type {
	case format.Int32:
		return strconv.AppendInt(dst, int64(v.I32[row]), 10)
	case format.Int64:
		return strconv.AppendInt(dst, v.I64[row], 10)
	case format.Timestamp:
		return e.times.Append(dst, v.I64[row])
	case format.String:
		return appendField(dst, v.Str.Bytes(row))
	case format.StringList:
		e.list = jsonline.AppendList(e.list[:0], v, row)
		return appendField(dst, e.list)
	}
	return dst
}

// appendField appends a text, in quotes if it needs them. An empty text is quoted too, so that no reader takes it for a
// missing value. Control characters, and what is not UTF-8, are escaped as on a terminal. What a spreadsheet may take
// for a formula, and calculate, gets a ' in front: the text may be a stranger's.
func appendField(dst, text []byte) []byte {
	if isPlain(text) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	if isFormula(text) {
		dst = append(dst, '\'')
	}
	for {
		n := bytes.IndexAny(text, "\";")
		if n < 0 {
			return append(term.AppendEscaped(dst, text), '"')
		}
		dst = append(term.AppendEscaped(dst, text[:n]), text[n])
		if text = text[n+1:]; dst[len(dst)-1] == '"' {
			dst = append(dst, '"')
		} else if isFormula(text) { // some spreadsheets divide lines at a semicolon
			dst = append(dst, '\'')
		}
	}
}

// isPlain reports whether a text can be a field as it is.
func isPlain(text []byte) bool {
	if len(text) == 0 || text[0] == ' ' || text[len(text)-1] == ' ' || isFormula(text) {
		return false
	}
	for _, c := range text {
		if c < ' ' || c >= 0x7f || c == '"' || c == ',' || c == ';' {
			return false
		}
	}
	return true
}

// isFormula reports whether a spreadsheet may take a cell with this text for a formula. One that begins with ' is among
// them, so that the ' in front of a formula can be removed again.
func isFormula(text []byte) bool {
	text = bytes.TrimLeft(text, " \"")
	if len(text) == 0 || text[0] < 0x80 {
		return len(text) > 0 && strings.IndexByte("=+-@'", text[0]) >= 0
	}
	first, _ := utf8.DecodeRune(text)
	return strings.ContainsRune("＝＋－＠", first) && first != utf8.RuneError
}
