// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"testing"

	"github.com/fletch-trace/fletch/internal/export"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// FuzzViews runs every command but convert and redact, as text and as JSON, on captures with changed bytes.
func FuzzViews(f *testing.F) {
	mutants := seed(f)
	f.Fuzz(func(t *testing.T, capture byte, changes []byte) {
		tar := mutants.Tar(capture, changes)
		for _, c := range commands {
			if c.name() == "convert" || c.name() == "redact" {
				continue
			}
			fixture.CheckRun(t, "analyze", run, tar, c.name(), "-")
			fixture.CheckRun(t, "analyze", run, tar, c.name(), "-", "--json")
		}
	})
}

// FuzzBuilt runs a command on whole captures that are built of the fuzzed bytes, with little memory: one of all views
// by their own keys and by all, and of convert to each format.
func FuzzBuilt(f *testing.F) {
	for i, program := range fixture.BuiltSeeds() {
		for command := range 4 {
			f.Add(byte(4*i+command), program)
		}
	}
	f.Fuzz(func(t *testing.T, command byte, program []byte) {
		path := filepath.Join(t.TempDir(), "capture.tar")
		if err := fixture.WriteBuilt(path, program); err != nil {
			t.Skip(err) // a writer refuses it
		}
		lines := everyCommand(path)
		fixture.CheckBuilt(t, "analyze", run, lines[int(command)%len(lines)]...)
	})
}

// FuzzConvert converts captures with changed bytes to every format.
func FuzzConvert(f *testing.F) {
	mutants, dir := seed(f), f.TempDir()
	f.Fuzz(func(t *testing.T, capture byte, changes []byte) {
		tar := mutants.Tar(capture, changes)
		for _, format := range export.Formats() {
			fixture.CheckRun(t, "analyze", run, tar, "convert", "-", "--force", "-o", dir, "--format", format.Name)
		}
	})
}

// FuzzRedact redacts captures with changed bytes.
func FuzzRedact(f *testing.F) {
	mutants, out := seed(f), filepath.Join(f.TempDir(), "out")
	f.Fuzz(func(t *testing.T, capture byte, changes []byte) {
		tar := mutants.Tar(capture, changes)
		fixture.CheckRun(t, "analyze", run, tar, "redact", "-", "--dry-run")
		fixture.CheckRun(t, "analyze", run, tar, "redact", "-", "--force", "-w", out, "--pattern", "e(.)", "--json")
		fixture.CheckRun(t, "analyze", run, tar, "redact", "-", "--force", "-w", out+".tar", "--all")
	})
}

// seed adds intact and damaged captures to the corpus.
func seed(f *testing.F) *fixture.Mutants {
	f.Helper()
	mutants, err := fixture.NewMutants()
	if err != nil {
		f.Fatal(err)
	}
	for capture := range byte(7) {
		f.Add(capture, []byte{})
		f.Add(capture, []byte{0, 9, 0, 0, 0x5a, 0, 11, 0, 2, 9, 0, 19, 0, 1, 8})
	}
	return mutants
}
