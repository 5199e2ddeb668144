// SPDX-License-Identifier: Apache-2.0

package test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/schema"
)

// systemd accepts the example unit and rates its restrictions as good, and the recorder accepts its arguments.
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
	// The exposure is from 0 to 100; up to 20 systemd calls it "OK".
	if status, out, errs := output(t, analyze, "security", "--no-pager", "--offline=yes", "--threshold=20",
		unit); status != 0 {
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
		t.Errorf("%s: status %d, want it to fail only for its missing capabilities\n%s", command,
			rec.ProcessState.ExitCode(), out)
	}
}

// systemd runs the unit. Its restrictions do not get in the way, it dumps for each reason, and it ends successfully.
func TestSystemdRunsTheUnit(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		t.Skip("systemd is not the init system of this machine; INIT=systemd test/kernel.sh boots one with it")
	}
	needDisposable(t)
	const unit, dir = "fletch-flight", "/var/lib/private/fletch/flight"
	systemctl := func(args ...string) string {
		t.Helper()
		status, out, errs := output(t, "systemctl", args...)
		if status != 0 {
			t.Errorf("systemctl %s: status %d\n%s", strings.Join(args, " "), status, errs)
		}
		return strings.TrimSpace(out)
	}
	show := func(property string) string { return systemctl("show", "--value", "--property", property, unit) }
	if err := os.MkdirAll("/usr/local/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		from, to string
		mode     os.FileMode
	}{
		{program("record"), "/usr/local/bin/record", 0o755},
		{"../systemd/" + unit + ".service", "/etc/systemd/system/" + unit + ".service", 0o644},
	} {
		if err := os.WriteFile(file.to, []byte(read(t, file.from)), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		exec.Command("systemctl", "stop", unit).Run()
		if t.Failed() {
			_, said, _ := output(t, "journalctl", "--no-pager", "--output", "cat", "--unit", unit)
			t.Logf("it said:\n%s", said)
		}
	})

	// The recorder records once it has no privileges.
	recording := func(before int) (pid int) {
		t.Helper()
		waitFor(t, "systemd to start the recorder", func() bool {
			pid, _ = strconv.Atoi(show("MainPID"))
			return pid != 0 && pid != before
		})
		waitFor(t, "the recorder to drop its privileges", func() bool {
			text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
			s := status(string(text))
			return s["CapPrm"] == none && s["CapAmb"] == none
		})
		return pid
	}
	dumps := func(reason string) []string {
		m, _ := filepath.Glob(filepath.Join(dir, "*Z-"+reason))
		return m
	}
	dumped := func(reason string, n int) {
		t.Helper()
		waitFor(t, "a dump for "+reason, func() bool { return len(dumps(reason)) >= n })
	}
	systemctl("daemon-reload")
	systemctl("start", unit)
	pid := recording(0)
	known := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(known, []byte("#!/bin/sh\nkill -SEGV $$\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	systemctl("kill", "--signal=USR2", unit)
	exec.Command(known).Run()
	dumped("sigusr2", 1)
	dumped("trigger", 1)
	systemctl("reload", unit)
	dumped("sigusr2", 2)

	// After a kill systemd restarts it, and it turns the window into a dump.
	systemctl("kill", "--signal=KILL", unit)
	recording(pid)
	if len(dumps("interrupted")) != 1 {
		t.Errorf("%d dumps of a killed recorder, want 1", len(dumps("interrupted")))
	}
	systemctl("stop", unit)
	if result, status := show("Result"), show("ExecMainStatus"); result != "success" || status != "0" {
		t.Errorf("it ended with %s, status %s", result, status)
	}

	want := map[string]string{}
	probes, err := bpf.Probe(bpf.Options{Families: schema.Families()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range probes {
		want[p.Family] = p.Mechanism
	}
	for reason, n := range map[string]int{"sigusr2": 2, "trigger": 1, "interrupted": 1, "end": 1} {
		if len(dumps(reason)) != n {
			t.Errorf("%d dumps for %s, want %d", len(dumps(reason)), reason, n)
		}
		for _, path := range dumps(reason) {
			c := open(t, path)
			if c.Manifest.Complete != (reason != "interrupted") || len(rows(t, c, "process")) == 0 {
				t.Errorf("%s: complete %v, %d rows of process", path, c.Manifest.Complete, len(rows(t, c, "process")))
			}
			got := map[string]string{}
			for _, p := range c.Manifest.Probes {
				got[p.Family] = p.Mechanism
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s: mechanisms %v; without the unit they are %v", path, got, want)
			}
			if status, _, errs := output(t, program("analyze"), "summary", path); status != 0 {
				t.Errorf("analyze summary %s: %s", path, errs)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			owner := info.Sys().(*syscall.Stat_t)
			if owner.Uid == 0 {
				t.Errorf("%s is root's", path)
			}
			wantOwned(t, path, owner.Uid, owner.Gid)
		}
	}
	for _, path := range dumps("trigger") {
		if !slices.ContainsFunc(processes(t, open(t, path), "exec"),
			func(r row) bool { return r.s("filename") == known }) {
			t.Errorf("the exec of the process that was killed is not in %s", path)
		}
	}
	if _, said, _ := output(t, "journalctl", "--no-pager", "--output", "cat", "--unit",
		unit); strings.Contains(said, "record: ") {
		t.Errorf("it said:\n%s", said)
	}
}
