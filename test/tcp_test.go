// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A connectionReport is what `workload connections` and `workload hold` print.
type connectionReport struct {
	PID, Child int64
	Ports      map[string]int64
	Skipped    []string
}

// byCase tallies rows of tcp by case, and in it by who, op, ret, sent and received. A row belongs to the case that has
// one of its ports.
func (r *connectionReport) byCase(t *testing.T, all []row, who map[int64]row) map[string]map[string]int {
	t.Helper()
	names := map[int64]string{}
	for name, port := range r.Ports {
		if !strings.Contains(name, ": ") {
			names[port] = name
		}
	}
	cases := map[string][]row{}
	for _, row := range all {
		name := names[row.n("sport")]
		if name == "" {
			name = names[row.n("dport")]
		}
		if row.n("sport") == 0 && row.n("dport") == 0 {
			name = "no address"
		}
		if name == "" {
			t.Errorf("row %v is of no case", row)
		}
		row["who"] = "another"
		switch pid := who[row.n("task")].n("pid"); pid {
		case r.PID:
			row["who"] = "self"
		case r.Child:
			row["who"] = "child"
		case r.Ports["shared: pid"]:
			row["who"] = "sharer"
		}
		cases[name] = append(cases[name], row)
	}
	tallies := map[string]map[string]int{}
	for name, rows := range cases {
		tallies[name] = tally(rows, "who", "op", "ret", "sent", "received")
	}
	return tallies
}

func (r *connectionReport) want(t *testing.T, got, want map[string]map[string]int) {
	t.Helper()
	for _, name := range r.Skipped {
		t.Logf("this kernel does not have %s", name)
		delete(want, name)
	}
	for name, rows := range got {
		if want[name] == nil {
			t.Errorf("%s: %v, want nothing", name, rows)
		}
	}
	for name, rows := range want {
		t.Run(name, func(t *testing.T) { wantTally(t, got[name], rows) })
	}
}

const (
	connected = "self connect 0 0 0"
	accepted  = "self accept 0 0 0"
)

// closes is how a connection ends that the client sent n bytes over, with these results.
func closes(n int, client, server int) map[string]int {
	want := map[string]int{connected: 1, accepted: 1}
	want[fmt.Sprintf("self close %d %d 0", client, n)]++
	want[fmt.Sprintf("self close %d 0 %d", server, n)]++
	return want
}

// Connections that begin and end in every way.
func TestConnections(t *testing.T) {
	eachMechanism(t, "tcp", func(t *testing.T, mechanism string) {
		for _, family := range []string{"4", "6"} {
			t.Run("IPv"+family, func(t *testing.T) {
				var report connectionReport
				got := recordWork(t, "tcp", mechanism, &report, "connections", family)
				all := rows(t, got, "tcp")
				for _, r := range all {
					if r.n("duration_ns") < 0 || r.n("flags") != 0 {
						t.Errorf("duration or flags of %v", r)
					}
				}
				report.want(t, report.byCase(t, all, tasks(t, got)), map[string]map[string]int{
					"simultaneous open":   {connected: 1, "self close 0 10 10": 1},
					"reset before accept": closes(11, 0, -104),
					"never accepted":      {connected: 2, "self close 0 0 0": 3, "self close -104 0 0": 1},
					"unread":              closes(12, -104, 0),
					"result asked for": {connected: 1, accepted: 1, "self connect -111 0 0": 1,
						"self close 0 13 0": 1, "self close 0 0 13": 1},
					"disconnect": {connected: 2, accepted: 2, "self close 0 14 0": 1, "self close -104 0 14": 1,
						"self close 0 15 0": 1, "self close 0 0 15": 1},
					"half closed": {connected: 1, accepted: 1, "self close 0 16 0": 1, "self close 0 0 16": 1},
					"passed on":   {connected: 1, accepted: 1, "child close 0 17 0": 1, "self close 0 0 17": 1},
					"urgent":      closes(18, 0, 0), "retransmitted": closes(3000, 0, 0),
					"timed out":      {connected: 1, accepted: 1, "self close -110 19 0": 1, "self close 0 0 0": 1},
					"deferred":       closes(20, 0, 0),
					"fast open":      {connected: 2, accepted: 2, "self close 0 21 0": 2, "self close 0 0 21": 2},
					"closed early":   {"self connect -125 0 0": 1},
					"reset by owner": {connected: 1, accepted: 1, "self close 0 22 0": 1, "self close -104 0 22": 1},
					"mptcp":          closes(23, 0, 0), "mptcp listener": closes(24, 0, 0),
					"mptcp refused": {"self connect -111 0 0": 1},
					"shared": {connected: 1, "sharer accept 0 0 0": 1, "sharer close 0 25 0": 1,
						"self close 0 0 25": 1},
					"accepted by a thread": {connected: 1, accepted: 1, "self close -104 26 0": 1,
						"self close 0 0 26": 1},
					"no address": {"self connect -22 0 0": 1, "self connect -97 0 0": 1},
					"broadcast":  {fmt.Sprintf("self connect -%d 0 0", report.Ports["broadcast: errno"]): 1},
					"connected":  closes(0, 0, 0),
				})
			})
		}
	})
}

// holder is a running `workload hold`.
type holder struct {
	cmd    *exec.Cmd
	report connectionReport
	in     io.Writer
	out    *bufio.Reader
}

func startHolder(t *testing.T, family string) *holder {
	t.Helper()
	needKernel(t)
	h := &holder{cmd: exec.Command(program("workload"), "hold", family)}
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); h.cmd.Process.Kill(); h.cmd.Wait() })
	h.in, h.out = in, bufio.NewReader(out)
	if err := json.Unmarshal([]byte(h.line(t)), &h.report); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *holder) line(t *testing.T) string {
	t.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the workload ended: %v", err)
	}
	return line
}

// goOn makes the workload do what it does with its connections during the recording.
func (h *holder) goOn(t *testing.T) {
	t.Helper()
	fmt.Fprintln(h.in)
	h.line(t)
}

// heldCases are the rows of `workload hold`.
func heldCases() map[string]map[string]int {
	const snapshot = "self snapshot 0 0 0"
	return map[string]map[string]int{
		"closed":             {snapshot: 2, "self close 0 31 0": 1, "self close 0 0 31": 1},
		"reset":              {snapshot: 2, "self close -104 31 0": 1, "self close 0 0 31": 1},
		"kept":               {snapshot: 2, "self end 0 65 0": 1, "self end 0 0 65": 1},
		"mptcp kept":         {snapshot: 2, "self end 0 65 0": 1, "self end 0 0 65": 1},
		"copied":             {snapshot: 2, "self end 0 0 0": 2},
		"half open":          {connected: 1, accepted: 1, "self close 0 0 0": 2},
		"half open, refused": {"self connect -111 0 0": 1},
		"waiting":            {snapshot: 1, accepted: 1, "self close 0 34 0": 1, "self close -104 0 34": 1},
		"waiting still":      {snapshot: 1, "self end 0 0 0": 1},
		"half closed":        {snapshot: 2, "self close 0 0 0": 2},
		"mptcp closed":       {snapshot: 2, "self close 0 35 0": 1, "self close 0 0 35": 1},
		"opened":             {connected: 1, accepted: 1, "self end 0 36 0": 1, "self end 0 0 36": 1},
	}
}

// Connections that are open when a recording begins and ends, of another network namespace.
func TestConnectionsFromBefore(t *testing.T) {
	eachMechanism(t, "tcp", func(t *testing.T, mechanism string) {
		for _, family := range []string{"4", "6"} {
			t.Run("IPv"+family, func(t *testing.T) {
				h := startHolder(t, family)
				rec, path := start(t, "-e", "tcp", "--mechanism", "tcp="+mechanism, "-p",
					strconv.FormatInt(h.report.PID, 10))
				h.goOn(t)
				rec.Process.Signal(syscall.SIGINT)
				rec.Wait()
				got := open(t, path)
				wantNoLoss(t, got)
				all := rows(t, got, "tcp")
				h.report.want(t, h.report.byCase(t, all, tasks(t, got)), heldCases())
				h.wantTimes(t, all)
			})
		}
	})
}

// wantTimes wants durations and flags only of what is known.
func (h *holder) wantTimes(t *testing.T, all []row) {
	t.Helper()
	during := []int64{h.report.Ports["opened"], h.report.Ports["half open"], h.report.Ports["half open, refused"]}
	for _, r := range all {
		known := slices.Contains(during, r.n("sport")) || slices.Contains(during, r.n("dport"))
		switch d := r.n("duration_ns"); r.s("op") {
		case "snapshot", "accept":
			if d != 0 {
				t.Errorf("duration of %v", r)
			}
		case "close", "end", "connect":
			if known != (d > 0) || !known && d != -1 {
				t.Errorf("duration of %v", r)
			}
		}
		halfOpen := r.s("op") == "connect" && r.n("dport") != h.report.Ports["opened"]
		if (r.n("flags") == 1) != halfOpen {
			t.Errorf("flags of %v", r)
		}
	}
}

// What is open when a recording begins is no event of it.
func TestOpenConnectionsAreNoEvents(t *testing.T) {
	h := startHolder(t, "4")
	got, _ := capture(t, 0, "-e", "tcp", "-n", "1", "-d", "1s", "-p", strconv.FormatInt(h.report.PID, 10))
	ops := tally(rows(t, got, "tcp"), "op")
	if ops["snapshot"] != 16 || len(h.report.Skipped) == 0 && ops["end"] != 1 {
		t.Errorf("rows %v, want 16 snapshots and, of events, one", ops)
	}
}

// A dump of a window has the connections that were open when it began, and still are at its end, although the rows from
// the recording's start are gone.
func TestDumpsHaveOpenConnections(t *testing.T) {
	h := startHolder(t, "4")
	f := startFlight(t, "-e", "tcp", "--last", "1s", "-p", strconv.FormatInt(h.report.PID, 10))
	time.Sleep(5 * time.Second) // more than the window, so that the first generations are dropped
	f.Process.Signal(syscall.SIGUSR2)
	waitFor(t, "a dump", func() bool { return len(f.dumps("sigusr2")) > 0 })
	f.stop()
	for _, reason := range []string{"sigusr2", "end"} {
		for _, path := range f.dumps(reason) {
			c := f.wantDump(path, reason)
			wantNoLoss(t, c)
			wantNamed(t, c)
			byOp := map[string]map[string]int{}
			for _, op := range []string{"snapshot", "end"} {
				byOp[op] = tally(withOp(t, c, op), "sport", "dport")
			}
			if len(byOp["end"]) != 16 || len(byOp["snapshot"]) != 16 {
				t.Errorf("%s: connections open at the start and at the end: %v, want 16 of each", reason, byOp)
			}
			for end, n := range byOp["end"] {
				if n != 1 || byOp["snapshot"][end] == 0 {
					t.Errorf("%s: connection %s is open at the end %d times, at the start of segments %d times",
						reason, end, n, byOp["snapshot"][end])
				}
			}
		}
	}
}

// withOp returns the rows of tcp with this op.
func withOp(t *testing.T, c *format.Capture, op string) []row {
	t.Helper()
	return slices.DeleteFunc(rows(t, c, "tcp"), func(r row) bool { return r.s("op") != op })
}
