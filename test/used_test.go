// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"testing"
)

// usedProcess is Used of internal/workload.
type usedProcess struct {
	Kind                         string
	PID                          int64
	User, System, Memory, Faults int64
}

// What processes have used is what wait4 says, also of those that lived a millisecond: less than a tick, in one piece.
func TestUsedIsWhatWaitSays(t *testing.T) {
	needKernel(t)
	for _, families := range []string{"process", allFamilies} {
		t.Run(families, func(t *testing.T) {
			got, stdout := capture(t, 0, "-e", families, "--", program("workload"), "used", "1000")
			wantNoLoss(t, got)
			var report struct{ Short, Long []usedProcess }
			if err := json.Unmarshal([]byte(stdout), &report); err != nil {
				t.Fatalf("the workload printed %q: %v", stdout, err)
			}
			exits := map[int64]row{}
			for _, r := range processes(t, got, "exit") {
				exits[r.n("pid")] = r
			}
			if same := wantUsed(t, exits, report.Short); same < len(report.Short)*9/10 {
				t.Errorf("only %d of %d processes used what wait4 said", same, len(report.Short))
			}
			for _, p := range report.Long {
				wantUsed(t, exits, []usedProcess{p})
			}
		})
	}
}

// wantUsed wants the exits of processes to have what wait4 said, of the CPU time the sum. It returns how many of them
// have the same CPU time. (wait4 lacks the last microseconds of threads that end before the process.)
func wantUsed(t *testing.T, exits map[int64]row, list []usedProcess) (same int) {
	t.Helper()
	var sum, want int64
	for _, p := range list {
		r := exits[p.PID]
		if r == nil {
			t.Errorf("%s: no exit of process %d", p.Kind, p.PID)
			continue
		}
		sum += r.n("cpu_ns")
		want += p.User + p.System
		diff := r.n("cpu_ns") - p.User - p.System
		if 0 <= diff && diff < 2000 { // wait4 says µs, rounded down
			same++
		}
		if r.n("utime_ns")+r.n("stime_ns") != r.n("cpu_ns") {
			t.Errorf("%s: %d ns are not %d in user mode and %d in the kernel", p.Kind, r.n("cpu_ns"), r.n("utime_ns"),
				r.n("stime_ns"))
		}
		if r.n("rss_max") != p.Memory || r.n("major_faults") != p.Faults {
			t.Errorf("%s: %d bytes and %d major faults, wait4 said %d and %d", p.Kind, r.n("rss_max"),
				r.n("major_faults"), p.Memory, p.Faults)
		}
	}
	if diff := sum - want; diff < -want/20 || diff > want/20 {
		t.Errorf("%d processes used %d ns, wait4 said %d", len(list), sum, want)
	}
	return same
}
