// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"slices"
	"testing"
)

// A sweep says whether it has left early, and an announcement may lie behind: what settles a generation waits for one that has not.
func TestSweepSaysWhatItLeft(t *testing.T) {
	all := Layouts()
	kinds := make(map[string]uint32)
	for _, l := range all {
		if l != nil {
			kinds[l.Schema.Table] = l.Kind
		}
	}
	const size = 1 << 16
	r := &ring{consumer: make([]byte, 8), producer: make([]byte, 8), data: make([]byte, size), mask: size - 1}
	var frames []int // where each record begins
	put := func(table string, flags uint32) {
		at := 0
		if n := len(frames); n > 0 {
			at = frames[n-1] + int(frameSize+(binary.NativeEndian.Uint32(r.data[frames[n-1]:])&^(ringBusy|ringDiscard))+7)&^7
		}
		n := all[kinds[table]].Size
		binary.NativeEndian.PutUint32(r.data[at:], n|flags)
		binary.NativeEndian.PutUint32(r.data[at+frameSize:], kinds[table])
		frames = append(frames, at)
		*position(r.producer) = uint64(at + int(frameSize+n+7)&^7)
	}
	room := true
	var got []string
	sweep := func(left bool, want ...string) {
		t.Helper()
		got = nil
		var scratch [chunkRecords]uint32
		if err := r.sweep(all, &scratch, func(l *Layout, recs Records, _ int32) error {
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
		if !slices.Equal(got, want) || r.stoppedEarly != left {
			t.Errorf("swept %v, left early %v; want %v, %v", got, r.stoppedEarly, want, left)
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
