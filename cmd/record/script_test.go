// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/schema"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"record": main,
		// One that forgets names at once, so that a script need not wait for it.
		"record-forgetful": func() { lingers = 0; main() },
	})
}

// The scripts are the command line's behaviour, readable. Their conditions: [kernel], something can be recorded here;
// [mount], a private mount namespace can
// be made; [refuses:FAMILY=MECHANISM], this kernel does.
func TestScripts(t *testing.T) {
	_, probed := bpf.Probe(bpf.Options{Families: schema.Families()})
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
			if family, mechanism, ok := strings.Cut(strings.TrimPrefix(cond, "refuses:"), "="); ok {
				p, err := bpf.Probe(bpf.Options{Families: []string{family}, Mechanisms: map[string]string{family: mechanism}})
				return err == nil && p[0].Mechanism == "", err
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
	})
}
