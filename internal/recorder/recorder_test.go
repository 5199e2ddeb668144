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

// Every record that was emitted is in the capture, once, whatever table it is of and however many there are.
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
		if table != "process" { // of which the snapshot is not produced by programs
			r.balanced(c, table)
		}
		if lost := c.Manifest.Tables[table].Lost; lost != 0 {
			t.Errorf("%s: %d lost", table, lost)
		}
		all += n
	}
	if result.All.Rows != all || result.All.Lost != 0 || result.Kept != nil {
		t.Errorf("%+v, want %d rows", result.All, all)
	}
	// What ran already is there too, and does not count as an event.
	if tasks := valuesOf(t, c, "task", "task"); len(tasks) != 2 {
		t.Errorf("tasks %v, want 1 and 2", tasks)
	}
	if rows := c.Table("process").Rows; rows != events["process"]+1 {
		t.Errorf("%d rows of processes, want one snapshot and %d events", rows, events["process"])
	}
}

// Each limit ends the recording by itself.
func TestLimits(t *testing.T) {
	const never = 1000 // sweeps: a limit ends it earlier
	flood := func(r *recording) func(int) bool {
		return func(sweep int) bool {
			for range 1000 {
				r.session.push("syscall", 1, 1)
				r.session.push("process", 1, 1)
			}
			if sweep == never {
				r.t.Error("the limit has not ended it")
			}
			return sweep < never
		}
	}
	t.Run("events", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.MaxRows = 2500
		result := r.result(flood(r))
		c := capture(t, r.cfg.Path)
		if rows := c.Table("syscall").Rows + c.Table("process").Rows; rows != 2500 || result.All.Rows != 2500 {
			t.Errorf("%d rows, said to be %d, want 2500", rows, result.All.Rows)
		}
		if notes := c.Manifest.Notes; !slices.Contains(notes, "stopped after 2500 events") {
			t.Errorf("notes: %q", notes)
		}
		if result.All.Lost != 0 {
			t.Errorf("%d are lost; what happened after is neither recorded nor lost", result.All.Lost)
		}
	})
	t.Run("bytes", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.MaxBytes, r.cfg.Codec = 100_000, "none"
		if result := r.result(flood(r)); result.All.Bytes < 100_000 {
			t.Errorf("%d bytes, want 100000 and the batch that passed it", result.All.Bytes)
		}
	})
	t.Run("time", func(t *testing.T) {
		r := newRecording(t)
		r.cfg.Duration = 50 * time.Millisecond
		begun := time.Now()
		result := r.result(func(sweep int) bool { return sweep < never })
		if d := time.Since(begun); d < r.cfg.Duration || d > never*sweepEvery ||
			result.All.End.Sub(result.All.Start) < r.cfg.Duration {
			t.Errorf("it ended after %v", d)
		}
	})
}

// Whatever of the session fails, the error comes out; what was recorded until then is in the capture, and it adds up.
func TestSessionThatFails(t *testing.T) {
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
			t.Errorf("something is left behind: %v", err)
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
				if sweep == 3 || method == "Shed" { // which is called once
					r.session.failing[method] = broken
				}
				if method == "Shed" {
					for used := cpuTime(); cpuTime()-used < 15*time.Millisecond; { // above its limit
					}
				}
				return sweep < 100 && (method != "Stop" && method != "Announce" || sweep < 5)
			})
			if !errors.Is(err, broken) {
				t.Fatalf("%v", err)
			}
			c := capture(t, r.cfg.Path)
			if rows, _ := r.balanced(c, "syscall"); rows == 0 {
				t.Error("nothing of what was recorded is there")
			}
		})
	}
}

// What the programs lost, what the kernel skipped, and what does not add up is in the loss table, and in the manifest.
func TestLossesAreAccountedFor(t *testing.T) {
	r := newRecording(t)
	r.session.capacity = 100
	r.session.missed["ipc"] = 7
	result := r.result(func(sweep int) bool {
		for range 150 {
			r.session.push("syscall", 1, int64(sweep))
		}
		if sweep == 2 {
			r.session.count(layoutOf("tcp")).Emitted += 3 // a defect: they never come
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
	if said := r.observer.miscounted; len(said) != 1 || said[0] != "tcp: 3 records emitted, 0 received" {
		t.Errorf("it said %q", said)
	}
}

// Old generations go, and what is left is whole by itself: each task that its events refer to has its row.
func TestRotation(t *testing.T) {
	r := newRecording(t)
	r.cfg.Keep, r.cfg.SegmentBytes, r.cfg.Codec = 2, 1, "none"
	r.session.announce("task", 1)
	const sweeps = 60
	result := r.result(func(sweep int) bool {
		r.session.push("process", 1, monotonic())
		if sweep%10 == 0 {
			r.session.announce("task", int64(sweep)) // and an event of it before and after
		}
		r.session.push("process", int32(max(sweep/10*10, 1)), monotonic())
		r.flushNow()
		return sweep < sweeps
	})
	c := capture(t, r.cfg.Path)
	if result.Kept == nil || result.Kept.Rows >= result.All.Rows || result.All.Rows != 2*sweeps {
		t.Fatalf("of %+v %+v is kept", result.All, result.Kept)
	}
	if rows := c.Table("process").Rows; rows != result.Kept.Rows || rows == 0 {
		t.Errorf("%d rows, said to be %d", rows, result.Kept.Rows)
	}
	tasks := valuesOf(t, c, "task", "task")
	for id := range valuesOf(t, c, "process", "task") {
		if tasks[id] == 0 {
			t.Errorf("task %d has no row", id)
		}
	}
	if tasks[10] != 0 || result.All.Lost != 0 {
		t.Errorf("tasks %v are left; %d are lost", tasks, result.All.Lost)
	}
	if epochs := r.session.epochs; len(epochs) < 3 || epochs[0] != 2 || !slices.IsSorted(epochs) {
		t.Errorf("epochs %v", epochs)
	}
}

// A flight recorder dumps when it is asked to, and at the end; the window is gone then.
func TestFlightRecorder(t *testing.T) {
	r := newRecording(t)
	asked := make(chan os.Signal, 1)
	trigger, err := CompileTrigger(`pid == 0 && comm == ""`, []string{"process"})
	if err != nil {
		t.Fatal(err)
	}
	r.cfg.Last, r.cfg.RequestDump, r.cfg.Trigger = time.Hour, asked, trigger
	r.session.announce("task", 1)
	result := r.result(func(sweep int) bool {
		r.session.push("syscall", 1, int64(sweep))
		switch sweep {
		case 2:
			asked <- unix.SIGUSR2
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
		t.Fatalf("dumps %+v; there are %v", result.Dumps, entries(t, r.cfg.Path))
	}
	if !slices.Equal(result.Dumps, r.observer.made()) {
		t.Errorf("it was told of %+v", r.observer.made())
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
		t.Errorf("at the end %d rows are dumped, %d lost", rows, lost)
	}
	if c := capture(t, reasons["trigger"]); c.Table("process").Rows != 1 {
		t.Errorf("the trigger's dump has not what set it off")
	}
}

// A reader is the other side of a stream: it stops reading after some bytes, until it is released, or is gone then.
type reader struct {
	got     []byte
	stops   int           // after so many bytes
	release chan struct{} // nil: it is gone then
}

var errGone = errors.New("gone")

func (r *reader) Write(p []byte) (int, error) {
	if len(r.got)+len(p) > r.stops {
		if r.release == nil {
			return 0, errGone
		}
		<-r.release
	}
	r.got = append(r.got, p...)
	return len(p), nil
}

// streamed is a recording to standard output, of which out is the other side.
func streamed(t *testing.T, out io.Writer) *recording {
	r := newRecording(t)
	r.cfg.Path, r.cfg.Stdout, r.cfg.Codec = "-", out, "none"
	return r
}

// flood pushes so many batches of calls at once.
func (r *recording) flood(batches int) {
	for i := range batches * bulkRows {
		r.session.push("syscall", 1, int64(i))
	}
}

// While nobody takes what was written, the drain does not wait: records stay in their ring until it is full, then they
// are lost and counted. When somebody does, everything that was not lost comes.
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
		t.Errorf("%d rows and %d lost, said to be %d", rows, lost, result.All.Lost)
	}
	if !c.Manifest.Complete || len(r.observer.miscounted) != 0 {
		t.Errorf("complete: %v, miscounted: %v", c.Manifest.Complete, r.observer.miscounted)
	}
}

// A reader that takes nothing more at all is given up when the recording is over.
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

// A writer that fails ends the recording with its error; what it had no room for is counted.
func TestWriterThatFails(t *testing.T) {
	out := &reader{stops: 3 << 20}
	r := streamed(t, out)
	sweeps := 0
	_, err := r.run(func(sweep int) bool {
		sweeps = sweep
		r.flood(1)
		return sweep < 1000
	})
	if !errors.Is(err, errGone) {
		t.Fatalf("%v", err)
	}
	if sweeps == 1000 {
		t.Error("it went on recording")
	}
	c, err := format.OpenStream(strings.NewReader(string(out.got)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Manifest.Complete {
		t.Error("it says that it is complete")
	}
	var dropped int64
	for _, l := range r.recorder.drain.lanes.both() {
		dropped += l.dropped["syscall"]
	}
	if dropped == 0 {
		t.Error("nothing is counted as dropped")
	}
}
