// SPDX-License-Identifier: Apache-2.0

package syscalls

// A slot is a call's number in few bits, to index a small table: the lowest 10 bits of the number, and above them its
// two ABI bits.
const (
	abiBits  = compatBit | x32Bit
	abiShift = 29 - 10 // from the bits of a number to those of a slot
	Slots    = 1 << 12
)

// Slot returns the slot of a call, which is below Slots. A number that has no slot, because no kernel has that many
// calls, becomes Slots plus the number.
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
