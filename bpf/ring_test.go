// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"slices"
	"testing"
)

// A sweep says whether it stopped before the end of the ring: at a record that is still being written, or for which
// there was no room.
func TestSweepStopsEarly(t *testing.T) {
	layouts := Layouts()
	const size = 1 << 16
	r := &ring{consumer: make([]byte, 8), producer: make([]byte, 8), data: make([]byte, size), mask: size - 1}
	var frames []int // where each record begins
	put := func(table string, flags uint32) {
		at, l := int(*position(r.producer)), layoutOf(layouts, table)
		binary.NativeEndian.PutUint32(r.data[at:], l.Size|flags)
		binary.NativeEndian.PutUint32(r.data[at+frameSize:], l.Kind)
		frames = append(frames, at)
		*position(r.producer) = uint64(at + int(frameSize+l.Size+7)&^7)
	}
	room := true
	var got []string
	sweep := func(early bool, want ...string) {
		t.Helper()
		got = nil
		var scratch [MaxRecords]uint32
		if err := r.sweep(layouts, &scratch, func(l *Layout, recs Records, _ int32) error {
			if l.Schema.Table == "process" && !room {
				return ErrNoRoom
			}
			for range recs.Len() {
				got = append(got, l.Schema.Table)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) || r.stoppedEarly != early {
			t.Errorf("swept %v, stopped early %v; want %v, %v", got, r.stoppedEarly, want, early)
		}
	}
	put("task", 0)
	put("process", 0)
	put("task", 0)
	room = false
	sweep(true, "task")
	sweep(true)
	room = true
	sweep(false, "process", "task")
	put("process", ringDiscard)
	put("process", ringBusy)
	put("task", 0)
	sweep(true)
	busy := frames[len(frames)-2]
	binary.NativeEndian.PutUint32(r.data[busy:], binary.NativeEndian.Uint32(r.data[busy:])&^ringBusy)
	sweep(false, "process", "task")
	sweep(false)
}
