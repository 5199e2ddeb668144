// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Packages must not depend on packages that their design excludes. The test looks at what is actually linked.
func TestBoundaries(t *testing.T) {
	needProgram(t, "go")
	const module, arrow = "github.com/fletch-trace/fletch/", "github.com/apache/arrow"
	for _, c := range []struct{ pkg, forbidden, why string }{
		{"cmd/analyze", "github.com/cilium/ebpf", "the offline tools need no kernel"},
		{"cmd/replay", "github.com/cilium/ebpf", "the offline tools need no kernel"},
		{"cmd/analyze", module + "bpf", "the offline tools need no kernel"},
		{"cmd/replay", module + "bpf", "the offline tools need no kernel"},
		{"format", "github.com/cilium/ebpf", "the format knows no kernel"},
		{"format", module + "bpf", "the format knows no kernel"},
		{"format", "parquet", "the format is not a converter"},
		{"format", arrow, "whoever uses the Arrow library imports format/arrowtable"},
		{"cmd/record", arrow, "the recorder is small"},
		{"cmd/record", "parquet", "the recorder is small"},
		{"cmd/record", module + "internal/merge", "the recorder does not analyze"},
		{"cmd/record", module + "internal/capture", "the recorder does not analyze"},
		{"internal/recorder", "github.com/spf13/pflag", "the recorder knows no flags"},
		{"internal/recorder", module + "internal/cli", "the recorder knows no flags"},
		{"internal/recorder", module + "internal/term", "the recorder prints nothing"},
		{"internal/recorder", module + "internal/privilege", "users and privileges are cmd/record's part"},
		{"internal/privilege", module, "privileges are dropped by code that is small and alone"},
		{"internal/wait", module, "it needs nothing of this module"},
	} {
		out, err := exec.Command("go", "list", "-deps", "../"+c.pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			if dep == module+c.pkg {
				continue
			}
			if strings.HasPrefix(dep, c.forbidden) || c.forbidden == "parquet" && strings.Contains(dep, "parquet") {
				t.Errorf("%s depends on %s, but %s", c.pkg, dep, c.why)
			}
		}
	}
}

// Only one package imports the Arrow library, so that a move to another version changes one folder. Tests may use it.
func TestArrowIsImportedOnce(t *testing.T) {
	needProgram(t, "go")
	list := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{range .Imports}} {{.}}{{end}}`, "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var importers []string
	for line := range strings.Lines(string(out)) {
		if pkg, imports, _ := strings.Cut(line, ":"); strings.Contains(imports, " github.com/apache/arrow") {
			importers = append(importers, strings.TrimPrefix(pkg, "github.com/fletch-trace/fletch/"))
		}
	}
	if got := strings.Join(importers, " "); got != "format/arrowtable" {
		t.Errorf("the Arrow library is imported by %q", got)
	}
}

// The committed objects are what the sources compile to.
func TestGeneratedObjectsAreCurrent(t *testing.T) {
	for _, tool := range []string{"go", "clang", "llvm-strip"} {
		needProgram(t, tool)
	}
	version, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Other compilers generate other code. The committed objects are those of clang in Debian 12.
	if !regexp.MustCompile(`clang version 14\.`).Match(version) {
		line, _, _ := strings.Cut(string(version), "\n")
		t.Skipf("the objects are made with clang 14, and this is %s", line)
	}
	dir := t.TempDir()
	directive := regexp.MustCompile(`(?m)^//go:generate (.*)$`).FindSubmatch(must(os.ReadFile("../bpf/doc.go")))
	cmd := exec.Command("sh", "-c", strings.Replace(string(directive[1]), "bpf2go ", "bpf2go -output-dir "+dir+" ", 1))
	cmd.Dir = "../bpf"
	cmd.Env = append(os.Environ(), "GOPACKAGE=bpf")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("generating: %v\n%s", err, out)
	}
	made, _ := filepath.Glob("../bpf/fletch_*_bpfel.*")
	if len(made) != 4 {
		t.Fatalf("%d generated files are committed, want 4", len(made))
	}
	for _, f := range made {
		if !bytes.Equal(must(os.ReadFile(f)), must(os.ReadFile(filepath.Join(dir, filepath.Base(f))))) {
			t.Errorf("%s is not what its source compiles to; run make generate", filepath.Base(f))
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// CONTRIBUTING.md contains the output of make help.
func TestTargetsAreListed(t *testing.T) {
	needProgram(t, "make")
	needProgram(t, "awk")
	help := exec.Command("make", "-s", "--no-print-directory", "help")
	help.Dir = ".."
	targets, err := help.Output()
	if err != nil || !bytes.Contains(targets, []byte("\nmake check ")) {
		t.Fatalf("make help: %v\n%s", err, targets)
	}
	if !bytes.Contains(must(os.ReadFile("../CONTRIBUTING.md")),
		append([]byte("```\n"), append(targets, "```\n"...)...)) {
		t.Errorf("CONTRIBUTING.md does not list what make help prints:\n%s", targets)
	}
}
