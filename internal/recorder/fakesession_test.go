//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
)

// A fakeSession is a Session without a kernel. It has one ring; a record that is pushed when it is full is lost. Only
// onSweep, which is called before each sweep, may push.
type fakeSession struct {
	wakeupFD      int // an eventfd that never fires
	capacity      int // records; 0: no limit
	ring          []bpf.Records
	layout        []*bpf.Layout // of each record in ring
	counts        map[uint32]*bpf.Counts
	missed        map[string]uint64
	epochs        []uint32
	shed          []bool
	onSweep       func()
	sweepComplete bool
	running       []int64          // ids of the tasks that Start and Announce announce
	waiting       []int32          // ids of the tasks that InFlight finds in a call
	failing       map[string]error // errors to return, by method
}

func newFakeSession(t *testing.T) *fakeSession {
	t.Helper()
	wakeupFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(wakeupFD) })
	return &fakeSession{
		wakeupFD: wakeupFD, counts: map[uint32]*bpf.Counts{}, missed: map[string]uint64{}, failing: map[string]error{},
	}
}

// push writes an event into the ring, as a BPF program would.
func (s *fakeSession) push(table string, task int32, ts int64) {
	l := layoutOf(table)
	data := newRecord(l)
	binary.NativeEndian.PutUint32(data[12:], uint32(task))
	binary.NativeEndian.PutUint64(data[16:], uint64(ts))
	s.pushRecord(l, bpf.SingleRecord(data))
}

// announce writes a row of a dimension into the ring.
func (s *fakeSession) announce(table string, id int64) {
	l := layoutOf(table)
	s.pushRecord(l, announce(l, id, 0))
}

func (s *fakeSession) pushRecord(l *bpf.Layout, recs bpf.Records) {
	if s.capacity > 0 && len(s.ring) >= s.capacity {
		s.count(l).Lost++
		return
	}
	s.count(l).Emitted++
	s.ring, s.layout = append(s.ring, recs), append(s.layout, l)
}

func (s *fakeSession) count(l *bpf.Layout) *bpf.Counts {
	if s.counts[l.Kind] == nil {
		s.counts[l.Kind] = &bpf.Counts{}
	}
	return s.counts[l.Kind]
}

// produced is the number of records of a table that were pushed, including lost ones.
func (s *fakeSession) produced(table string) int64 {
	c := s.count(layoutOf(table))
	return int64(c.Emitted + c.Lost)
}

var layouts = bpf.Layouts()

func layoutOf(table string) *bpf.Layout {
	return layouts[slices.IndexFunc(layouts, func(l *bpf.Layout) bool { return l != nil && l.Schema.Table == table })]
}

func (s *fakeSession) Layouts() []*bpf.Layout { return layouts }

func (s *fakeSession) Start(emit bpf.Emit) error {
	if err := s.failing["Start"]; err != nil {
		return err
	}
	return s.Announce(emit)
}

func (s *fakeSession) Announce(emit bpf.Emit) error {
	l := layoutOf("task")
	for _, id := range s.running {
		s.count(l).Emitted++
		if err := emit(l, announce(l, id, 0), -1); err != nil {
			return err
		}
	}
	return s.failing["Announce"]
}

func (s *fakeSession) OpenConnections(bpf.Emit) error { return s.failing["OpenConnections"] }

func (s *fakeSession) Processes(bpf.Emit) error { return s.failing["Processes"] }

func (s *fakeSession) InFlight(emit bpf.Emit) error {
	l := layoutOf("pending")
	for _, task := range s.waiting {
		data := newRecord(l)
		binary.NativeEndian.PutUint32(data[12:], uint32(task))
		binary.NativeEndian.PutUint64(data[16:], uint64(monotonic()))
		if err := emit(l, bpf.SingleRecord(data), -1); err != nil {
			return err
		}
	}
	return s.failing["InFlight"]
}

func (s *fakeSession) Sweep(emit bpf.Emit) (float64, error) {
	if s.onSweep != nil {
		s.onSweep()
	}
	s.sweepComplete = false
	for len(s.ring) > 0 {
		if err := emit(s.layout[0], s.ring[0], 0); errors.Is(err, bpf.ErrNoRoom) {
			return 1, nil
		} else if err != nil {
			return 1, err
		}
		s.ring, s.layout = s.ring[1:], s.layout[1:]
	}
	s.sweepComplete = true
	return 0.5, s.failing["Sweep"] // so full that the drain sweeps again after the shortest pause
}

func (s *fakeSession) SweepComplete() bool { return s.sweepComplete }

func (s *fakeSession) Stop(emit bpf.Emit) error {
	s.onSweep = nil
	if _, err := s.Sweep(emit); err != nil {
		return err
	}
	return s.failing["Stop"]
}

func (s *fakeSession) SetEpoch(n uint32) error {
	s.epochs = append(s.epochs, n)
	return s.failing["SetEpoch"]
}
func (s *fakeSession) Shed(on bool) error { s.shed = append(s.shed, on); return s.failing["Shed"] }
func (s *fakeSession) WakeupFD() int      { return s.wakeupFD }
func (s *fakeSession) ClearWakeup()       {}

func (s *fakeSession) Counts(kind uint32, _ int) bpf.Counts {
	if c := s.counts[kind]; c != nil {
		return *c
	}
	return bpf.Counts{}
}

func (s *fakeSession) Missed(family string) (uint64, error) {
	return s.missed[family], s.failing["Missed"]
}
