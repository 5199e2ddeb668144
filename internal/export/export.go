// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Job exports all tables of captures.
type Job struct {
	Captures capture.Set
	Filter   *filter.Program // of events and losses; nil: all rows
	Format   Format
	Dir      string           // output directory; it must be new or empty, unless Replace is set
	Replace  bool             // Dir may have files; those of the same name are replaced
	Progress capture.Progress // nil: not reported
}

// Run writes each table into a file of its own, TABLE.EXTENSION. The files are moved into Dir when all are complete;
// after an error while writing them there are none. Nobody can read them who cannot read all of the captures.
func (j *Job) Run(ctx context.Context) error {
	out, err := newOutput(j.Dir, j.Replace, modeOf(j.Captures))
	if err != nil {
		return err
	}
	defer out.discard()
	addColumns(j.Captures)
	for _, name := range tableNames(j.Captures) {
		if err := j.write(ctx, out, name); err != nil {
			return fmt.Errorf("converting table %s: %w", name, err)
		}
	}
	return out.publish()
}

// modeOf returns the mode of files that are made of captures: those who can read these can read them.
func modeOf(set capture.Set) fs.FileMode {
	mode := fs.FileMode(0o666)
	for _, c := range set {
		mode &= c.Mode()
	}
	return mode
}

// write writes the file of one table.
func (j *Job) write(ctx context.Context, out *output, name string) error {
	columns, err := commonColumns(j.Captures, name)
	if err != nil {
		return err
	}
	t := &Table{Name: name, Columns: columns, captures: j.Captures, ctx: ctx, filter: j.Filter, progress: j.Progress}
	return out.create(name+"."+j.Format.Describe().Extension, func(w io.Writer) error { return j.Format.Write(w, t) })
}

// tableNames returns the names of all tables, sorted.
func tableNames(set capture.Set) []string {
	var names []string
	for _, c := range set {
		for _, t := range c.Tables() {
			names = append(names, t.Schema.Table)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
