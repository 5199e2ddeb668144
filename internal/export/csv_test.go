// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/term"
)

// TestCSVIsReadBack reads fields of all kinds with the standard library's reader.
func TestCSVIsReadBack(t *testing.T) {
	for _, field := range []string{"", "plain", "a,b", `"`, `a "quoted" b`, " around ", "naïve …", `["a","b"]`, "\\x1b",
		"a;b", "a=1", "a-b", "1-1", "a'b"} {
		if got := readBack(t, field); got != field {
			t.Errorf("%q reads as %q", field, got)
		}
	}
}

// A cell that a spreadsheet would calculate, of whatever separator, begins with a '.
func TestCSVHasNoFormulas(t *testing.T) {
	for field, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", " =1": "' =1", "＝1": "'＝1", "－1": "'－1",
		"＋1": "'＋1", "＠a": "'＠a", `"=1`: `'"=1`, "'=1": "''=1", "'a": "''a", "a;=1": "a;'=1",
		"a; =1;b;-": "a;' =1;b;'-",
		"=a;=b":     "'=a;'=b", `["-a;=1"]`: `["-a;'=1"]`, "a;'b": "a;''b", "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
	} {
		if got := readBack(t, field); got != want {
			t.Errorf("%q becomes %q, want %q", field, got, want)
		}
	}
}

// Numbers are no texts: a negative one stays a number.
func TestCSVKeepsNumbers(t *testing.T) {
	v := &format.Vector{Type: format.Int64, I64: []int64{-17}}
	if got := string((&csvEncoder{}).appendValue(nil, v, 0)); got != "-17" {
		t.Errorf("got %s", got)
	}
}

// FuzzCSVField checks that a field is one cell that can be printed, is no formula, and does not run into the next.
func FuzzCSVField(f *testing.F) {
	for _, text := range []string{"", "a,b", "=1", ";\"=1", "\x1b[2J\r\n\t", "\u202e\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cell := readBack(t, string(text))
		for _, part := range strings.Split(cell, ";") {
			if part = strings.TrimLeft(part, " \""); part != "" && strings.ContainsAny(part[:1], "=+-@") {
				t.Errorf("%q becomes %q", text, cell)
			}
		}
		if term.Escape(cell) != cell {
			t.Errorf("%q becomes %q, which acts on a terminal", text, cell)
		}
	})
}

// readBack writes a field and another one, and returns what a reader takes for the first.
func readBack(t *testing.T, field string) string {
	t.Helper()
	line := append(appendField(nil, []byte(field)), ",1\r\n"...)
	got, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil || len(got) != 2 || got[1] != "1" {
		t.Fatalf("%q: %s reads as %q, %v", field, line, got, err)
	}
	return got[0]
}

func TestCSVEscapesControlCharacters(t *testing.T) {
	got := string(appendField(nil, []byte("a\x1b[2J\r\n\t\u202e\xff\x7f")))
	if want := `"a\x1b[2J\x0d\x0a\x09\u202e\xff\x7f"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
