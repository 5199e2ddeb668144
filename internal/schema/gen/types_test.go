// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/cilium/ebpf/btf"
)

// A member says what its values tell, by its type or by CONTENT. If it does not, the column has no content.
func TestContentOfMembers(t *testing.T) {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	text := &btf.Struct{Name: "ref", Size: 8}
	numbers, paths := []string{"content:numbers"}, []string{"content:paths"}
	for _, c := range []struct {
		member btf.Member
		want   string
	}{
		{btf.Member{Name: "new", Type: number}, ""},
		{btf.Member{Name: "new", Type: number, Tags: numbers}, "Numbers"},
		{btf.Member{Name: "new", Type: &btf.Typedef{Name: "bytes_t", Type: number}}, "Numbers"},
		{btf.Member{Name: "new", Type: &btf.Typedef{Name: "task_id", Type: number}}, "Numbers"},
		{btf.Member{Name: "new", Type: &btf.Typedef{Name: "str_t", Type: text}}, ""},
		{btf.Member{Name: "new", Type: &btf.Typedef{Name: "strlist_t", Type: text}}, "Args"},
		{btf.Member{Name: "new", Type: &btf.Typedef{Name: "str_t", Type: text}, Tags: paths}, "Paths"},
		{btf.Member{Name: "new", Type: &btf.Array{Type: number, Nelems: 1}, Tags: numbers}, "Numbers"},
		{btf.Member{Name: "new", Type: &btf.Array{Type: number, Nelems: 1}}, ""},
	} {
		var made table
		if err := made.addMember(c.member); err != nil || len(made.columns) != 1 {
			t.Fatalf("%v: %v, %d columns", c.member, err, len(made.columns))
		}
		if got := made.columns[0].content; got != c.want {
			t.Errorf("%v %v: content %q, want %q", c.member.Type, c.member.Tags, got, c.want)
		}
	}
	wrong := btf.Member{Name: "new", Type: number, Tags: []string{"content:harmless"}}
	if err := new(table).addMember(wrong); err == nil {
		t.Error("an unknown content is accepted")
	}
}
