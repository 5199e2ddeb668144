// SPDX-License-Identifier: Apache-2.0

package syscalls

// Numbers of calls fold into slots, which index a small table: those below 1024 of the native ABI and of the two
// others, which have a bit each.
const (
	abiBits  = compatBit | x32Bit
	abiShift = 29 - 10
	Slots    = 1 << 12
)

// Slot is the slot of a call, below Slots; for a number that no kernel has it is the number itself beyond all slots.
func Slot(nr int32) uint64 {
	if nr&^(abiBits|1023) != 0 {
		return Slots + uint64(uint32(nr))
	}
	return uint64(nr&1023 | nr>>abiShift&(3<<10))
}

// SlotCall is the inverse of Slot.
func SlotCall(slot uint64) int32 {
	if slot >= Slots {
		return int32(uint32(slot - Slots))
	}
	return int32(slot)&1023 | int32(slot)&(3<<10)<<abiShift
}
