// SPDX-License-Identifier: Apache-2.0

package syscalls

import "testing"

func TestSlots(t *testing.T) {
	seen := map[uint64]int32{}
	for _, nr := range []int32{0, 1, 334, 1023, 1<<29 | 5, 1<<30 | 5, 1<<30 | 1<<29 | 5, 1024, 5000, -1,
		1<<31 - 1, -1 << 31} {
		slot := Slot(nr)
		if back := SlotCall(slot); back != nr {
			t.Errorf("%d: slot %d is of %d", nr, slot, back)
		}
		if other, taken := seen[slot]; taken {
			t.Errorf("%d and %d share a slot", nr, other)
		}
		seen[slot] = nr
	}
}
