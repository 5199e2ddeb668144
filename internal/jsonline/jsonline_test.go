// SPDX-License-Identifier: Apache-2.0

package jsonline

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
)

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                   `""`,
		"plain":              `"plain"`,
		`a"b\c`:              `"a\"b\\c"`,
		"\n\t\r":             `"\n\t\r"`,
		"\x00\x1b\x7f":       `"\u0000\u001b\u007f"`,
		"\u009b\u202e":       `"\u009b\u202e"`,
		"naïve 日本…":          `"naïve 日本…"`,
		"\xff\xc3":           `"\ufffd\ufffd"`,
		"\U000e0041x":        `"\udb40\udc41x"`,
		"\u2028\u200b\ufeff": `"\u2028\u200b\ufeff"`,
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%q: %s: %v", s, text, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && back != want {
			t.Fatalf("%q: %s reads as %q", s, text, back)
		}
		if !bytes.Equal(text, AppendString(nil, []byte(s))) {
			t.Fatalf("%q: as []byte it becomes %s, as string %s", s, AppendString(nil, []byte(s)), text)
		}
		for _, r := range string(text) {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q: %U in %s", s, r, text)
			}
		}
	})
}

func TestWriteIsHarmless(t *testing.T) {
	type value struct{ Text string }
	in := value{"<a> \x1b\x7f\u009b\u202e\U000e0041 é"}
	var out bytes.Buffer
	if err := Write(&out, in); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && !strconv.IsPrint(r) {
			t.Errorf("%U in %s", r, out.String())
		}
	}
	var back value
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != in {
		t.Errorf("reads as %q, %v", back, err)
	}
	if !strings.Contains(out.String(), "<a>") || !strings.Contains(out.String(), "é") {
		t.Errorf("more is escaped than necessary: %s", out.String())
	}
}

func TestAppendList(t *testing.T) {
	v := &format.Vector{Type: format.StringList, Rows: []int32{0}}
	for _, list := range [][]string{{"a", "b"}, {}, {""}, {"\x1b"}} {
		for _, s := range list {
			v.Str.Append(s)
		}
		v.Rows = append(v.Rows, int32(v.Str.Len()))
	}
	for i, want := range []string{`["a","b"]`, `[]`, `[""]`, `["\u001b"]`} {
		if got := string(AppendList(nil, v, i)); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
}
