// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestDefaultName(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for host, want := range map[string]string{
		"db1": "fletch-db1-20260203-040506", "../a/\x1b[m\n": "fletch-.._a__[m_-20260203-040506",
		"": "fletch--20260203-040506",
	} {
		if got := defaultName(host, at); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}
