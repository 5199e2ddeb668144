// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A source is one file of the project, by its path in there.
type source struct {
	path string
	text []byte
	file *ast.File      // of Go
	set  *token.FileSet // of file
}

// sources reads the files of Go and C. What a program has generated has the habits of that program, and is not among
// them.
func sources(t *testing.T) (all []source) {
	t.Helper()
	needProgram(t, "go") // where there is none, the sources are not there either
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch name := d.Name(); {
			case len(name) > 2 && name[0] == '.', name == "testdata", name == "bin", name == "demo":
				return filepath.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(path)
		if ext != ".go" && ext != ".c" && ext != ".h" {
			return nil
		}
		s := source{path: filepath.ToSlash(path[len("../"):])}
		if s.text, err = os.ReadFile(path); err != nil {
			return err
		}
		if ext == ".go" {
			s.set = token.NewFileSet()
			if s.file, err = parser.ParseFile(s.set, path, s.text, parser.ParseComments); err != nil {
				return err
			}
			if ast.IsGenerated(s.file) {
				return nil
			}
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("%d sources were found", len(all))
	}
	return all
}

// Each source begins with its licence: in one of the first lines, before any code.
func TestSourcesNameTheirLicence(t *testing.T) {
	for _, s := range sources(t) {
		head, _, _ := bytes.Cut(s.text, []byte("\npackage "))
		at := bytes.Index(head, []byte("SPDX-License-Identifier: "))
		if at < 0 || bytes.Count(head[:at], []byte("\n")) > 4 {
			t.Errorf("%s has no SPDX line", s.path)
		}
	}
}

// A package is named after what is in it. These names fit anything.
func TestPackagesAreNamedAfterSomething(t *testing.T) {
	for _, s := range sources(t) {
		if s.file == nil {
			continue
		}
		switch name := strings.TrimSuffix(s.file.Name.Name, "_test"); name {
		case "util", "utils", "common", "helper", "helpers", "misc", "shared":
			t.Errorf("%s: package %s", s.path, name)
		}
	}
}

// columns a line may have, where a tab is four.
const columns = 120

// wide are the sources whose lines are longer: folders and files.
var wide = []string{"bpf"}

func TestLinesAreNotTooLong(t *testing.T) {
	for _, s := range sources(t) {
		if slices.ContainsFunc(wide, func(w string) bool { return s.path == w || strings.HasPrefix(s.path, w+"/") }) {
			continue
		}
		for i, line := range bytes.Split(s.text, []byte("\n")) {
			if n := width(line); n > columns {
				t.Errorf("%s:%d: %d columns, at most %d", s.path, i+1, n, columns)
			}
		}
	}
}

func width(line []byte) (n int) {
	for _, c := range string(line) {
		if n++; c == '\t' {
			n = (n + 3) / 4 * 4
		}
	}
	return n
}

// lines a function may have, but for those of tests, of which many are a table.
const lines = 60

func TestFunctionsAreNotTooLong(t *testing.T) {
	for _, s := range sources(t) {
		if s.file == nil || strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > lines {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, n, lines)
			}
		}
	}
}
