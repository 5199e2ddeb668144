// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/fixture"
)

func TestSelectionKeepsTheRowsThatMatch(t *testing.T) {
	f := fixture.New()
	r := rand.New(rand.NewPCG(2, 2))
	var want []string
	for i := range 300 {
		var args []string
		for range r.IntN(3) {
			args = append(args, strconv.Itoa(r.IntN(100)))
		}
		name, code := strconv.Itoa(i), int32(r.IntN(2))
		f.AddProcess(time.Duration(i), 0, 1, "exec", int32(i), 1, fixture.Row{"filename": name, "args": args,
			"exit_code": code})
		if code == 1 {
			want = append(want, fmt.Sprint(i, name, args, fixture.At(time.Duration(i))))
		}
	}
	path := filepath.Join(t.TempDir(), "capture")
	if err := f.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	table := c.Table("process")
	var b format.Batch
	if err := table.Read(&b, table.Blocks()[0], nil); err != nil {
		t.Fatal(err)
	}
	p, err := filter.Compile("exit_code == 1")
	if err != nil {
		t.Fatal(err)
	}
	bound, err := p.Bind(table.Schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	(&selection{bound: bound}).apply(&b)
	var got []string
	for i := range b.Rows {
		list := b.Column("args").List(i)
		if len(list) == 0 {
			list = nil
		}
		got = append(got, fmt.Sprint(b.Column("pid").I32[i], b.Column("filename").Str.At(i), list,
			b.Column("ts").I64[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows %v, want %d rows %v", len(got), got, len(want), want)
	}
}
