// SPDX-License-Identifier: Apache-2.0

package export

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// TestJoinedTexts joins what ids of a column stand for, those that are not known too.
func TestJoinedTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "capture")
	if err := fixture.Families().Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	set, err := capture.Open(t.Context(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	d := &dictionary{}
	j, err := newJoiner(set[0], d)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		join capture.Join
		ids  []int32
		want []string
	}{
		{capture.PathName, []int32{2, 0, 3, 77, 2, -1},
			[]string{"/var/log/syslog", "", "pipe:[4711]", "", "/var/log/syslog", ""}},
		{capture.TaskComm, []int32{1, 99, 1}, []string{"tar", "", "tar"}},
		{capture.CallName, []int32{0, 1 << 30, 0}, []string{"read", "x32:read", "read"}},
	} {
		var got []string
		ids := &format.Vector{Type: format.Int32, I32: c.ids}
		for _, n := range j.numbers(nil, capture.Column{Join: c.join}, ids) {
			got = append(got, d.texts[n])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.ids, got, c.want)
		}
	}
}
