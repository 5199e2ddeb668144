//go:build linux

// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os/exec"
	"testing"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// A call that does not return has no duration. It was 0, which halved the mean of processes that do little else.
func TestExitHasNoDuration(t *testing.T) {
	needKernel(t)
	command, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := capture(t, 0, "-e", "syscall,process", "--", command)
	calls, err := syscalls.ForArch(got.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	exits := 0
	for _, r := range rows(t, got, "syscall") {
		name, took := calls.Name(int32(r.n("nr"))), r.n("duration_ns")
		switch {
		case name == "exit_group" || name == "exit":
			exits++
			if took != -1 || r.n("ret") != 0 {
				t.Errorf("%s = %d took %d ns, want 0 and -1", name, r.n("ret"), took)
			}
		case took < 0:
			t.Errorf("%s took %d ns", name, took)
		}
	}
	if exits != 1 {
		t.Errorf("%d calls of exit or exit_group, want 1", exits)
	}
}
