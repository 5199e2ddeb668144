// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The example of a unit says nothing that systemd does not understand, keeps what it runs well locked up, and runs it with
// arguments that it takes.
func TestSystemdUnit(t *testing.T) {
	analyze := needProgram(t, "systemd-analyze")
	const installed = "/usr/local/bin/record"
	text := read(t, "../systemd/fletch-flight.service")
	if !strings.Contains(text, "ExecStart="+installed+" ") {
		t.Fatalf("the unit does not run %s", installed)
	}
	unit := filepath.Join(t.TempDir(), "fletch-flight.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(text, installed, program("record"))), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := output(t, analyze, "verify", "--man=no", unit); status != 0 || out+errs != "" {
		t.Errorf("systemd-analyze verify: status %d\n%s%s", status, out, errs)
	}
	// 0 is locked up and 100 is not at all; above 20 systemd calls it more than "OK".
	if status, out, errs := output(t, analyze, "security", "--no-pager", "--offline=yes", "--threshold=20", unit); status != 0 {
		t.Errorf("systemd-analyze security: status %d\n%s%s", status, out, errs)
	}

	_, command, _ := strings.Cut(text, "ExecStart=")
	command, _, _ = strings.Cut(strings.ReplaceAll(command, "\\\n", " "), "\n")
	command = strings.NewReplacer(installed, program("record"), "%%", "%").Replace(command)
	rec := exec.Command("sh", "-c", command)
	if os.Geteuid() == 0 {
		rec.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: someUser, Gid: someGroup}}
	}
	out, _ := rec.CombinedOutput()
	if rec.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "not permitted to load BPF programs") {
		t.Errorf("%s: status %d, want it to miss its capabilities only\n%s", command, rec.ProcessState.ExitCode(), out)
	}
}
