// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/fletch-trace/fletch/format"
)

// A process is what its first thread is, whatever the order of the threads.
func TestProcessesAreWhatTheirLeadersAre(t *testing.T) {
	tasks := format.NewBatch(layoutOf(Layouts(), "task").Schema)
	for i, ids := range [][2]int32{{300, 900}, {310, 400}, {400, 400}, {900, 900}, {410, 400}, {900, 900}, {7, 6}} {
		if err := tasks.AppendRow(map[string]any{"task": int32(i + 1), "tid": ids[0], "pid": ids[1]}); err != nil {
			t.Fatal(err)
		}
	}
	running := NewRunning(0)
	running.Add(tasks)
	var got []int32
	for _, p := range running.order {
		got = append(got, p.task)
	}
	if want := []int32{6, 3, 7}; !slices.Equal(got, want) {
		t.Errorf("the tasks of processes are %v, want %v", got, want)
	}
}

// Of the names of programs there are as many as there is room for. The others are counted.
func TestNamesOfRunningProgramsAreBounded(t *testing.T) {
	tasks := format.NewBatch(layoutOf(Layouts(), "task").Schema)
	for pid := range int32(200) {
		exe := fmt.Sprintf("/%099d", pid/2) // every second process runs the program of the one before
		if err := tasks.AppendRow(map[string]any{"task": pid, "tid": pid, "pid": pid, "exe": exe}); err != nil {
			t.Fatal(err)
		}
	}
	running := NewRunning(5000)
	running.Add(tasks)
	named := 0
	for _, p := range running.order {
		if p.program != "" {
			named++
		}
	}
	if named != 100 || running.Unnamed != 100 || len(running.programs) != 50 {
		t.Errorf("%d have a name and %d not, of %d programs", named, running.Unnamed, len(running.programs))
	}
}

func TestHierarchies(t *testing.T) {
	got := hierarchies("12:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/user.slice\n")
	for name, path := range map[string]string{"cpu,cpuacct": "/a:b", "name=systemd": "/", cgroup2: "/user.slice"} {
		if got[name] != path || len(got) != 3 {
			t.Errorf("hierarchy %s: %q among %v, want %q", name, got[name], got, path)
		}
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("this kernel does not describe its types: %v", err)
	}
	for name, has := range map[string]bool{"cpu,cpuacct": true, "blkio": true, "name=systemd": false} {
		if offset, err := controllerOffset(kernel, name); err != nil || (offset != 0) != has {
			t.Errorf("hierarchy %s: controller at %d, %v", name, offset, err)
		}
	}
}

func TestHierarchyThatTells(t *testing.T) {
	own := map[string]string{"cgroup2": "/", "memory": "/docker/1", "cpu": "/"}
	for _, test := range []struct {
		a, b string
		used map[string]int
		want bool
	}{
		{"memory", "cgroup2", map[string]int{"memory": 9, "cgroup2": 1}, true},
		{"memory", "cgroup2", map[string]int{"memory": 1, "cgroup2": 9}, false},
		{"memory", "cgroup2", map[string]int{"memory": 1, "cgroup2": 1}, true}, // only own processes are seen
		{"cpu", "cgroup2", map[string]int{"cpu": 1, "cgroup2": 1}, false},
	} {
		if got := tells(test.a, test.b, test.used, own); got != test.want {
			t.Errorf("%s instead of %s, used %v: %v", test.a, test.b, test.used, got)
		}
	}
}
