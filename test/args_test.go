// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// With --no-args no argument of a program is in the capture: of what runs already, of what is executed, of COMMAND in
// the manifest, and of generations that begin with what runs.
func TestNoArgs(t *testing.T) {
	needKernel(t)
	const secret = "--password=hunter2"
	running := exec.Command("sh", "-c", "read line", "sh", secret)
	stdin, err := running.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer running.Wait()
	defer stdin.Close()
	script := "for i in 1 2 3; do /bin/true " + secret + "; sleep 0.1; done"
	for _, args := range [][]string{
		{"--", "sh", "-c", script, "sh", secret}, {"-p", strconv.Itoa(running.Process.Pid), "-d", "100ms"},
		{"-d", "300ms"},
		{"-d", "400ms", "-G", "100ms", "-W", "2"},
	} {
		c, _ := capture(t, 0, append([]string{"--no-args"}, args...)...)
		if selection := c.Manifest.Selection; !selection.WithoutArgs() {
			t.Errorf("%q: the manifest's selection is %+v", args, selection)
		}
		programs := 0
		for _, r := range rows(t, c, "process") {
			if list := r["args"].([]string); len(list) > 0 {
				t.Errorf("%q: arguments %q", args, list)
			}
			if r.s("filename") != "" {
				programs++
			}
		}
		if programs == 0 {
			t.Errorf("%q: no row has the name of a program", args)
		}
		manifest, err := os.ReadFile(filepath.Join(c.Path, "capture.json"))
		if err != nil || strings.Contains(string(manifest), "hunter2") {
			t.Errorf("%q: %v, in the manifest: %s", args, err, manifest)
		}
	}
}

// Long arguments do not take the room of events: while the recorder is stopped, programs with 8,000 bytes of arguments
// are started, and each has its rows. The last ones have less of their arguments.
func TestLongArgumentsLeaveRoom(t *testing.T) {
	const execs = 300
	got, _ := capture(t, 0, "-e", "process,syscall", "--max-memory", "64MiB", "--", "sh", "-c",
		`kill -STOP $PPID; i=0; while [ $i -lt $1 ]; do /bin/true "$0"; i=$((i+1)); done; kill -CONT $PPID`,
		strings.Repeat("a", 8000), strconv.Itoa(execs))
	if lost := got.Lost()["process"]; lost != 0 {
		t.Errorf("%d rows of processes are lost", lost)
	}
	seen, short := 0, 0
	for _, r := range rows(t, got, "process") {
		if args := r["args"].([]string); r.s("op") == "exec" && r.s("filename") == "/bin/true" {
			seen++
			if last := args[len(args)-1]; strings.HasSuffix(last, "…") && len(last) < 300 {
				short++
			}
		}
	}
	if seen != execs || short == 0 || short == execs {
		t.Errorf("%d execs, want %d, of which %d have short arguments", seen, execs, short)
	}
}
