// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// bin is the directory of the programs. They are built by TestMain, unless FLETCH_BIN names a directory of built ones.
var bin = os.Getenv("FLETCH_BIN")

func TestMain(m *testing.M) {
	if os.Getenv(measureVariable) != "" {
		measureArguments()
		return
	}
	if bin != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "fletch-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	os.Chmod(dir, 0o755) // some tests run the programs as another user
	build("", "../cmd/record", "../cmd/analyze", "../cmd/replay", "../internal/workload")
	if arch := map[string]string{"amd64": "386", "arm64": "arm"}[runtime.GOARCH]; arch != "" {
		build(arch, "../internal/workload")
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// build builds programs into bin. With an architecture, 32 is appended to the name of the one.
func build(arch string, packages ...string) {
	to := bin + "/"
	if arch != "" {
		to += filepath.Base(packages[0]) + "32"
	}
	cmd := exec.Command("go", append([]string{"build", "-o", to}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+arch)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the programs: %v\n%s", err, out)
		os.Exit(1)
	}
}

func program(name string) string { return filepath.Join(bin, name) }

var traceable = sync.OnceValue(func() error {
	_, err := bpf.Probe(bpf.Options{Families: schema.Families()})
	return err
})

// needKernel skips the test if this machine cannot record, because of privileges or the kernel. Any other reason fails
// the test.
func needKernel(t *testing.T) {
	t.Helper()
	err := traceable()
	if errors.Is(err, bpf.ErrPrivilege) || errors.Is(err, bpf.ErrNoBTF) {
		t.Skipf("cannot record here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func needProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s on this machine", name)
	}
	return path
}

// skipCases skips a test for each case that a workload could not make here, "CASE: REASON", so that it counts as not
// run.
func skipCases(t *testing.T, cases []string) {
	t.Helper()
	for _, text := range cases {
		name, reason, _ := strings.Cut(text, ": ")
		t.Run(name, func(t *testing.T) { t.Skipf("the workload cannot do it here: %s", reason) })
	}
}

// output runs a program in a new directory, and returns its exit status and output.
func output(t *testing.T, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// recordArgs returns the arguments of record for a test that is not about a certain family. With -short it records only
// two families, because on an emulated CPU the verifier takes ten seconds for the programs of all.
func recordArgs(args ...string) []string {
	if testing.Short() && !slices.Contains(args, "-e") {
		return append([]string{"-e", "process,syscall"}, args...)
	}
	return args
}

// capture records with these arguments into a new directory, and opens it. The recorder must exit with status. It also
// returns the standard output of the recorder and its command.
func capture(t *testing.T, status int, args ...string) (*format.Capture, string) {
	t.Helper()
	needKernel(t)
	dir := filepath.Join(t.TempDir(), "capture")
	got, stdout, stderr := output(t, program("record"), append([]string{"-w", dir}, recordArgs(args...)...)...)
	if got != status {
		t.Fatalf("record %s: status %d, want %d\n%s", strings.Join(args, " "), got, status, stderr)
	}
	return open(t, dir), stdout
}

func open(t *testing.T, path string) *format.Capture {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A row is one row of a table, by column: integers are int64, texts string, and lists []string.
type row map[string]any

func (r row) n(column string) int64  { return r[column].(int64) }
func (r row) s(column string) string { return r[column].(string) }

// rows reads a table, in order of ts if it has that column. A missing table has no rows.
func rows(t *testing.T, c *format.Capture, table string) []row {
	t.Helper()
	tab := c.Table(table)
	if tab == nil {
		return nil
	}
	var out []row
	err := tab.Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			r := make(row)
			for j, col := range b.Schema.Columns {
				v := &b.Columns[j]
				switch col.Type {
				case format.Int32:
					r[col.Name] = int64(v.I32[i])
				case format.Int64, format.Timestamp:
					r[col.Name] = v.I64[i]
				case format.String:
					r[col.Name] = v.Str.At(i)
				case format.StringList:
					r[col.Name] = v.List(i)
				}
			}
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if tab.Schema.Index("ts") >= 0 {
		slices.SortStableFunc(out, func(a, b row) int { return int(a.n("ts") - b.n("ts")) })
	}
	return out
}

// tasks returns the rows of table task by id. No id may be announced twice.
func tasks(t *testing.T, c *format.Capture) map[int64]row {
	t.Helper()
	byID := make(map[int64]row)
	for _, r := range rows(t, c, "task") {
		if _, twice := byID[r.n("task")]; twice {
			t.Errorf("task %d is announced twice", r.n("task"))
		}
		byID[r.n("task")] = r
	}
	return byID
}

func lost(c *format.Capture) (n int64) {
	for _, l := range c.Lost() {
		n += l
	}
	return n
}

func wantNoLoss(t *testing.T, c *format.Capture) {
	t.Helper()
	if n := lost(c); n != 0 {
		t.Errorf("%d events lost: %v", n, c.Lost())
	}
	if !c.Manifest.Complete {
		t.Error("the capture is not complete")
	}
}
