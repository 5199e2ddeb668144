// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"

	"github.com/fletch-trace/fletch/format"
)

// Cgroup is a control group: its path, and the id of the container it belongs to, "" where there is none.
type Cgroup struct{ Name, Container string }

// Cgroups are the control groups of a capture by their id.
type Cgroups map[int64]Cgroup

var cgroupColumns = []format.Column{
	{Name: "cgroup", Type: format.Int64}, {Name: "name", Type: format.String}, {Name: "container", Type: format.String},
}

func loadCgroups(ctx context.Context, c *format.Capture) (Cgroups, error) {
	cgroups := Cgroups{}
	texts := texts{}
	err := scan(ctx, c.Table("cgroup"), cgroupColumns, func(b *format.Batch) error {
		for i := range b.Rows {
			cgroups[b.Column("cgroup").I64[i]] = Cgroup{
				Name:      texts.intern(&b.Column("name").Str, i),
				Container: texts.intern(&b.Column("container").Str, i),
			}
		}
		return texts.bound("cgroup", len(cgroups))
	})
	return cgroups, err
}
