//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// A confined process uses its output, through whatever path, and reads what it was allowed to read. Nothing else.
func TestConfine(t *testing.T) {
	if _, err := ll.LandlockGetABIVersion(); err != nil {
		t.Skipf("this kernel has no Landlock: %v", err)
	}
	if dir := os.Getenv("FLETCH_CONFINE"); dir != "" {
		confinedFiles(t, dir)
		return
	}
	dir := t.TempDir()
	for _, name := range []string{"output", "output/table", "output/dump", "other"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := testCommand("TestConfine")
	cmd.Env = append(os.Environ(), "FLETCH_CONFINE="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// confinedFiles confines this process and tries what it still can.
func confinedFiles(t *testing.T, dir string) {
	output, err := os.Open(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	around, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	version, err := Confine(Places{
		Output: []*os.File{output}, Around: []*os.File{around}, Read: []string{"/proc"}, Files: []string{"/no/file"},
	})
	if err != nil || version == 0 {
		t.Fatalf("version %d, %v", version, err)
	}
	link := func(from, to string) func() error {
		return func() error { return os.Link(filepath.Join(dir, from), filepath.Join(dir, to)) }
	}
	write := func(name string) func() error {
		return func() error { return os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600) }
	}
	read := func(name string) func() error {
		return func() error { _, err := os.ReadFile(name); return err }
	}
	failed := 0
	for _, c := range []struct {
		what    string
		try     func() error
		allowed bool
	}{
		{"a file of the output", write("output/table/a"), true},
		{"a file of the output again", write("output/table/a"), true},
		{"a directory of the output", func() error { return os.Mkdir(filepath.Join(dir, "output/b"), 0o700) }, true},
		{"a link inside", link("output/table/a", "output/dump/a"), version > 1},
		{"another name", func() error { return os.Rename(output.Name()+"/table", output.Name()+"/c") }, true},
		{"reading a process", read("/proc/self/status"), true},
		{"removing an empty directory around", func() error { return os.Remove(filepath.Join(dir, "other")) }, true},
		{"a file beside", write("beside"), false},
		{"a link beside", link("output/c/a", "beside"), false},
		{"reading a file", read("/etc/passwd"), false},
		{"reading a program", read("/proc/self/exe"), false},
		{"a file elsewhere", func() error { return os.WriteFile("/tmp/fletch-test-confined", nil, 0o600) }, false},
	} {
		if err := c.try(); (err == nil) != c.allowed {
			fmt.Printf("%s: %v, allowed %v\n", c.what, err, c.allowed)
			failed = 1
		}
	}
	os.Exit(failed) // what runs after a test would use other files
}

// testCommand runs one test of this program in a process of its own.
func testCommand(name string) *exec.Cmd { return exec.Command(os.Args[0], "-test.run=^"+name+"$") }
