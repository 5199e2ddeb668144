// SPDX-License-Identifier: Apache-2.0

package syscalls

import (
	"math"
	"testing"
)

func TestAppendResult(t *testing.T) {
	for ret, want := range map[int64]string{
		0: "= 0", 5: "= 5", math.MaxInt64: "= 9223372036854775807", -111: "= -1 ECONNREFUSED (Connection refused)",
		-512: "= ? ERESTARTSYS (To be restarted if SA_RESTART is set)", -4095: "= -1 (errno 4095)", -4096: "= -4096",
		math.MinInt64: "= -9223372036854775808",
	} {
		if got := string(AppendResult(nil, ret)); got != want {
			t.Errorf("%d: got %s, want %s", ret, got, want)
		}
	}
}
