// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoContainer is returned if no cgroup, or more than one container, has the id of Selection.Container.
var ErrNoContainer = errors.New("no such container")

// ErrNoCgroups is returned if the file system of the hierarchy of cgroups that is recorded is not mounted.
var ErrNoCgroups = errors.New("the file system of cgroups is not mounted")

// mountPoint returns the directory at which the whole hierarchy is mounted.
func (h hierarchy) mountPoint() (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("looking for the cgroups: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		mount, system := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(system) < 3 || mount[3] != "/" {
			continue
		}
		if h.name == cgroup2 && system[0] == "cgroup2" || h.name != cgroup2 && system[0] == "cgroup" && h.isOf(system[2]) {
			return unescapeMount(mount[4]), nil
		}
	}
	return "", fmt.Errorf("looking for the cgroups of %s: %w", h.name, ErrNoCgroups)
}

// isOf reports whether the options of a mount have all controllers of the hierarchy.
func (h hierarchy) isOf(options string) bool {
	has := strings.Split(options, ",")
	for controller := range strings.SplitSeq(h.name, ",") {
		if !slices.Contains(has, controller) {
			return false
		}
	}
	return true
}

// unescapeMount undoes how /proc/PID/mountinfo writes a path: \040 is a space.
func unescapeMount(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// cgroupID returns the kernel's id of a cgroup, which is the inode of its directory.
func cgroupID(dir string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// containerCgroups returns the ids of the topmost cgroups below root of the container whose id begins with prefix.
func containerCgroups(root, prefix string) ([]uint64, error) {
	found := map[string][]uint64{} // by the container's whole id
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // a cgroup that has been removed meanwhile
		}
		id := containerOf([]byte(filepath.Base(path)))
		if id == "" || !strings.HasPrefix(id, prefix) {
			return nil
		}
		if cgroup, err := cgroupID(path); err == nil {
			found[id] = append(found[id], cgroup)
		}
		return fs.SkipDir
	})
	switch all := slices.Sorted(maps.Keys(found)); {
	case err != nil:
		return nil, fmt.Errorf("looking for container %s: %w", prefix, err)
	case len(all) == 0:
		return nil, fmt.Errorf("%w: no cgroup is of a container whose id begins with %s", ErrNoContainer, prefix)
	case len(all) > 1:
		return nil, fmt.Errorf("%w: the ids of %d containers begin with %s (%s)", ErrNoContainer, len(all), prefix,
			strings.Join(all, ", "))
	default:
		return found[all[0]], nil
	}
}
