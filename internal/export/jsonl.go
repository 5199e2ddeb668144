// SPDX-License-Identifier: Apache-2.0

package export

import (
	"io"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/jsonline"
)

var _ = register(jsonLines{})

// jsonLines writes one JSON object per line, as replay --json does.
type jsonLines struct{}

func (jsonLines) Describe() Description {
	return Description{Name: "jsonl", Extension: "jsonl", Help: "JSON, an object a line"}
}

func (jsonLines) Write(w io.Writer, t *Table) error {
	return t.writeLines(w, func(c *capture.Capture) (lineEncoder, error) {
		var fields []jsonline.Field
		if label := t.captures.Label(c); label != "" {
			fields = append(fields, jsonline.Field{Name: captureColumn, Value: label})
		}
		return jsonline.NewEncoder(c, c.Table(t.Name).Schema, fields...)
	})
}
