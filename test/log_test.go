// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os/exec"
	"strings"
	"testing"
)

// The summary of the Go tests has the output of failed tests, and the reasons of skipped ones.
func TestShortLog(t *testing.T) {
	needProgram(t, "go") // without it, as in test/kernel.sh, the scripts are missing too
	needProgram(t, "awk")
	long := strings.Repeat("    c_test.go:9: much\n", 200)
	for _, c := range []struct{ name, pipe, log, want string }{
		{"failed", "awk -f failed.awk", "=== RUN   TestA\n    a_test.go:3: of no interest\n--- PASS: TestA (0.00s)\n" +
			"=== RUN   TestB\n    b_test.go:3: why B failed\n--- FAIL: TestB (0.00s)\nFAIL\nFAIL\tx\t0.1s\n" +
			"ok  \ty\t0.1s\n",
			"    b_test.go:3: why B failed\n--- FAIL: TestB (0.00s)\nFAIL\tx\t0.1s\n"},
		{"the end of much", "awk -f failed.awk", "=== RUN   TestC\n" + long +
			"    c_test.go:10: why\n--- FAIL: TestC (0.00s)\nFAIL\tx\t0.1s\n",
			long[:99*len(long)/200] + "    c_test.go:10: why\n--- FAIL: TestC (0.00s)\nFAIL\tx\t0.1s\n"},
		{"a panic", "awk -f failed.awk",
			"=== RUN   TestD\n--- FAIL: TestD (0.00s)\npanic: why [recovered]\n\ngoroutine 1:\n" + long +
				"FAIL\tx\t0.1s\n",
			"--- FAIL: TestD (0.00s)\npanic: why [recovered]\n\ngoroutine 1:\n" + long[:97*len(long)/200] +
				"FAIL\tx\t0.1s\n"},
		{"what does not compile", "awk -f failed.awk", "# x\nx/x.go:3:1: undefined: y\nFAIL\tx [build failed]\nFAIL\n",
			"# x\nx/x.go:3:1: undefined: y\nFAIL\tx [build failed]\n"},
		{"skipped", "awk -f skipped.awk | awk -f reasons.awk",
			"=== RUN   TestE\n    e_test.go:3: no kernel: none\n--- SKIP: TestE (0.00s)\n" +
				"=== CONT  TestScripts/s\n    cmd.go:380: no kernel: none\n" +
				"    testscript.go:609: WORK=$WORK\n    --- SKIP: TestScripts/s (0.00s)\n" +
				"=== RUN   TestF\n--- SKIP: TestF (0.00s)\n",
			"  no kernel: none: TestE, TestScripts/s\n  no reason given: TestF\n"},
	} {
		cmd := exec.Command("sh", "-c", c.pipe)
		cmd.Stdin = strings.NewReader(c.log)
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v, got\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}
