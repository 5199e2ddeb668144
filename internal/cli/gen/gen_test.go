// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fletch-trace/fletch/internal/term"
)

// names returns the programs that run on this system.
func names() []string {
	if runtime.GOOS == "linux" {
		return []string{"record", "analyze", "replay"}
	}
	return []string{"analyze", "replay"}
}

// binaries builds the programs and returns their directory.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fletch-gen-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, name := range names() {
		args = append(args, "../../../cmd/"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, _ := binaries(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("no %s on this machine", program)
	}
}

func programs(t *testing.T) (list []program) {
	t.Helper()
	need(t, "go")
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names() {
		p, err := describe(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// Every command and every flag has its texts, in the style of all programs.
func TestEverythingIsDescribed(t *testing.T) {
	for _, p := range programs(t) {
		for i, d := range p {
			if d.Summary == "" || strings.HasSuffix(d.Summary, ".") || !strings.HasSuffix(d.Description, ".") ||
				len(d.Usage) == 0 || len(d.Examples) == 0 || d.Operands == "" {
				t.Errorf("%s is not described: %+v", d.Name, d.Command)
			}
			if i > 0 && d.Summary != p[0].Subcommands[i-1].Text {
				t.Errorf("%s is %q in the list of commands, not %q", d.Name, p[0].Subcommands[i-1].Text, d.Summary)
			}
			for _, s := range d.Sections {
				if s.Head == "" || len(s.Flags) == 0 {
					t.Errorf("%s has a section %q of %d flags", d.Name, s.Head, len(s.Flags))
				}
			}
			for _, f := range flags(&d) {
				if f.Text == "" || strings.HasSuffix(f.Text, ".") || strings.ToUpper(f.Placeholder) != f.Placeholder {
					t.Errorf("%s --%s is not described: %+v", d.Name, f.Name, f)
				}
			}
		}
	}
}

// Help fits a terminal of 80 columns, contains every flag, and is ASCII, so that it can be shown in every locale.
func TestHelpFits(t *testing.T) {
	for _, p := range programs(t) {
		dir, _ := binaries()
		for _, d := range p {
			args := append(strings.Fields(d.Name)[1:], "--help")
			out, err := exec.Command(filepath.Join(dir, p.name()), args...).Output()
			if err != nil {
				t.Fatalf("%s --help: %v", d.Name, err)
			}
			for line := range strings.Lines(string(out)) {
				if n := term.TextWidth(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%s --help: %d columns: %s", d.Name, n, line)
				}
				if strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
					t.Errorf("%s --help: not ASCII: %s", d.Name, line)
				}
			}
			for _, f := range flags(&d) {
				if !bytes.Contains(out, []byte("--"+f.Name)) {
					t.Errorf("%s --help does not have --%s", d.Name, f.Name)
				}
			}
		}
	}
}

// lint runs a checker on each of the files that match pattern, and wants it to succeed and print no errors.
func lint(t *testing.T, files map[string]string, pattern string, command ...string) {
	t.Run(command[0], func(t *testing.T) {
		need(t, command[0])
		n := 0
		for name, text := range files {
			if ok, err := filepath.Match(pattern, name); err != nil {
				t.Fatal(err)
			} else if !ok {
				continue
			}
			n++
			path := filepath.Join(t.TempDir(), filepath.Base(name))
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := exec.Command(command[0], append(slices.Clone(command[1:]), path)...)
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || stderr.Len() > 0 {
				t.Errorf("%s %s: %v\n%s%s", strings.Join(command, " "), name, err, out, stderr.String())
			}
		}
		if n == 0 {
			t.Errorf("no file matches %s", pattern)
		}
	})
}

func TestManuals(t *testing.T) {
	list := programs(t)
	commands := 0
	for _, p := range list {
		commands += len(p)
		for i := range p {
			p[i].Date = "2006-01-02" // builds outside a checkout have no date
		}
	}
	pages := manuals(list)
	if len(pages) != commands {
		t.Errorf("%d pages of %d commands", len(pages), commands)
	}
	lint(t, pages, "man/man1/*.1", "mandoc", "-T", "lint", "-W", "warning")
	lint(t, pages, "man/man1/*.1", "man", "--warnings", "-l")
	for _, p := range list {
		for i := range p {
			text := pages["man/man1/"+page(p[i].Name)+".1"]
			for _, f := range flags(&p[i]) {
				if !strings.Contains(text, `\fB`+roff("--"+f.Name)+`\fR`) {
					t.Errorf("the page of %s does not have --%s", p[i].Name, f.Name)
				}
			}
		}
	}
}

// A page contains the texts of --help; no character gets lost as markup.
func TestManualsAreComplete(t *testing.T) {
	need(t, "mandoc")
	list := programs(t)
	pages := manuals(list)
	spaces := regexp.MustCompile(`\s+`)
	for _, p := range list {
		for _, d := range p {
			cmd := exec.Command("mandoc", "-T", "utf8", "-O", "width=1000")
			cmd.Stdin = strings.NewReader(pages["man/man1/"+page(d.Name)+".1"])
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			shown := spaces.ReplaceAllString(regexp.MustCompile(".\b").ReplaceAllString(string(out), ""), " ")
			want := []string{d.Summary}
			for _, f := range flags(&d) {
				want = append(want, f.Text)
			}
			for _, e := range d.Examples {
				want = append(want, e.Line, e.Text)
			}
			for _, n := range d.Notes {
				want = append(want, n.Text)
			}
			for _, text := range want {
				if text = strings.TrimSpace(spaces.ReplaceAllString(text, " ")); !strings.Contains(shown, text) {
					t.Errorf("the page of %s does not show %q", d.Name, text)
				}
			}
		}
	}
}

func TestRoff(t *testing.T) {
	for s, want := range map[string]string{
		`a\nb`: `a\enb`, ".TH": `\&.TH`, "'x' -n": `\(aqx\(aq \-n`, "^C ~ `": `\(haC \(ti \(ga`,
		"…": `\[u2026]`, "a.b": "a.b",
	} {
		if got := roff(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// gen, as make man and make completions call it, writes files to the usual paths, and the shells accept them.
func TestFiles(t *testing.T) {
	programs(t)
	binaries, _ := binaries()
	dir := t.TempDir()
	var paths []string
	for _, name := range names() {
		paths = append(paths, filepath.Join(binaries, name))
	}
	for _, what := range []string{"man", "completions"} {
		if err := run(append([]string{what, dir}, paths...)); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	for _, name := range names() {
		for _, file := range []string{"man/man1/" + name + ".1", "bash-completion/completions/" + name,
			"zsh/site-functions/_" + name, "fish/vendor_completions.d/" + name + ".fish"} {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			files[file] = string(text)
		}
	}
	lint(t, files, "bash-completion/completions/*", "bash", "-n")
	lint(t, files, "zsh/site-functions/*", "zsh", "-n")
	lint(t, files, "fish/vendor_completions.d/*", "fish", "--no-config", "--no-execute")
	for _, args := range [][]string{nil, {"man", dir}, {"pdf", dir, paths[0]},
		{"man", dir, filepath.Join(binaries, "nothing")}, {"man", filepath.Join(paths[0], "x"), paths[0]}} {
		if err := run(args); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{
		"at most N": "at most N", "write FORMAT: csv or json": "write FORMAT",
		"keep N; what remains is whole. Or not": "keep N",
		"a LIST (default: all) of them":         "a LIST", "a NAME (its first 15 bytes)": "a NAME (its first 15 bytes)",
	} {
		if got := brief(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
