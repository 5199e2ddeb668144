// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/schema"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"record": func() { mayWriteCoverage(); main() },
		// A recorder that deletes unused dimension rows at once, so that a script need not wait a minute.
		"record-forgetful": func() { mayWriteCoverage(); keepIdle = 1; main() },
	})
}

// mayWriteCoverage lets a recorder write its coverage, if that is measured.
func mayWriteCoverage() {
	if dir := os.Getenv("GOCOVERDIR"); dir != "" {
		alsoWritable = []string{dir}
	}
}

// The scripts describe the behaviour of the command line. Their conditions: [kernel], this kernel can record; [mount],
// a private mount namespace can be created; [refuses:FAMILY=MECHANISM], this kernel refuses the mechanism.
func TestScripts(t *testing.T) {
	_, probed := bpf.Probe(bpf.Options{Families: schema.Families()})
	mount := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").Run()
	if probed != nil {
		t.Logf("cannot record here: %v", probed)
	}
	coverage := coverageDir(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			if coverage != "" {
				env.Setenv("GOCOVERDIR", coverage)
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "kernel":
				return probed == nil, nil
			case "mount":
				return mount == nil && os.Geteuid() == 0, nil
			}
			if family, mechanism, ok := strings.Cut(strings.TrimPrefix(cond, "refuses:"), "="); ok {
				forced := map[string]string{family: mechanism}
				p, err := bpf.Probe(bpf.Options{Families: []string{family}, Mechanisms: forced})
				return err == nil && p[0].Mechanism == "", err
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}

// coverageDir is where the programs of the scripts write their coverage; "": it is not measured. The recorder writes it
// when it exits, as another user, who cannot enter the directory that go test creates for it. So this is a directory of
// its own, whose files are copied there at the end.
func coverageDir(t *testing.T) string {
	if testing.CoverMode() == "" {
		return ""
	}
	dir, err := os.MkdirTemp("", "coverage-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer os.RemoveAll(dir)
		files, err := filepath.Glob(filepath.Join(dir, "cov*"))
		if err != nil || len(files) == 0 {
			t.Errorf("the programs have written no coverage to %s: %v", dir, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err == nil {
				dir := flag.Lookup("test.gocoverdir").Value.String()
				err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}
