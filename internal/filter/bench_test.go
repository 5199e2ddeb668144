// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

func BenchmarkMatch(b *testing.B) {
	const rows = 1 << 16
	r := rand.New(rand.NewPCG(1, 2))
	batch := format.NewBatch(syscallSchema)
	batch.Rows = rows
	for i := range batch.Columns {
		c := &batch.Columns[i]
		for j := range rows {
			switch name := syscallSchema.Columns[i].Name; name {
			case "ts":
				c.I64 = append(c.I64, noon+int64(j)*1000)
			case "task":
				c.I32 = append(c.I32, 1+int32(r.IntN(200)))
			case "nr":
				c.I32 = append(c.I32, int32(r.IntN(300)))
			case "cpu":
				c.I32 = append(c.I32, int32(r.IntN(8)))
			default:
				c.I64 = append(c.I64, int64(r.IntN(1000)-10))
			}
		}
	}
	for _, src := range []string{
		`ret < 0`, `nr == 0`, `ret < 0 && duration_ns > 500`, `ret in [1, 20, 300]`, `arg0 > arg1`,
		`comm == "nginx"`, `name == "openat"`, `name in ["read", "openat"] && comm matches "^ng"`,
		`family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"`,
		`ret < 0 || comm == "nginx" || duration > "1s"`, `pid == 100`,
	} {
		b.Run(src, func(b *testing.B) {
			p, err := Compile(src)
			if err != nil {
				b.Fatal(err)
			}
			bound, err := p.Bind(syscallSchema, &Env{Dimensions: &allKnown{},
				CallName: func(nr int32) string { return []string{"openat", "read"}[nr&1] }})
			if err != nil {
				b.Fatal(err)
			}
			sel := bound.Match(batch, nil)
			b.ReportAllocs()
			for b.Loop() {
				sel = bound.Match(batch, sel)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// allKnown is a dimension in which every id is known.
type allKnown struct{ lateDimension }

func (*allKnown) Lookup(string, []format.Column) (Lookup, error) {
	b := format.NewBatch(taskTable)
	err := errors.Join(b.AppendRow(row{"pid": int32(100), "comm": "nginx"}), b.AppendRow(row{"comm": "bash"}))
	return func(id int64) (*format.Batch, int, bool) { return b, int(id) % 2, true }, err
}
