// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// write writes a capture to a temporary file and returns its path.
func write(t testing.TB, c *fixture.Capture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := c.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// analyze runs the program with empty standard input.
func analyze(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}
