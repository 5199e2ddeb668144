//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// Every emitted record is in the capture exactly once, for tables of all kinds and many batches.
func TestEveryRecordIsWritten(t *testing.T) {
	r := newRecording(t)
	r.session.running = []int64{1, 2}
	events := map[string]int64{"syscall": 50_000, "file": 40_000, "process": 9_000, "tcp": 10, "seccomp": 1}
	pushed := map[string]int64{}
	result := r.result(func(int) (more bool) {
		for table, n := range events {
			for range min(n-pushed[table], 9_999) {
				r.session.push(table, 1, pushed[table])
				pushed[table]++
			}
			more = more || pushed[table] < n
		}
		return more
	})
	c := capture(t, r.cfg.Path)
	if !c.Manifest.Complete || len(r.observer.miscounted) != 0 {
		t.Errorf("complete: %v, miscounted: %v", c.Manifest.Complete, r.observer.miscounted)
	}
	wall := c.Manifest.Clock[0].Wall - c.Manifest.Clock[0].Monotonic
	all := int64(0)
	for table, n := range events {
		values := valuesOf(t, c, table, "ts")
		for i := range n {
			if times := values[i+wall]; times != 1 {
				t.Fatalf("%s: record %d is there %d times", table, i, times)
			}
		}
		if table != "process" { // the programs do not produce its snapshot rows
			r.balanced(c, table)
		}
		if lost := c.Manifest.Tables[table].Lost; lost != 0 {
			t.Errorf("%s: %d lost, want 0", table, lost)
		}
		all += n
	}
	if result.All.Rows != all || result.All.Lost != 0 || result.Kept != nil {
		t.Errorf("%+v, want %d rows", result.All, all)
	}
	// Tasks that ran before are there too, and do not count as events.
	if tasks := valuesOf(t, c, "task", "task"); len(tasks) != 2 {
		t.Errorf("tasks %v, want 1 and 2", tasks)
	}
	if rows := c.Table("process").Rows; rows != events["process"]+1 {
		t.Errorf("%d rows of processes, want one snapshot and %d events", rows, events["process"])
	}
}

// Each limit ends the recording by itself.
func TestLimits(t *testing.T) {
	const maxSweeps = 1000 // the limit must end the recording before
	flood := func(r *recording) func(int) bool {
		return func(sweep int) bool {
			for range 1000 {
				r.session.push("syscall", 1, 1)
				r.session.push("process", 1, 1)
			}
			if sweep == maxSweeps {
				r.t.Error("the limit did not end the recording")
			}
			return sweep < maxSweeps
		}
	}
	t.Run("events", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.MaxRows = 2500
		result := r.result(flood(r))
		c := capture(t, r.cfg.Path)
		if rows := c.Table("syscall").Rows + c.Table("process").Rows; rows != 2500 || result.All.Rows != 2500 {
			t.Errorf("%d rows, by the result %d, want 2500", rows, result.All.Rows)
		}
		if notes := c.Manifest.Notes; !slices.Contains(notes, "stopped after 2500 events") {
			t.Errorf("notes: %q", notes)
		}
		if result.All.Lost != 0 {
			t.Errorf("%d are lost; events after the limit must not count as lost", result.All.Lost)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.MaxBytes, r.cfg.Codec = 100_000, "none"
		if result := r.result(flood(r)); result.All.Bytes < 100_000 {
			t.Errorf("%d bytes, want at least 100000", result.All.Bytes)
		}
	})
	t.Run("time", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.Duration = 50 * time.Millisecond
		started := time.Now()
		result := r.result(func(sweep int) bool { return sweep < maxSweeps })
		if d := time.Since(started); d < r.cfg.Duration || d > maxSweeps*minPause ||
			result.All.End.Sub(result.All.Start) < r.cfg.Duration {
			t.Errorf("the recording ended after %v", d)
		}
	})
}

// When a method of the session fails, its error is returned. What was recorded until then is in the capture, and
// produced = recorded + lost.
func TestSessionFails(t *testing.T) {
	broken := errors.New("broken")
	t.Run("Start", func(t *testing.T) {
		r := newRecording(t)
		r.session.failing["Start"] = broken
		r.open()
		if err := r.recorder.Start(); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if err := r.recorder.Abort(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(r.cfg.Path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Abort left the capture: %v", err)
		}
	})
	for method, cfg := range map[string]Config{
		"Sweep": {}, "Shed": {MaxCPU: 1}, "Stop": {},
		"SetEpoch": {Keep: 2, SegmentBytes: 1}, "Announce": {Keep: 2, SegmentTime: time.Hour},
	} {
		t.Run(method, func(t *testing.T) {
			r := newRecording(t)
			cfg.Path, cfg.Manifest, cfg.Codec = r.cfg.Path, r.cfg.Manifest, r.cfg.Codec
			r.cfg = cfg
			_, err := r.run(func(sweep int) bool {
				r.session.push("syscall", 1, int64(sweep))
				r.session.announce("task", 1)
				if sweep == 3 || method == "Shed" { // Shed is called only once
					r.session.failing[method] = broken
				}
				if method == "Shed" {
					for used := cpuTime(); cpuTime()-used < 15*time.Millisecond; { // more than MaxCPU allows
					}
				}
				return sweep < 100 && (method != "Stop" && method != "Announce" || sweep < 5)
			})
			if !errors.Is(err, broken) {
				t.Fatalf("%v", err)
			}
			c := capture(t, r.cfg.Path)
			if rows, _ := r.balanced(c, "syscall"); rows == 0 {
				t.Error("the capture has no rows")
			}
			if c.Manifest.Complete || !slices.Contains(c.Manifest.Notes, "it ended early, with an error") {
				t.Errorf("complete: %v, notes %q", c.Manifest.Complete, c.Manifest.Notes)
			}
		})
	}
}

// Events that the programs lost, events that the kernel skipped, and records that were emitted but not received are all
// in the loss table and in the manifest.
func TestLossesAreAccountedFor(t *testing.T) {
	r := newRecording(t)
	r.session.capacity = 100
	r.session.missed["ipc"] = 7
	result := r.result(func(sweep int) bool {
		for range 150 {
			r.session.push("syscall", 1, int64(sweep))
		}
		if sweep == 2 {
			r.session.count(layoutOf("tcp")).Emitted += 3 // a defect: these records are never in the ring
		}
		return sweep < 4
	})
	c := capture(t, r.cfg.Path)
	if rows, lost := r.balanced(c, "syscall"); rows != 400 || lost != 200 {
		t.Errorf("%d calls and %d lost, want 400 and 200", rows, lost)
	}
	want := map[string]int64{"syscall": 200, "ipc": 7, "tcp": 3}
	for table, n := range want {
		if lost := c.Lost()[table]; lost != n || c.Manifest.Tables[table].Lost != n {
			t.Errorf("%s: %d lost, and %d by the manifest, want %d", table, lost, c.Manifest.Tables[table].Lost, n)
		}
	}
	if result.All.Lost != 210 {
		t.Errorf("%d lost in all, want 210", result.All.Lost)
	}
	if reported := r.observer.miscounted; len(reported) != 1 || reported[0] != "tcp: 3 records emitted, 0 received" {
		t.Errorf("reported: %q", reported)
	}
}

// Old generations are dropped, and what is kept is self-contained: each task that its events refer to has its row.
func TestRotation(t *testing.T) {
	r := newRecording(t)
	r.cfg.Keep, r.cfg.SegmentBytes, r.cfg.Codec = 2, 1, "none"
	r.session.announce("task", 1)
	const sweeps = 60
	result := r.result(func(sweep int) bool {
		r.session.push("process", 1, monotonic())
		if sweep%10 == 0 {
			r.session.announce("task", int64(sweep)) // between two events
		}
		r.session.push("process", int32(max(sweep/10*10, 1)), monotonic())
		r.flushNow()
		return sweep < sweeps
	})
	c := capture(t, r.cfg.Path)
	if result.Kept == nil || result.Kept.Rows >= result.All.Rows || result.All.Rows != 2*sweeps {
		t.Fatalf("recorded %+v, kept %+v", result.All, result.Kept)
	}
	if rows := c.Table("process").Rows; rows != result.Kept.Rows || rows == 0 {
		t.Errorf("%d rows, by the result %d", rows, result.Kept.Rows)
	}
	tasks := valuesOf(t, c, "task", "task")
	for id := range valuesOf(t, c, "process", "task") {
		if tasks[id] == 0 {
			t.Errorf("task %d has no row", id)
		}
	}
	if tasks[10] != 0 || result.All.Lost != 0 {
		t.Errorf("tasks %v are kept, want no task 10; %d are lost", tasks, result.All.Lost)
	}
	if epochs := r.session.epochs; len(epochs) < 3 || epochs[0] != 1 || !slices.IsSorted(epochs) {
		t.Errorf("epochs %v", epochs)
	}
}

// A flight recorder dumps on a signal, on its trigger and at the end. Then it removes the window.
func TestFlightRecorder(t *testing.T) {
	r := newRecording(t)
	requests := make(chan os.Signal, 1)
	trigger, err := CompileTrigger(`pid == 0 && comm == ""`, []string{"process"})
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Last, r.cfg.RequestDump, r.cfg.Trigger = time.Hour, requests, trigger
	r.session.announce("task", 1)
	result := r.result(func(sweep int) bool {
		r.session.push("syscall", 1, int64(sweep))
		switch sweep {
		case 2:
			requests <- unix.SIGUSR2
		case 20:
			r.session.push("process", 1, monotonic()) // sets off the trigger
			r.flushNow()
		}
		dumps := len(r.observer.made())
		return sweep < 1000 && dumps < 2 || sweep < 30
	})
	reasons := map[string]string{}
	for _, d := range result.Dumps {
		reasons[d.Reason] = d.Path
	}
	if len(result.Dumps) != 3 || len(reasons) != 3 || !slices.Equal(entriesOf(result.Dumps), entries(t, r.cfg.Path)) {
		t.Fatalf("dumps %+v; the directory has %v", result.Dumps, entries(t, r.cfg.Path))
	}
	if !slices.Equal(result.Dumps, r.observer.made()) {
		t.Errorf("reported: %+v", r.observer.made())
	}
	for _, d := range result.Dumps {
		c := capture(t, d.Path)
		if !c.Manifest.Complete || c.Manifest.Dump.Reason != d.Reason || c.Table("syscall") == nil ||
			valuesOf(t, c, "task", "task")[1] == 0 {
			t.Errorf("%s: %+v", d.Path, c.Manifest)
		}
	}
	c := capture(t, reasons["end"])
	if rows, lost := r.balanced(c, "syscall"); rows == 0 || lost != 0 {
		t.Errorf("the dump at the end has %d rows, %d lost", rows, lost)
	}
	if c := capture(t, reasons["trigger"]); c.Table("process").Rows != 1 {
		t.Errorf("the trigger's dump does not have the event that matched")
	}
}

// A reader is the other end of a stream. It stops reading after some bytes, until release is closed; without release it
// closes the stream then.
type reader struct {
	got     []byte
	stops   int           // bytes
	release chan struct{} // nil: writes fail with errClosed
}

var errClosed = errors.New("closed by the reader")

func (r *reader) Write(p []byte) (int, error) {
	if len(r.got)+len(p) > r.stops {
		if r.release == nil {
			return 0, errClosed
		}
		<-r.release
	}
	r.got = append(r.got, p...)
	return len(p), nil
}

// streamed is a recording to standard output, which is out.
func streamed(t *testing.T, out io.Writer) *recording {
	r := newRecording(t)
	r.cfg.Path, r.cfg.Stdout, r.cfg.Codec = "-", out, "none"
	return r
}

// flood pushes system calls that fill this number of batches.
func (r *recording) flood(batches int) {
	for i := range batches * bulkRows {
		r.session.push("syscall", 1, int64(i))
	}
}

// While the reader does not read, the drain does not block: records stay in their ring until it is full, then they are
// counted as lost. When the reader continues, it gets everything that was not lost.
func TestSlowReader(t *testing.T) {
	out := &reader{stops: 64 << 10, release: make(chan struct{})}
	r := streamed(t, out)
	r.session.capacity = 2 * bulkRows
	result := r.result(func(sweep int) bool {
		r.flood(2)
		if r.session.count(layoutOf("syscall")).Lost == 0 && sweep < 1000 {
			return true
		}
		close(out.release)
		return false
	})
	path := filepath.Join(t.TempDir(), "stream.tar")
	if err := os.WriteFile(path, out.got, 0o600); err != nil {
		t.Fatal(err)
	}
	c := capture(t, path)
	if rows, lost := r.balanced(c, "syscall"); rows == 0 || lost == 0 || result.All.Lost != lost {
		t.Errorf("%d rows and %d lost, by the result %d lost", rows, lost, result.All.Lost)
	}
	if !c.Manifest.Complete || len(r.observer.miscounted) != 0 {
		t.Errorf("complete: %v, miscounted: %v", c.Manifest.Complete, r.observer.miscounted)
	}
}

// If the reader stops reading for good, the recorder gives up when the recording is over.
func TestStalledReader(t *testing.T) {
	defer func(d time.Duration) { stallAfter = d }(stallAfter)
	stallAfter = 200 * time.Millisecond
	out := &reader{stops: 64 << 10, release: make(chan struct{})}
	defer close(out.release)
	r := streamed(t, out)
	_, err := r.run(func(sweep int) bool {
		r.flood(1)
		return sweep < 10
	})
	if err == nil || !strings.Contains(err.Error(), "its reader has read nothing for 200ms") {
		t.Errorf("%v", err)
	}
}

// A write that fails ends the recording with its error. Rows that could not be written are counted.
func TestWriteFails(t *testing.T) {
	out := &reader{stops: 3 << 20}
	r := streamed(t, out)
	sweeps := 0
	_, err := r.run(func(sweep int) bool {
		sweeps = sweep
		r.flood(1)
		return sweep < 1000
	})
	if !errors.Is(err, errClosed) {
		t.Fatalf("%v", err)
	}
	if sweeps == 1000 {
		t.Error("the recording continued")
	}
	c, err := format.OpenStream(strings.NewReader(string(out.got)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Manifest.Complete {
		t.Error("the manifest says that the capture is complete")
	}
	var unwritten int64
	for _, l := range r.recorder.drain.lanes.all() {
		unwritten += l.unwritten["syscall"]
	}
	if unwritten == 0 {
		t.Error("no rows are counted as not written")
	}
}
