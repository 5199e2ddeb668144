// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"nginx: worker":          "nginx: worker",
		"naïve – 日本 …":           "naïve – 日本 …",
		`C:\x`:                   `C:\x`,
		"\x1b]0;owned\x07":       `\x1b]0;owned\x07`,
		"a\tb\r\nc\x00\x7f":      `a\x09b\x0d\x0ac\x00\x7f`,
		"\x9b31m":                `\x9b31m`,
		"\u009b31m":              `\u009b31m`,
		"\xff\xfe":               `\xff\xfe`,
		"cut \xe2\x80":           `cut \xe2\x80`,
		"a\u202eb\u2066c":        `a\u202eb\u2066c`,
		"\u200b\u2028\ufeff":     `\u200b\u2028\ufeff`,
		"\U000e0041":             `\U000e0041`,
		"\ufffd":                 "\ufffd",
		"overlong \xc0\x9b\xc1a": `overlong \xc0\x9b\xc1a`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got := string(AppendEscaped(nil, []byte(in))); got != want {
			t.Errorf("%q as bytes: got %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Escape(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q: %q is not UTF-8", s, out)
		}
		for _, r := range out {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q: %q holds %U", s, out, r)
			}
		}
		if Escape(out) != out {
			t.Fatalf("%q: escaping %q again changes it", s, out)
		}
	})
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.00 KiB", 10 << 10: "10.0 KiB", 64 << 20: "64.0 MiB", 300 << 30: "300 GiB",
		math.MaxInt64: "8.00 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 12345678: "12,345,678", -999: "-999", -1000: "-1,000",
		math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Count(n); got != want {
			t.Errorf("count %d: got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 ns", 870: "870 ns", 13200: "13.2 µs", 999499: "999 µs", 999999: "1.00 ms",
		4050 * time.Millisecond:  "4.05 s",
		59900 * time.Millisecond: "59.9 s", 187 * time.Second: "3m07s",
		125 * time.Minute: "2h05m", 73 * time.Hour: "3d01h",
		-870: "-870 ns", math.MinInt64: "-106751d23h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%d ns: got %q, want %q", d, got, want)
		}
	}
	got := Rate(83_100_000, time.Second) + " " + Rate(3, 2*time.Second) + " " + Rate(1, 0)
	if got != "83.1 M/s 1.50/s -" {
		t.Errorf("got %q", got)
	}
}

func TestTable(t *testing.T) {
	table := NewTable("name", ">calls", "what")
	table.Row("read", "12", "x")
	table.Row("évil\x1b[2J", "1,234")
	var out bytes.Buffer
	if err := table.Write(&out, "  "); err != nil {
		t.Fatal(err)
	}
	const want = "  name         calls  what\n  read            12  x\n  évil\\x1b[2J  1,234\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// Columns are aligned by the width that a terminal shows, in every script, and after escaping.
func TestTableAlignsWideText(t *testing.T) {
	table := NewTable("name", ">calls", "what")
	for _, name := range []string{"read", "日本語", "cafe\u0301", "naïve", "👍🏽", "🇩🇪", "ｶﾞ", "한", "a\x00b", "…µ±─"} {
		table.Row(name, "1", "x")
	}
	var out bytes.Buffer
	if err := table.Write(&out, ""); err != nil {
		t.Fatal(err)
	}
	const want = `name    calls  what
read        1  x
日本語      1  x
café        1  x
naïve       1  x
👍🏽          1  x
🇩🇪          1  x
ｶﾞ          1  x
한          1  x
a\x00b      1  x
…µ±─        1  x
`
	if got := out.String(); got != strings.ReplaceAll(want, `\u0301`, "\u0301") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProgressNeedsATerminal(t *testing.T) {
	var out bytes.Buffer
	p := StartProgress(&out, 0, func(time.Duration) string { return "x" })
	p.Stop()
	p.Stop()
	if out.Len() > 0 || Width(&out) != 0 || bool(ColourOf(&out)) {
		t.Errorf("wrote %q to a buffer; width %d, colour %v", out.String(), Width(&out), ColourOf(&out))
	}
}
