//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// A fakeObserver records what is reported to it.
type fakeObserver struct {
	mu         sync.Mutex
	dumps      []Dump
	failed     []string
	miscounted []string
}

func (o *fakeObserver) Dumped(d Dump) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dumps = append(o.dumps, d)
}

func (o *fakeObserver) DumpFailed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed = append(o.failed, err.Error())
}

func (o *fakeObserver) Miscounted(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.miscounted = append(o.miscounted, err.Error())
}

// allProbes are probes of all families, as if each had a mechanism.
func allProbes() (probes []format.Probe) {
	for _, name := range schema.Families() {
		probes = append(probes, format.Probe{Family: name, Mechanism: "fake"})
	}
	return probes
}

// A recording is a recording of a fakeSession.
type recording struct {
	t        *testing.T
	session  *fakeSession
	observer *fakeObserver
	cfg      Config
	recorder *Recorder
}

// newRecording is a recording of all families into a temporary directory.
func newRecording(t *testing.T) *recording {
	t.Helper()
	cfg := Config{Path: filepath.Join(t.TempDir(), "capture"), Codec: "zstd"}
	cfg.Manifest = format.Manifest{CPUs: 1, Probes: allProbes()}
	return &recording{t: t, session: newFakeSession(t), observer: &fakeObserver{}, cfg: cfg}
}

// open opens the recorder.
func (r *recording) open() {
	r.t.Helper()
	budget, err := NewBudget(&r.cfg, 1, layouts)
	if err == nil {
		r.recorder, err = Open(r.cfg, budget, r.session, r.observer)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// start opens the recorder and starts it.
func (r *recording) start() {
	r.t.Helper()
	r.open()
	err := r.recorder.Start()
	if err == nil {
		err = r.recorder.WriteOut()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// run records from Open to Finish. Before each sweep it calls push with the number of the sweep, from 1; the recording
// ends when push returns false.
func (r *recording) run(push func(sweep int) (more bool)) (Result, error) {
	r.t.Helper()
	r.start()
	n := 0
	r.session.onSweep = func() {
		if n++; !push(n) {
			r.recorder.End()
		}
	}
	return r.recorder.Finish(r.recorder.Run(), nil)
}

// result is the Result of run, which must not fail.
func (r *recording) result(push func(sweep int) (more bool)) Result {
	r.t.Helper()
	result, err := r.run(push)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

// capture opens the capture at path.
func capture(t *testing.T, path string) *format.Capture {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// balanced checks that produced = recorded + lost for a table, and returns the latter two.
func (r *recording) balanced(c *format.Capture, table string) (rows, lost int64) {
	r.t.Helper()
	if tab := c.Table(table); tab != nil {
		rows = tab.Rows
	}
	lost = c.Manifest.Tables[table].Lost
	if produced := r.session.produced(table); rows+lost != produced {
		r.t.Errorf("%s: %d rows and %d lost of %d", table, rows, lost, produced)
	}
	return rows, lost
}

// valuesOf counts how often each value occurs in a column of integers.
func valuesOf(t *testing.T, c *format.Capture, table, column string) map[int64]int {
	t.Helper()
	values := make(map[int64]int)
	tab := c.Table(table)
	if tab == nil {
		return values
	}
	err := tab.Scan(t.Context(), []string{column}, 1, func(_ int, b *format.Batch) error {
		v := b.Column(column)
		for _, n := range v.I64 {
			values[n]++
		}
		for _, n := range v.I32 {
			values[int64(n)]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// flushNow has the drain send what it has gathered after this sweep, as if flushEvery had passed.
func (r *recording) flushNow() { r.recorder.drain.flushTimer.last = time.Time{} }

// made returns the dumps reported so far.
func (o *fakeObserver) made() []Dump {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.dumps)
}

// entriesOf returns the sorted names of dumps.
func entriesOf(dumps []Dump) (names []string) {
	for _, d := range dumps {
		names = append(names, filepath.Base(d.Path))
	}
	slices.Sort(names)
	return names
}
