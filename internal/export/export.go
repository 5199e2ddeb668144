// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Job is what is to be exported, and where to.
type Job struct {
	Captures capture.Set
	Filter   *filter.Program // of events; nil: all rows
	Format   Format
	Dir      string           // of the files: a new directory or an empty one
	Replace  bool             // the directory may have files; those of the same name are replaced
	Progress capture.Progress // nil: nobody is told
}

// Run writes each table into a file of its own. The files appear when all are whole; after an error there are none.
func (j *Job) Run(ctx context.Context) error {
	out, err := newOutput(j.Dir, j.Replace)
	if err != nil {
		return err
	}
	defer out.discard()
	for _, name := range tableNames(j.Captures) {
		if err := j.write(ctx, out, name); err != nil {
			return fmt.Errorf("converting table %s: %w", name, err)
		}
	}
	return out.publish()
}

func (j *Job) write(ctx context.Context, out *output, name string) error {
	columns, err := commonColumns(j.Captures, name)
	if err != nil {
		return err
	}
	t := &Table{Name: name, Columns: columns, captures: j.Captures, ctx: ctx, filter: j.Filter, progress: j.Progress}
	return out.create(name+"."+j.Format.Describe().Extension, func(w io.Writer) error { return j.Format.Write(w, t) })
}

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
