// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fletch-trace/fletch/bpf"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"record": main})
}

// The scripts are the command line's behaviour, readable. Their conditions: [kernel], something can be recorded here;
// [mount], a private mount namespace can be made.
func TestScripts(t *testing.T) {
	_, probed := bpf.Probe(bpf.Options{Families: bpf.Families()})
	mount := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").Run()
	if probed != nil {
		t.Logf("cannot record here: %v", probed)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "kernel":
				return probed == nil, nil
			case "mount":
				return mount == nil && os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}
