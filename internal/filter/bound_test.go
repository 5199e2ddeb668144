// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		src   string
		table *format.Schema
		want  []string
		never bool
	}{
		{`ret < 0`, syscallSchema, []string{"ret"}, false},
		{`comm == "x" && pid == 3 && ret < 0`, syscallSchema, []string{"ret", "task"}, false},
		{`pid == 3`, processSchema, []string{"pid"}, false},
		{`name == "x"`, syscallSchema, []string{"nr"}, false},
		{`name == "x"`, fileSchema, []string{"path"}, false},
		{`name == "x"`, cgroupSchema, []string{"name"}, false},
		{`name == "x"`, tcpSchema, nil, true},
		{`duration > "1s"`, syscallSchema, []string{"duration_ns"}, false},
		{`size > ret`, fileSchema, []string{"size", "ret"}, false},
		{`size > ret`, syscallSchema, nil, true},
		{`family == "tcp" && ret < 0`, syscallSchema, nil, true},
		{`family == "tcp" || ret < 0`, tcpSchema, nil, false},
		{`family == "syscall" && ret < 0`, syscallSchema, []string{"ret"}, false},
		{`dport == 1`, syscallSchema, nil, true},
		{`!(dport == 1)`, syscallSchema, nil, false},
		{`ret < 1e30`, syscallSchema, nil, false},
		{`ret in 3..2`, syscallSchema, nil, true},
		{`comm == "x"`, cgroupSchema, nil, true},
		{`args matches "x" && op == "exec" && pid == 3`, processSchema, []string{"pid", "op", "args"}, false},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		_, env := newTestCapture(t)
		b, err := p.Bind(c.table, env)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Columns(); !slices.Equal(got, c.want) || b.Never() != c.never {
			t.Errorf("%s of %s: columns %v, never %t", c.src, c.table.Table, got, b.Never())
		}
	}
	if _, err := (&Program{}).Bind(nil, nil); err == nil {
		t.Error("no table binds")
	}
}
