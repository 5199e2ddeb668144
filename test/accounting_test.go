// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Produced = recorded + lost, for each table of events and under every limit: two recorders record the same run of a
// workload, one with enough room, which loses nothing and so has what was produced, the other with options drawn at
// random, which loses a lot. In half of the runs the second one begins in the middle, when the workload waits.
func TestProducedIsRecordedPlusLost(t *testing.T) {
	needKernel(t)
	runs := 4
	if testing.Short() {
		runs = 2
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	losses := map[string]int64{}
	for i := range runs {
		middle := i%2 == 1
		options := drawOptions(r)
		t.Run(fmt.Sprintf("%s middle=%v", strings.Join(options, " "), middle), func(t *testing.T) {
			lost, ok := compareProduced(t, options, middle)
			for tries := 1; !ok && tries < 5; tries++ {
				lost, ok = compareProduced(t, options, middle)
			}
			if !ok {
				t.Fatal("the recorder with enough room lost rows each time, so nothing was tested")
			}
			for table, n := range lost {
				losses[table] += n
			}
		})
	}
	for _, table := range []string{"syscall", "file"} {
		if losses[table] == 0 && !t.Failed() {
			t.Errorf("no run lost rows of table %s, so nothing was tested", table)
		}
	}
	t.Logf("lost in all runs: %v", losses)
}

// drawOptions draws options of record that make it lose rows.
func drawOptions(r *rand.Rand) (options []string) {
	pick := func(choices ...[]string) { options = append(options, choices[r.IntN(len(choices))]...) }
	pick([]string{"-b", "4KiB"}, []string{"-b", "4KiB"}, []string{"-b", "16KiB"}, []string{"-b", "64KiB"})
	pick(nil, []string{"--max-cpu", "1%"}, []string{"--max-cpu", "5%"})
	pick(nil, []string{"--max-memory", "64MiB"})
	pick(nil, []string{"-z", "none"}, []string{"-z", "lz4"})
	pick(nil, []string{"-C", "1MiB"})
	return options
}

// compareProduced records a run with these options and with enough room, compares the numbers of rows, and returns how
// many were lost, by table. It is false if the room was not enough, so that nothing was compared.
func compareProduced(t *testing.T, options []string, middle bool) (missing map[string]int64, ok bool) {
	sh := exec.Command("sh", "-c", "read go; "+storm()+"; read go; "+storm())
	sh.Dir = t.TempDir()
	os.Chmod(sh.Dir, 0o755)
	sh.Stderr = os.Stderr
	steps, err := sh.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(sh.Process.Pid)
	common := []string{"-e", strings.Join(schema.Families(), ","), "-p", pid}
	all, allPath := start(t, append(slices.Clone(common), "-b", "256MiB")...)
	var some *exec.Cmd
	var somePath string
	if !middle {
		some, somePath = start(t, append(slices.Clone(common), options...)...)
	}
	io.WriteString(steps, "\n")
	waitFor(t, "the workload to reach its middle", func() bool {
		_, err := os.Stat(sh.Dir + "/half")
		return err == nil && isWaiting(pid)
	})
	if middle {
		some, somePath = start(t, append(slices.Clone(common), options...)...)
	}
	half := time.Now()
	io.WriteString(steps, "\n")
	steps.Close()
	if err := sh.Wait(); err != nil {
		t.Fatalf("the workload: %v", err)
	}
	for _, rec := range []*exec.Cmd{all, some} {
		if err := rec.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	truth, tested := open(t, allPath), open(t, somePath)
	if n := lost(truth); n != 0 {
		t.Logf("the recorder with enough room lost %v", truth.Lost())
		return nil, false
	}
	wantComplete(t, tested)
	since := int64(0)
	if middle {
		since = half.UnixNano()
	}
	for _, table := range schema.TablesOf(schema.Families()...) {
		if !schema.Of(table).Event() {
			continue
		}
		produced := producedSince(t, truth, table, since)
		recorded, missed := int64(len(withoutSnapshots(rows(t, tested, table)))), tested.Lost()[table]
		if produced != recorded+missed {
			t.Errorf("table %s: %d produced, %d recorded + %d lost = %d", table, produced, recorded, missed,
				recorded+missed)
		}
	}
	return tested.Lost(), true
}

// storm is a shell command that makes many events of all kinds, and then the file "half".
func storm() string {
	w := program("workload")
	n := 200
	if testing.Short() {
		n = 20
	}
	return fmt.Sprintf(`i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done
%[2]s spin 200ms >/dev/null & %[2]s spin 200ms >/dev/null &
%[2]s calls %[3]d 8 >/dev/null; %[2]s files . 20 >/dev/null; %[2]s ipc 5 >/dev/null; %[2]s tcp 5 >/dev/null
%[2]s signals 5 >/dev/null; %[2]s seccomp 5 >/dev/null; wait; : >half`, n, w, 50*n)
}

// isWaiting reports whether a process sleeps, and has no children.
func isWaiting(pid string) bool {
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	children, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "S") && len(children) == 0
}

// producedSince counts the rows of a table of events that ended at or after t, in ns since the Unix epoch.
func producedSince(t *testing.T, c *format.Capture, table string, since int64) (n int64) {
	for _, r := range withoutSnapshots(rows(t, c, table)) {
		end := r.n("ts")
		if begin := schema.Of(table).BeginOp; begin == "*" || begin != "" && r["op"] == begin {
			end += r.n("duration_ns")
		}
		if table == "pending" || end >= since {
			n++
		}
	}
	return n
}

// withoutSnapshots leaves out the rows that say what was there when the recording began.
func withoutSnapshots(all []row) []row {
	return slices.DeleteFunc(all, func(r row) bool { return r["op"] == "snapshot" })
}
