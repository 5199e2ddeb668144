// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"

	"github.com/fletch-trace/fletch/format"
)

// Paths are the names of files that the column path refers to. Entry 0 stands for all that are not known.
type Paths struct {
	List []string

	places
}

var pathColumns = []format.Column{{Name: "path", Type: format.Int32}, {Name: "name", Type: format.String}}

// Name is the name of a file, "" where it is not known.
func (p *Paths) Name(id int32) string { return p.List[p.Index(id)] }

func loadPaths(ctx context.Context, c *format.Capture) (*Paths, error) {
	paths := &Paths{List: make([]string, 1)}
	ids := make([]int32, 1)
	texts := texts{}
	err := scan(ctx, c.Table("path"), pathColumns, func(b *format.Batch) error {
		for i := range b.Rows {
			ids = append(ids, b.Column("path").I32[i])
			paths.List = append(paths.List, texts.intern(&b.Column("name").Str, i))
		}
		return texts.bound("path", len(ids))
	})
	paths.places = newPlaces(len(ids), func(i int) int32 { return ids[i] })
	return paths, err
}
