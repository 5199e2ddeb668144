// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"path/filepath"
	"testing"
)

// A file that a task has open from another mount namespace is found by the path's namespace, and not by the task's.
func TestFilterByNamespaceOfPath(t *testing.T) {
	needKernel(t)
	needRoot(t)
	path := filepath.Join(t.TempDir(), "capture")
	args := []string{"-q", "-e", "file", "-w", path, "--", "sh", "-c",
		`exec 3</etc/passwd; unshare -m sh -c "read line <&3"`}
	if status, _, errs := output(t, program("record"), args...); status != 0 {
		t.Fatal(errs)
	}
	var file row
	for _, r := range rows(t, open(t, path), "path") {
		if r.s("name") == "/etc/passwd" {
			file = r
		}
	}
	if file == nil {
		t.Fatal("the path is not announced")
	}
	for filter, want := range map[string]int{
		"path_mntns == %d": 1, "mntns == %d": 0, "mntns != %d": 1, "path_mntns != %d": 0,
	} {
		var groups []struct {
			Path string `json:"path"`
		}
		expression := fmt.Sprintf(`comm == "sh" && path == "/etc/passwd" && `+filter, file.n("mntns"))
		readJSON(t, &groups, []string{path, "-Y", expression}, "files")
		if len(groups) != want {
			t.Errorf("%s: %v, want %d", expression, groups, want)
		}
	}
}
