//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/bpf"
)

// A dump has the calls in flight when it is made, with their tasks, in segments of its own; the recording counts only
// its own rows. If they cannot be listed, the dump says so.
func TestDumpsListWhatIsInFlight(t *testing.T) {
	for _, failing := range []error{nil, bpf.ErrNoIterator, errors.New("broken")} {
		r := newRecording(t)
		requests := make(chan os.Signal, 1)
		r.cfg.Path, r.cfg.Last, r.cfg.RequestDump = filepath.Join(t.TempDir(), "flight"), time.Minute, requests
		r.session.running, r.session.waiting, r.session.failing["InFlight"] = []int64{1, 2, 3}, []int32{2, 3}, failing
		result := r.result(func(sweep int) bool {
			r.session.push("process", 1, monotonic())
			if sweep == 3 {
				requests <- syscall.SIGUSR2
			}
			r.observer.mu.Lock()
			defer r.observer.mu.Unlock()
			return len(r.observer.dumps) == 0 && sweep < 1000
		})
		if len(result.Dumps) != 2 || len(r.observer.miscounted) != 0 {
			t.Fatalf("dumps %v, miscounted %v", result.Dumps, r.observer.miscounted)
		}
		c := capture(t, result.Dumps[0].Path)
		waiting, named := valuesOf(t, c, "pending", "task"), valuesOf(t, c, "task", "task")
		notes := strings.Join(c.Manifest.Notes, "\n")
		if failing != nil {
			if len(waiting) != 0 || !strings.Contains(notes, "what was in flight at its end is not in it") {
				t.Errorf("%v are in flight; notes: %s", waiting, notes)
			}
			continue
		}
		if len(waiting) != 2 || waiting[2] != 1 || waiting[3] != 1 || named[2] == 0 || named[3] == 0 || notes != "" {
			t.Errorf("tasks %v are in flight, %v are named; notes: %s", waiting, named, notes)
		}
		if !c.Manifest.Complete || c.Manifest.Tables["pending"].Rows != 2 {
			t.Errorf("complete %v, %+v", c.Manifest.Complete, c.Manifest.Tables["pending"])
		}
		for _, s := range c.Table("pending").Segments {
			if !strings.HasPrefix(s.Name, "pending/10000000") {
				t.Errorf("in segment %s", s.Name)
			}
		}
	}
}

// The processes that each generation begins with do not trigger dumps: they are no events.
func TestListedProcessesTriggerNothing(t *testing.T) {
	r := newRecording(t)
	r.cfg.Path, r.cfg.Last = filepath.Join(t.TempDir(), "flight"), time.Second
	var err error
	if r.cfg.Trigger, err = CompileTrigger(`op == "snapshot"`, []string{"process"}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	result := r.result(func(sweep int) bool {
		if sweep == 1 {
			r.session.push("process", 1, monotonic()) // of process 0
		}
		time.Sleep(20 * time.Millisecond)
		return time.Since(began) < 4*time.Second
	})
	c := capture(t, result.Dumps[len(result.Dumps)-1].Path)
	if rows := c.Table("process"); rows == nil || rows.Rows == 0 {
		t.Error("the last generation does not begin with the process")
	}
	triggered := 0
	for _, dump := range result.Dumps {
		if dump.Reason == "trigger" {
			triggered++
		}
	}
	if triggered != 1 {
		t.Errorf("%d dumps by the trigger, want 1, for the row that the programs wrote", triggered)
	}
}
