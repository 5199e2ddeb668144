// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// Names in several mount namespaces are apart if they are of different files, and only then.
func TestPathsInMountNamespaces(t *testing.T) {
	c := fixture.New()
	c.AddTask(1, 100, 100, 1, 0, "reader", "/bin/reader")
	for i, p := range []struct {
		name            string
		dev, ino, mntns int64
	}{
		{"/two", 1, 10, 100}, {"/two", 2, 10, 200}, // two files
		{"/one", 1, 11, 100}, {"/one", 1, 11, 200}, // one file in two namespaces
		{"/log", 1, 12, 100}, {"/log", 1, 13, 100}, // a file that was replaced
		{"/chain", 1, 14, 100}, {"/chain", 1, 15, 200}, {"/chain", 1, 15, 100}, // the same in two namespaces
		{"/three", 1, 16, 100}, {"/three", 1, 16, 200}, {"/three", 2, 16, 300}, // one file in two, another in a third
		{"/free", 1, 17, 0}, {"/free", 1, 18, 100}, // in a mount that was detached
	} {
		c.Add(fixture.Path, fixture.Row{"path": int32(i + 1), "dev": p.dev, "ino": p.ino, "mntns": p.mntns,
			"name": p.name})
		c.AddFile(time.Millisecond, 1, "read", int32(i+1), 0, 1, 1, time.Microsecond)
	}
	c.AddFile(time.Millisecond, 1, "read", 99, 0, 1, 1, time.Microsecond) // a row that was lost
	v := &View{Table: "file", By: []string{"path"}, Keys: []*Key{Path, PID},
		Measures: []*Measure{{Name: "reads", Value: Count(nil)}}}
	in := &Input{Captures: open(t, c)}
	expect(t, lines(t, v, in, "", 0, "path"), "/chain,,3", "/free,0,1", "/free,100,1", "/log,,2", "/one,,2",
		"/three,100,2", "/three,300,1", "/two,100,1", "/two,200,1", "?,,1")
	expect(t, lines(t, v, in, "", 0, "pid"), "100,15")
	two, err := v.Run(t.Context(), in, "path")
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]any{"100": int64(100), "": nil} {
		name := map[string]string{"100": "/two", "": "/one"}[label]
		if got := v.Fields(two.Group(name, label), "path"); got["path_mntns"] != want || got["path"] != name {
			t.Errorf("JSON of %s: %v, want path_mntns %v", name, got, want)
		}
	}
	if heads, _ := v.Cells([]*Group{two.Group("/one", "")}, "path"); len(heads) != 2 {
		t.Errorf("columns %v of a name that is in one namespace", heads)
	}
}
