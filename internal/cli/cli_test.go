// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExit(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"done", nil, 0, ""},
		{"failed", errors.New("opening ring: no memory"), 1, "record: error: opening ring: no memory\n"},
		{"hint", fmt.Errorf("creating x: %w", WithHint(fs.ErrExist, "use --force")), 1,
			"record: error: creating x: file already exists\nrecord: hint: use --force\n"},
		{"usage", WithHint(Usage("unknown family %q", "x"), "see --list"), 2,
			"record: error: unknown family \"x\"\nrecord: hint: see --list\n"},
		{"wrapped usage", fmt.Errorf("a: %w", Usage("b")), 2, "record: error: a: b\n"},
		{"closed pipe", &fs.PathError{Op: "write", Err: syscall.EPIPE}, 0, ""},
		{"interrupted", fmt.Errorf("scanning: %w", Interrupted{syscall.SIGINT}), 130, ""},
		{"hostile", errors.New("opening \x1b[2Jx\u009b\nrecord: error: y"), 1,
			"record: error: opening \\x1b[2Jx\\u009b\n    record: error: y\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := Exit(&stderr, "record", c.err); code != c.code || stderr.String() != c.text {
				t.Errorf("got %d %q, want %d %q", code, stderr.String(), c.code, c.text)
			}
		})
	}
}

func TestWithHintKeepsTheError(t *testing.T) {
	if WithHint(nil, "x") != nil {
		t.Error("nil with a hint is not nil")
	}
	err := WithHint(fs.ErrNotExist, "look elsewhere")
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != fs.ErrNotExist.Error() || Hint(err) != "look elsewhere" {
		t.Errorf("got %v with hint %q", err, Hint(err))
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "4096": 4096, "512k": 512 << 10, "512K": 512 << 10, "64MiB": 64 << 20, "64mb": 64 << 20, "1G": 1 << 30,
		"1.5G": 3 << 29, "2TiB": 2 << 40, "7B": 7, "64 MiB": 64 << 20,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "k", "-1", "1e3", "0x10", "1_000", "nan", "inf",
		"1KiBB", "1Ki", "9999999999T", "1bk", "12 apples",
	} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
	for size, want := range map[Size]string{
		0: "0", 1000: "1000", 1024: "1KiB", 64 << 20: "64MiB", 3 << 40: "3TiB", 2048 << 40: "2048TiB",
	} {
		if got := size.String(); got != want {
			t.Errorf("%d: got %q, want %q", size, got, want)
		}
		if back, err := ParseSize(want); err != nil || back != size {
			t.Errorf("%q: got %d, %v, want %d", want, back, err, size)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "10": 10 * time.Second, "0.5": 500 * time.Millisecond, "0": 0,
	} {
		if got, err := ParseTime(text); err != nil || got.Duration() != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-5s", "5x", "d", "nan", "inf", "99999d9999999h", "1.5d", "forever"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args, stdout, err string
		stop              bool
	}{
		{args: "-n 3 x"},
		{args: "--help", stdout: "Shows what a capture holds.\n\nUsage:\n  analyze info CAPTURE...", stop: true},
		{args: "-h", stdout: "Shows what a capture holds.\n", stop: true},
		{args: "--help-json", stdout: `{"name":"analyze info",`, stop: true},
		{args: "--version", stdout: "analyze " + Build().Version, stop: true},
		{args: "--bogus", err: "unknown flag: --bogus"},
		{args: "-n many", err: `invalid argument "many" for "-n, --number" flag`},
	} {
		t.Run(c.args, func(t *testing.T) {
			f := New(Command{Name: "analyze info", Description: "Shows what a capture holds.",
				Usage: []string{"CAPTURE..."}})
			n := f.IntP("number", "n", 0, "at most `N`")
			var stdout bytes.Buffer
			stop, err := f.Parse(strings.Fields(c.args), &stdout)
			if stop != c.stop || !strings.HasPrefix(stdout.String(), c.stdout) {
				t.Errorf("got %v %q", stop, stdout.String())
			}
			switch {
			case c.err == "" && err != nil:
				t.Errorf("got %v", err)
			case c.err != "" && (err == nil || !strings.HasPrefix(err.Error(), c.err) || !IsUsage(err) ||
				Hint(err) != "see analyze info --help"):
				t.Errorf("got %v (hint %q), want %q", err, Hint(err), c.err)
			case c.err == "" && !stop && (*n != 3 || f.Arg(0) != "x"):
				t.Errorf("got %d %v", *n, f.Args())
			}
		})
	}
}
