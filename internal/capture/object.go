// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"math"
)

// Key is the key of a System V object as ipcs shows it, 0x0f1e504c; 0 is IPC_PRIVATE.
func Key(key int64) string {
	if key >= math.MinInt32 && key <= math.MaxUint32 {
		return fmt.Sprintf("0x%08x", uint32(key))
	}
	return fmt.Sprintf("0x%x", uint64(key))
}

// Right is the right that permission bits ask for, of whatever class: rw-. The kernel takes the three classes as one.
func Right(flag int32) string {
	right := []byte("---")
	for i, c := range []byte("rwx") {
		if (flag>>6|flag>>3|flag)>>(2-i)&1 != 0 {
			right[i] = c
		}
	}
	return string(right)
}
