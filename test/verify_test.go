// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"testing"
)

// What the recorder writes is whole for analyze verify, in whatever way it is written; cut off it is not.
func TestRecordingsAreWhole(t *testing.T) {
	needKernel(t)
	all := map[string][]string{
		"directory": nil, "capture.tar": nil, "rotated": {"-G", "100ms", "-W", "3"}, "dumps": {"--last", "2s"},
	}
	if testing.Short() {
		all = map[string][]string{"capture.tar": nil}
	}
	for name, args := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			args = append(args, "-w", path, "-e", allFamilies, "--", "sh", "-c", mix(t.TempDir(), 4))
			if status, _, stderr := output(t, program("record"), args...); status != 0 {
				t.Fatalf("record: status %d\n%s", status, stderr)
			}
			if name == "dumps" {
				dumps, _ := filepath.Glob(filepath.Join(path, "*Z-end"))
				if len(dumps) != 1 {
					t.Fatalf("dumps %v, want one", dumps)
				}
				path = dumps[0]
			}
			if status, stdout, stderr := output(t, program("analyze"), "verify", path); status != 0 {
				t.Errorf("status %d\n%s%s", status, stdout, stderr)
			}
			file := path
			if name != "capture.tar" {
				segments, _ := filepath.Glob(filepath.Join(path, "syscall", "*.arrow"))
				file = segments[0]
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, info.Size()-700); err != nil {
				t.Fatal(err)
			}
			if status, stdout, _ := output(t, program("analyze"), "verify", path); status != 3 {
				t.Errorf("cut off: status %d\n%s", status, stdout)
			}
		})
	}
}
