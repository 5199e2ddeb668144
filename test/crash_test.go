// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

func countRows(t *testing.T, path string) (rows map[string]int64, complete bool) {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatalf("a capture that does not open: %v", err)
	}
	defer c.Close()
	rows = make(map[string]int64)
	for _, table := range c.Tables() {
		rows[table.Schema.Table] = table.Rows
	}
	return rows, c.Manifest.Complete
}

// Batches are written to the file during the recording.
func TestBatchesAreFlushed(t *testing.T) {
	needKernel(t)
	path := filepath.Join(t.TempDir(), "capture")
	rec := exec.Command(program("record"), recordArgs("-q", "-w", path, "--", program("workload"), "spin", "60s")...)
	rec.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { syscall.Kill(-rec.Process.Pid, syscall.SIGKILL); rec.Wait() }()
	seen := int64(0)
	for range 3 {
		waitFor(t, "more rows in the file", func() bool {
			if _, err := os.Stat(filepath.Join(path, "syscall")); err != nil {
				return false
			}
			rows, _ := countRows(t, path)
			more := rows["syscall"] > seen
			seen = rows["syscall"]
			return more
		})
	}
}
