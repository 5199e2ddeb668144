// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/export"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// TestTablesOfAnyShape runs every command on captures whose tables lack columns or have columns of other types than a
// recorder writes. Commands must print a result or an error, not panic, and print no control characters.
func TestTablesOfAnyShape(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 60 {
		path := write(t, randomCapture(r))
		for _, args := range everyCommand(path) {
			code, stdout, stderr := analyze(args...)
			if !fixture.Ended("analyze", args, code, stderr) {
				t.Fatalf("%v: exit status %d, %s", args, code, stderr)
			}
			for _, c := range stdout + stderr {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Fatalf("%v: %U in the output", args, c)
				}
			}
		}
	}
}

// everyCommand returns command lines that run all commands on a capture, including views by all their keys and convert
// to all formats.
func everyCommand(path string) (lines [][]string) {
	for _, c := range commands {
		if c.name() != "convert" && c.name() != "redact" {
			lines = append(lines, []string{c.name(), path}, []string{c.name(), path, "--json"})
		}
		if c.view != nil {
			by := strings.Join(c.view.KeyNames(), ",")
			filter := `comm != "x"`
			if c.view.Table == "syscall" || c.view.Table == "file" { // the others have no names
				filter = `name == "read" || ` + filter
			}
			lines = append(lines, []string{c.name(), path, "--json", "--by", by, "-Y", filter})
		}
	}
	lines = append(lines, []string{"redact", path, "--dry-run"}, []string{"redact", path, "-w", path + ".redacted"})
	for _, f := range export.Formats() {
		lines = append(lines, []string{"convert", path, "-o", path + "." + f.Name, "--format", f.Name})
	}
	return lines
}

// randomCapture has all tables, but some columns are missing or have a random type. Values are random.
func randomCapture(r *rand.Rand) *fixture.Capture {
	c := fixture.New()
	for _, s := range fixture.Schemas() {
		schema := &format.Schema{Table: s.Table}
		for _, column := range s.Columns {
			switch r.IntN(24) {
			case 0:
				continue
			case 1:
				column.Type = format.Type(1 + r.IntN(5))
			}
			schema.Columns = append(schema.Columns, column)
		}
		for range r.IntN(5) {
			row := fixture.Row{}
			for _, column := range schema.Columns {
				row[column.Name] = randomValue(r, column.Type)
			}
			c.Add(schema, row)
		}
	}
	return c
}

func randomValue(r *rand.Rand, kind format.Type) any {
	text := []string{"exit", "fork", "exec", "snapshot", "read", "", "\x1b[2J", "\xff\u202e"}
	number := []int64{0, 1, 2, 7, -1, 1 << 30, -1 << 31, 1 << 62, -1 << 63, 1<<63 - 1}[r.IntN(10)]
	switch kind {
	case format.Int32:
		return int32(number)
	case format.String:
		return text[r.IntN(len(text))]
	case format.StringList:
		return text[:r.IntN(len(text))]
	}
	return number
}
