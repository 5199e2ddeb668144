// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// cgroup2 is the name of the hierarchy of cgroup version 2.
const cgroup2 = "cgroup2"

// A hierarchy is a tree of cgroups that each task is in. A host has cgroup2, and with version 1 others besides.
type hierarchy struct {
	name       string // cgroup2, or the controllers of a hierarchy of version 1, as /proc/PID/cgroup names them
	id         uint32 // the kernel's; 0: cgroup2
	controller uint32 // offset of the state of a controller in struct css_set, in bytes; 0: cgroup2
}

// hierarchies reads a file /proc/PID/cgroup: the cgroup in each hierarchy, by the hierarchy's name.
func hierarchies(text string) map[string]string {
	paths := make(map[string]string)
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		name, path, ok := strings.Cut(rest, ":")
		if id == "0" && name == "" {
			name = cgroup2
		}
		if ok {
			paths[name] = path
		}
	}
	return paths
}

// hierarchyID returns the kernel's id of a hierarchy, which a file /proc/PID/cgroup has.
func hierarchyID(text, hierarchy string) uint32 {
	for line := range strings.Lines(text) {
		number, rest, _ := strings.Cut(line, ":")
		if name, _, _ := strings.Cut(rest, ":"); name == hierarchy {
			id, _ := strconv.ParseUint(number, 10, 32)
			return uint32(id)
		}
	}
	return 0
}

// maxSampled bounds the processes that chooseHierarchy looks at: reading the files of a hundred thousand would delay
// the recording by a second.
const maxSampled = 1000

// chooseHierarchy returns the hierarchy that divides the running processes into the most cgroups. If several do, it is
// one that the recorder is in a cgroup of (in a container it may see no other process), and cgroup2 among these. It is
// cgroup2 without looking on a host that has nothing else.
func chooseHierarchy(kernel *btf.Spec) (hierarchy, error) {
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return hierarchy{name: cgroup2}, nil // a kernel without cgroups, or no /proc
	}
	controllers := make(map[string]uint32)
	own := hierarchies(string(self))
	for name := range own {
		if name == cgroup2 {
			continue
		}
		if offset, err := controllerOffset(kernel, name); err != nil {
			return hierarchy{}, fmt.Errorf("finding cgroups: %w", err)
		} else if offset != 0 {
			controllers[name] = offset
		}
	}
	best := hierarchy{name: cgroup2}
	if len(controllers) == 0 {
		return best, nil
	}
	used := countCgroups()
	for _, name := range slices.Sorted(maps.Keys(controllers)) {
		if tells(name, best.name, used, own) {
			best = hierarchy{name, hierarchyID(string(self), name), controllers[name]}
		}
	}
	return best, nil
}

// tells says whether hierarchy a tells more of the processes than b: used is how many cgroups of each they are in, own
// the recorder's cgroup in each.
func tells(a, b string, used map[string]int, own map[string]string) bool {
	if used[a] != used[b] {
		return used[a] > used[b]
	}
	return own[a] != "/" && own[b] == "/"
}

// countCgroups returns how many cgroups of each hierarchy the running processes are in.
func countCgroups() map[string]int {
	processes := numbered("/proc")
	seen, used := make(map[[2]string]bool), make(map[string]int)
	for i, name := range processes {
		if i*maxSampled/len(processes) == (i-1)*maxSampled/len(processes) && i > 0 {
			continue // one in so many
		}
		text, _ := os.ReadFile(filepath.Join("/proc", name, "cgroup")) // empty if the process has ended
		for hierarchy, path := range hierarchies(string(text)) {
			if !seen[[2]string{hierarchy, path}] {
				seen[[2]string{hierarchy, path}] = true
				used[hierarchy]++
			}
		}
	}
	return used
}

// numbered returns the names in a directory that begin with a digit. (filepath.Glob would read the directories below.)
func numbered(dir string) []string {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return name[0] < '0' || name[0] > '9' })
}

// controllerOffset returns the offset in struct css_set of the state of the first controller of a hierarchy; 0: the
// hierarchy has none, only a name.
func controllerOffset(kernel *btf.Spec, name string) (uint32, error) {
	controller, _, _ := strings.Cut(name, ",")
	if controller == "blkio" {
		controller = "io"
	}
	var ids *btf.Enum
	var set *btf.Struct
	if err := kernel.TypeByName("cgroup_subsys_id", &ids); err != nil {
		return 0, err
	}
	if err := kernel.TypeByName("css_set", &set); err != nil {
		return 0, err
	}
	for _, id := range ids.Values {
		if id.Name != controller+"_cgrp_id" {
			continue
		}
		for _, m := range set.Members {
			if m.Name == "subsys" {
				return m.Offset.Bytes() + uint32(id.Value)*uint32(pointerSize), nil
			}
		}
	}
	return 0, nil
}

const pointerSize = 8 // of the 64-bit kernels that fletch supports
