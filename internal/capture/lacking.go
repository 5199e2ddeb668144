// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"io"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/schema"
)

// lacking returns the columns that this version knows and a table lacks, without those that make it what it is: the
// time, the CPU and the task of events, and the id of a dimension.
func lacking(s *format.Schema) (columns []format.Column) {
	known := schema.Of(s.Table)
	if known == nil || known == schema.Loss {
		return nil
	}
	needed := 1
	if known.Event() {
		needed = 3
	}
	for _, c := range known.Schema.Columns[needed:] {
		if s.Index(c.Name) < 0 {
			columns = append(columns, c)
		}
	}
	return columns
}

// argsColumn is the column of command lines.
const argsColumn = "args"

// noteArgs notes that command lines are read, if they were not to be recorded.
func (c *Capture) noteArgs(read bool) {
	if read && c.Manifest.Selection.WithoutArgs() {
		c.argsRead.Store(true)
	}
}

// WarnLacking prints which columns were read that a capture lacks, once for all captures that lack the same.
func (s Set) WarnLacking(stderr io.Writer, program string) {
	var order []string
	paths := map[string][]string{} // by columns
	for _, c := range s {
		var columns []string
		for _, t := range c.Tables() {
			for _, name := range t.AddedRead() {
				columns = append(columns, t.Schema.Table+"."+name)
			}
		}
		if c.argsRead.Load() {
			cli.Warn(stderr, program, c.Path+": recorded without the arguments of programs: args is empty")
		}
		if len(columns) == 0 {
			continue
		}
		text := fmt.Sprintf("format %v lacks %s: read as 0 or empty", c.Manifest.Format, strings.Join(columns, ", "))
		if paths[text] == nil {
			order = append(order, text)
		}
		paths[text] = append(paths[text], c.Path)
	}
	for _, text := range order {
		cli.Warn(stderr, program, strings.Join(paths[text], ", ")+": "+text)
	}
}
