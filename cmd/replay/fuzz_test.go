// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"testing"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// FuzzReplay plays captures with changed bytes, as text and as JSON.
func FuzzReplay(f *testing.F) {
	mutants, err := fixture.NewMutants()
	if err != nil {
		f.Fatal(err)
	}
	for capture := range byte(7) {
		f.Add(capture, []byte{})
		f.Add(capture, []byte{0, 9, 0, 0, 0x5a, 0, 11, 0, 2, 9, 0, 19, 0, 1, 8})
	}
	f.Fuzz(func(t *testing.T, capture byte, changes []byte) {
		tar := mutants.Tar(capture, changes)
		fixture.CheckRun(t, "replay", run, tar, "-", "-t", "utc")
		fixture.CheckRun(t, "replay", run, tar, "-", "-t", "relative", "comm != 'x' || ret < 0")
		fixture.CheckRun(t, "replay", run, tar, "-", "--json")
	})
}

// FuzzBuilt plays whole captures that are built of the fuzzed bytes, with little memory: as text, as JSON, or filtered.
func FuzzBuilt(f *testing.F) {
	for i, program := range fixture.BuiltSeeds() {
		f.Add(byte(i), program)
	}
	f.Fuzz(func(t *testing.T, command byte, program []byte) {
		path := filepath.Join(t.TempDir(), "capture.tar")
		if err := fixture.WriteBuilt(path, program); err != nil {
			t.Skip(err) // a writer refuses it
		}
		lines := [][]string{{path, "-t", "utc"}, {path, "--json"}, {path, "--json", "comm != 'x'"}}
		fixture.CheckBuilt(t, "replay", run, lines[int(command)%len(lines)]...)
	})
}
