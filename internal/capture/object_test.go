// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"math"
	"testing"

	"github.com/fletch-trace/fletch/internal/capture"
)

func TestRight(t *testing.T) {
	for flag, want := range map[int32]string{0: "---", 0400: "r--", 0600: "rw-", 0200: "-w-", 0111: "--x", 0040: "r--", 0002: "-w-", 0777: "rwx", 01000: "---", -1: "rwx"} {
		if got := capture.Right(flag); got != want {
			t.Errorf("%o: got %s, want %s", flag, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[int64]string{0: "0x00000000", 0x0f1e504c: "0x0f1e504c", -2: "0xfffffffe", math.MaxUint32: "0xffffffff",
		1 << 32: "0x100000000", math.MinInt64: "0x8000000000000000"} {
		if got := capture.Key(key); got != want {
			t.Errorf("%d: got %s, want %s", key, got, want)
		}
	}
}
