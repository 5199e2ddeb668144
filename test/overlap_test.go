// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// Dumps of one recording that overlap are read as one capture, in which each call is once, in any order, also with a
// copy of one of them; no task, file or cgroup is twice in its tables, and each process was there once.
func TestDumpsThatOverlap(t *testing.T) {
	f := startFlight(t, "-e", "process,syscall,file", "--last", "3s", "--",
		program("workload"), "calls", "1000000000", "1")
	waitFor(t, "the command to count", func() bool { return f.counted() > 100*time.Millisecond })
	for i := range 3 {
		f.Process.Signal(syscall.SIGUSR2)
		waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > i })
		before := f.counted()
		waitFor(t, "the command to count on", func() bool { return f.counted() > before+50*time.Millisecond })
	}
	syscall.Kill(-f.Process.Pid, syscall.SIGTERM)
	f.Wait() // with the status of its command
	paths := append(f.dumps("sigusr2"), f.dumps("end")...)
	var parts []*format.Capture
	apart := int64(0)
	for _, path := range paths {
		c := open(t, path)
		parts = append(parts, c)
		apart += wantNoGap(t, c).n
		if v, err := c.Verify(t.Context(), nil); err != nil || v.Segments == 0 || v.Problems != nil {
			t.Errorf("%s: %+v, %v", path, v, err)
		}
		if !format.SameRecording(parts[0], c) || len(c.Manifest.ID) != 32 {
			t.Errorf("%s is of recording %q", path, c.Manifest.ID)
		}
	}
	all := format.Union(parts...)
	k := wantNoGap(t, all)
	if len(paths) != 4 || apart <= k.n {
		t.Fatalf("%d dumps with %d known calls, together %d: they do not overlap", len(paths), apart, k.n)
	}
	wantInFlightOnce(t, paths[:3], paths[3])
	tar := filepath.Join(t.TempDir(), "copy.tar")
	if out, err := exec.Command(needProgram(t, "tar"), "-cf", tar, "-C", paths[1], ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, paths := range [][]string{paths, {paths[3], paths[2], tar, paths[1], paths[0], paths[3]}} {
		var groups []struct{ Calls int64 }
		readJSON(t, &groups, append(paths, "-Y", `name == "getpgid" && arg0 >= 1073741824`), "syscalls")
		if len(groups) != 1 || groups[0].Calls != k.n {
			t.Errorf("of %d known calls %+v are counted", k.n, groups)
		}
		var summary struct{ Processes struct{ Before int64 } }
		readJSON(t, &summary, paths, "summary")
		dir := filepath.Join(t.TempDir(), "tables")
		if status, _, errs := output(t, program("analyze"), append([]string{"convert", "-o", dir, "--format", "csv"},
			paths...)...); status != 0 {
			t.Fatal(errs)
		}
		for _, table := range []string{"task", "path", "cgroup"} {
			wantOnce(t, filepath.Join(dir, table+".csv"), table, "", "")
		}
		if n := wantOnce(t, filepath.Join(dir, "process.csv"), "pid", "op", "snapshot"); n != summary.Processes.Before {
			t.Errorf("%d snapshots of processes, the summary has %d", n, summary.Processes.Before)
		}
		if rows := wantOnce(t, filepath.Join(dir, "syscall.csv"), "", "", ""); rows != all.Table("syscall").Rows {
			t.Errorf("%d calls, want %d", rows, all.Table("syscall").Rows)
		}
	}
}

// wantInFlightOnce checks calls in flight. Threads of the command wait in a call all the time: each dump for a signal
// has that call in flight, the dumps together have it once, and with that of the end, when the command was killed, it
// is one that returned.
func wantInFlightOnce(t *testing.T, signals []string, end string) {
	t.Helper()
	inFlight := func(paths ...string) int64 {
		var summary struct {
			All int64 `json:"pending_calls_all"`
		}
		readJSON(t, &summary, append(paths, "-Y", `name == "futex"`), "summary")
		return summary.All
	}
	one, together := inFlight(signals[0]), inFlight(signals...)
	if one == 0 || together == 0 || together > inFlight(signals[len(signals)-1]) {
		t.Errorf("%d calls in flight in one dump, %d in all", one, together)
	}
	if n := inFlight(append(signals, end)...); n > 0 {
		t.Errorf("%d calls of a command that was killed are in flight", n)
	}
}

// readJSON reads what analyze COMMAND --json prints.
func readJSON(t *testing.T, into any, args []string, command string) {
	t.Helper()
	status, out, errs := output(t, program("analyze"), append([]string{command, "--json"}, args...)...)
	if status != 0 {
		t.Fatal(errs)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// wantOnce wants each value of a column of a CSV file at most once, in the rows whose column `where` is `is`, and
// returns their number. Without a column it only counts, and without where these are all rows.
func wantOnce(t *testing.T, path, column, where, is string) (rows int64) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range lines[0] {
		at[name] = i
	}
	seen := map[string]int{}
	for _, line := range lines[1:] {
		if where != "" && line[at[where]] != is {
			continue
		}
		rows++
		key := strconv.FormatInt(rows, 10)
		if column != "" {
			key = line[at[column]]
		}
		if seen[key]++; seen[key] == 2 {
			t.Errorf("%s: %s %s is there twice", filepath.Base(path), column, key)
		}
	}
	return rows
}
