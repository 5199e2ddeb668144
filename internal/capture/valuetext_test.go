// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"math"
	"testing"

	"github.com/fletch-trace/fletch/internal/capture"
)

func TestRight(t *testing.T) {
	for flag, want := range map[int32]string{0: "---", 0400: "r--", 0600: "rw-", 0200: "-w-", 0111: "--x", 0040: "r--",
		0002: "-w-", 0777: "rwx", 01000: "---", -1: "rwx"} {
		if got := capture.Right(flag); got != want {
			t.Errorf("%o: got %s, want %s", flag, got, want)
		}
	}
}

func TestAction(t *testing.T) {
	for _, c := range []struct {
		action string
		code   int32
		want   string
	}{{"errno", 13, "errno 13 EACCES"}, {"errno", 4000, "errno 4000"}, {"errno", -1, "errno -1"},
		{"errno", math.MinInt32, "errno -2147483648"},
		{"trap", 31, "trap SIGSYS"}, {"kill", 9, "kill SIGKILL"}, {"log", 0, "log"}, {"later", 7, "later"}} {
		if got := capture.Action(c.action, c.code); got != c.want {
			t.Errorf("%s %d: got %s, want %s", c.action, c.code, got, c.want)
		}
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[int64]string{0: "0x00000000", 0x0f1e504c: "0x0f1e504c", -2: "0xfffffffe",
		math.MaxUint32: "0xffffffff",
		1 << 32:        "0x100000000", math.MinInt64: "0x8000000000000000"} {
		if got := capture.Key(key); got != want {
			t.Errorf("%d: got %s, want %s", key, got, want)
		}
	}
}
