// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// What a recorder was asked for is said, whatever it was: none of its fields may be missing from the text.
func TestSelectedSaysEverything(t *testing.T) {
	for manifest, want := range map[string]string{
		`{}`:                                "",
		`{"comm":"nginx"}`:                  "tasks named nginx",
		`{"pids":[1,2]}`:                    "pid 1, 2, and what they started",
		`{"calls":["%file","!openat"]}`:     "system calls %file, !openat",
		`{"failed":true}`:                   "calls that failed",
		`{"slower_ns":10000000}`:            "calls of 10ms or longer",
		`{"uid":[0,1000]}`:                  "uid 0, 1000",
		`{"cgroup":"/a"}`:                   "cgroup /a and below",
		`{"container":"0123"}`:              "container 0123",
		`{"tomorrow":1}`:                    "what was selected by tomorrow",
		`{"comm":"x","failed":true}`:        "tasks named x; calls that failed",
		`{"failed":false,"slower_ns":0}`:    "",
		`{"families":["file"],"args":true}`: "",
	} {
		var s format.Selection
		if err := json.Unmarshal([]byte(manifest), &s); err != nil {
			t.Fatal(err)
		}
		if got := selected(&s); got != want {
			t.Errorf("%s: %q, want %q", manifest, got, want)
		}
	}
}
