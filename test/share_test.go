// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// firstCPU returns the number of a CPU that this process may run on.
func firstCPU(t *testing.T) string {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	n := 0
	for !set.IsSet(n) {
		n++
	}
	return strconv.Itoa(n)
}

// One user's processes and connections do not displace another's: while the recorder is stopped, a user fills the
// rings, and each process that root starts after that has its rows. What is lost is counted exactly. A connect that
// fails before the first packet costs as little as a call, and displaces nothing at all.
func TestUsersDoNotDisplaceOthers(t *testing.T) {
	needProgram(t, "taskset")
	const nobody, rounds, starts = "65534", "6000", 60 // more rounds than fit
	for _, c := range []struct {
		kind string
		lost string // the table of which rows are lost
	}{{"refused", "tcp"}, {"unreachable", "tcp"}, {"processes", "process"}} {
		t.Run(c.kind, func(t *testing.T) {
			needKernel(t)
			if testing.Short() && c.kind == "processes" {
				t.Skip("starts thousands of processes, not run with -short")
			}
			said := t.TempDir() + "/said"
			got, _ := capture(t, 0, "-e", "process,tcp", "--max-memory", "64MiB", "--", "sh", "-c",
				`kill -STOP $PPID; taskset -p -c $0 $$ >/dev/null
				"$1" neighbour $2 . $3 $4 >"$5"; i=0; while [ $i -lt $6 ]; do /bin/true; i=$((i+1)); done
				kill -CONT $PPID`,
				firstCPU(t), program("workload"), c.kind, rounds, nobody, said, strconv.Itoa(starts))
			lost := got.Lost()
			if lost[c.lost] == 0 {
				t.Fatal("the ring was never full")
			}
			var neighbour struct{ PID, Rounds int64 }
			if err := json.Unmarshal([]byte(read(t, said)), &neighbour); err != nil {
				t.Fatal(err)
			}
			execs, exits, its, made := 0, 0, int64(0), 2*neighbour.Rounds+1 // the last one is its own exit
			began := make(map[int64]bool)
			for _, r := range rows(t, got, "process") {
				switch {
				case r.s("op") == "exec" && r.s("filename") == "/bin/true":
					execs++
					began[r.n("pid")] = true
				case r.s("op") == "exit" && began[r.n("pid")]:
					exits++
				case r.n("ppid") == neighbour.PID, r.s("op") == "exit" && r.n("pid") == neighbour.PID:
					its++
				}
			}
			if execs != starts || exits != starts {
				t.Errorf("%d execs and %d exits of another user, want %d of each", execs, exits, starts)
			}
			if c.lost == "tcp" {
				its, made = int64(len(rows(t, got, "tcp"))), neighbour.Rounds
			}
			if its+lost[c.lost] != made {
				t.Errorf("%d rows and %d lost, want %d", its, lost[c.lost], made)
			}
			t.Logf("%d rows, lost %v", its, lost)
		})
	}
}
