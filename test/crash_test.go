// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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

// A recorder killed at any moment leaves a capture that opens, says it is incomplete, and has every batch that was in
// the file when it died.
func TestKilledRecorder(t *testing.T) {
	needKernel(t)
	kills := 12
	if testing.Short() {
		kills = 4
	}
	for i := range kills {
		path := filepath.Join(t.TempDir(), "capture")
		if i%3 == 2 {
			path += ".tar"
		}
		rec := exec.Command(program("record"), recordArgs("-q", "-w", path, "--", program("workload"), "spin", "20s")...)
		rec.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := rec.Start(); err != nil {
			t.Fatal(err)
		}
		manifest := path
		if filepath.Ext(path) == "" {
			manifest = filepath.Join(path, format.ManifestName)
		}
		waitFor(t, "the capture to appear", func() bool {
			info, err := os.Stat(manifest)
			return err == nil && info.Size() > 0
		})
		time.Sleep(time.Duration(rand.Int64N(int64(1500 * time.Millisecond))))
		before, _ := countRows(t, path)
		syscall.Kill(-rec.Process.Pid, syscall.SIGKILL) // the workload with it
		rec.Wait()
		after, complete := countRows(t, path)
		if complete {
			t.Error("a killed recording says it is complete")
		}
		for name, n := range before {
			if after[name] < n {
				t.Errorf("kill %d: %s had %d rows before the kill and has %d after it", i, name, n, after[name])
			}
		}
		status, stdout, stderr := output(t, program("analyze"), "info", "--json", path)
		var info struct{ Complete *bool }
		if err := json.Unmarshal([]byte(stdout), &info); status != 0 || err != nil || info.Complete == nil || *info.Complete {
			t.Errorf("analyze info: status %d, %s%s", status, stdout, stderr)
		}
	}
}

// While a recording goes on, its batches reach the file.
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
