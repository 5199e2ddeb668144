// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// Every view has the same numbers of a capture and of its redaction.
func TestRedactionHasTheSameNumbers(t *testing.T) {
	for name, c := range map[string]*fixture.Capture{
		"families": fixture.Families(), "small": fixture.Small(), "lives": fixture.Lives(), "moved": fixture.Moved(),
		"connections": fixture.Connections(),
	} {
		from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
		if err := c.Write(from, time.Second, map[string]int64{"syscall": 15}); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if status := run([]string{"redact", from, "-w", to}, nil, &out, &errs); status != 0 {
			t.Fatalf("%s: status %d: %s", name, status, errs.String())
		}
		for _, c := range commands {
			if slices.Contains([]string{"info", "convert", "redact", "verify"}, c.name()) {
				continue // sizes and checksums differ
			}
			if was, is := numbersOf(t, c.name(), from), numbersOf(t, c.name(), to); was != is {
				t.Errorf("%s of %s: of the capture\n%s\nand of its redaction\n%s", c.name(), name, was, is)
			}
		}
	}
}

// numbersOf returns what a view prints as JSON without its texts, and without the order that these give it.
func numbersOf(t *testing.T, view, path string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run([]string{view, path, "--json"}, nil, &out, &errs); status != 0 {
		t.Fatalf("%s: status %d: %s", view, status, errs.String())
	}
	var v any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(withoutTexts(v), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func withoutTexts(v any) any {
	switch v := v.(type) {
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil || v == "" {
			return v
		}
		return "text"
	case map[string]any:
		delete(v, "derived") // and the note on it
		delete(v, "notes")
		for key := range v {
			v[key] = withoutTexts(v[key])
		}
	case []any:
		lines := make([]string, len(v))
		for i := range v {
			text, _ := json.Marshal(withoutTexts(v[i]))
			lines[i] = string(text)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	return v
}
