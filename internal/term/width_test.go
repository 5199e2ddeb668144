// SPDX-License-Identifier: Apache-2.0

package term

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextWidth(t *testing.T) {
	for s, want := range map[string]int{
		"":                     0,
		"nginx: worker":        13,
		"naïve":                5,
		"日本語":                  6,
		"ｱｶﾞ":                  3, // halfwidth, the voiced sound mark too
		"ａ":                    2, // fullwidth
		"한글":                   4,
		"\u1112\u1161\u11ab":   2, // one syllable of three jamo
		"e\u0301":              1,
		"กำ":                   2,
		"क्ष":                  2,
		"𠀀":                    2,
		"👍":                    2,
		"👍🏽":                   2, // with a skin tone
		"🇩🇪":                   2,
		"👨\u200d👩\u200d👧":      2, // a family
		"❤":                    1,
		"… µ ± ① → ─ █ α я":    17, // ambiguous
		Escape("a\x00\x1b[2J"): len(`a\x00\x1b[2J`),
		Escape("👨\u200d👩"):     2 + len(`\u200d`) + 2,
		Escape("\xff日"):        len(`\xff`) + 2,
	} {
		if got := TextWidth(s); got != want {
			t.Errorf("%q: %d columns, want %d", s, got, want)
		}
		if got := TextWidth([]byte(s)); got != want {
			t.Errorf("%q as bytes: %d columns, want %d", s, got, want)
		}
	}
}

// The locale does not change how output is aligned.
func TestTextWidthIgnoresTheLocale(t *testing.T) {
	if cells.EastAsianWidth || TextWidth("±") != 1 {
		t.Errorf("± takes %d columns", TextWidth("±"))
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  string
	}{
		{"abcdef", 0, "abcdef"},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 4, "abc…"},
		{"ab", 1, "…"},
		{"日本語文", 8, "日本語文"},
		{"日本語文", 7, "日本語…"},
		{"日本語文", 6, "日本…"}, // with the third character no column is left for "…"
		{"日本語文", 1, "…"},
		{"cafe\u0301s", 5, "cafe\u0301s"},
		{"cafe\u0301 au lait", 5, "cafe\u0301…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"👍🏽👍🏽👍🏽", 5, "👍🏽👍🏽…"},
	} {
		if got := Cut(c.s, c.width); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.s, c.width, got, c.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("日本\u0301👍🏽\x1b[2J\xff", 3)
	f.Fuzz(func(t *testing.T, s string, width int) {
		s = Escape(s)
		got := Cut(s, width)
		switch {
		case !utf8.ValidString(got):
			t.Fatalf("%q to %d: %q is not UTF-8", s, width, got)
		case width > 0 && TextWidth(got) > width:
			t.Fatalf("%q to %d: %q takes %d columns", s, width, got, TextWidth(got))
		case got != s && !strings.HasPrefix(s, strings.TrimSuffix(got, "…")):
			t.Fatalf("%q to %d: %q is not its beginning", s, width, got)
		}
	})
}
