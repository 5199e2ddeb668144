// SPDX-License-Identifier: Apache-2.0

package view

import "testing"

func TestFailureText(t *testing.T) {
	names := map[string]int64{"ECONNREFUSED": 2, "ETIMEDOUT": 2, "ECONNRESET": 1, "ENETUNREACH": 1000, "errno 4000": 1,
		"EHOSTUNREACH": 3}
	if got, want := failureText(names),
		"1,000 ENETUNREACH, 3 EHOSTUNREACH, 2 ECONNREFUSED, 2 ETIMEDOUT, …"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := failureText(nil); got != "" {
		t.Errorf("no failures: got %q", got)
	}
}
