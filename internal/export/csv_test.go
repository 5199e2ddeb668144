// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/csv"
	"testing"
)

// TestCSVIsReadBack reads fields of all kinds with the standard library's reader.
func TestCSVIsReadBack(t *testing.T) {
	for _, field := range []string{"", "plain", "a,b", `"`, `a "quoted" b`, "two\nlines", " around ", "naïve …",
		`["a","b"]`, "=1+1", "\\x1b"} {
		line := append(appendField(nil, []byte(field)), ",1\r\n"...)
		got, err := csv.NewReader(bytes.NewReader(line)).Read()
		if err != nil || len(got) != 2 || got[0] != field {
			t.Errorf("%q: %s reads as %q, %v", field, line, got, err)
		}
	}
	if got := string(appendField(nil, []byte("a\xff"))); got != "a\uFFFD" {
		t.Errorf("invalid UTF-8: got %q", got)
	}
}
