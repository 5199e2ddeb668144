// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// A selection is a recording of a part, by some flags, inside one of everything.
type selection struct {
	t           *testing.T
	whole, part *format.Capture
	calls       *syscalls.Table
}

// selecting records a command twice at once: a recorder with these flags records it, and is recorded by one without.
func selecting(t *testing.T, flags []string, command ...string) *selection {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "part")
	args := []string{
		"-e",
		"process,syscall,file",
		"--mechanism",
		"file=tp_btf",
		"--",
		program("record"),
		"-q",
		"-w",
		dir,
	}
	whole, _ := capture(t, 0, slices.Concat(args, flags, []string{"--"}, command)...)
	part := open(t, dir)
	wantNoLoss(t, whole)
	wantNoLoss(t, part)
	calls, err := syscalls.ForArch(whole.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	return &selection{t, whole, part, calls}
}

// A selected row is one of a thread that ran the workload, with the row of its task.
type selectedRow struct {
	row
	task row
}

// of returns the rows of a table that are by threads of the workload, by thread. The execve that begins it is by
// another program where that is recorded too.
func (s *selection) of(c *format.Capture, table string) map[int64][]selectedRow {
	s.t.Helper()
	who, found := tasks(s.t, c), map[int64][]selectedRow{}
	texts, paths := map[int64]string{}, pathNames(s.t, c)
	for _, r := range rows(s.t, c, "string") {
		texts[r.n("string")] = r.s("value")
	}
	for _, r := range rows(s.t, c, table) {
		for column := range r {
			switch column {
			case "str", "str2":
				r[column] = texts[r.n(column)]
			case "path", "path2", "dir", "dir2":
				r[column] = paths[r.n(column)]
			}
		}
		task := who[r.n("task")]
		exec := table == "syscall" && s.calls.Name(int32(r.n("nr"))) == "execve"
		if task != nil && !exec && strings.HasPrefix(filepath.Base(task.s("exe")), "workload") {
			found[task.n("tid")] = append(found[task.n("tid")], selectedRow{r, task})
		}
	}
	return found
}

// key is what two recorders say alike of a row.
func (r selectedRow) key() string {
	var values []string
	for column, value := range r.row {
		switch column {
		case "ts", "cpu", "task", "duration_ns":
		default:
			values = append(values, fmt.Sprint(column, "=", value))
		}
	}
	slices.Sort(values)
	return strings.Join(values, " ")
}

// compare wants the rows of a table of the part to be those of the whole that are wanted, in the same order. Rows for
// which unsure holds may be in it or not.
func (s *selection) compare(table string, wanted, unsure func(selectedRow) bool) {
	s.t.Helper()
	whole, part := s.of(s.whole, table), s.of(s.part, table)
	all := 0
	for tid := range part {
		if whole[tid] == nil {
			s.t.Errorf("%s: the whole has no rows of thread %d", table, tid)
		}
	}
	for tid, rows := range whole {
		sure := func(r selectedRow) bool { return unsure == nil || !unsure(r) }
		var want, got []string
		for _, r := range rows {
			if wanted(r) && sure(r) {
				want = append(want, r.key())
			}
		}
		for _, r := range part[tid] {
			if sure(r) {
				got = append(got, r.key())
			}
		}
		all += len(got)
		if !slices.Equal(want, got) {
			s.t.Errorf("%s: thread %d has %d rows, want %d", table, tid, len(got), len(want))
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					s.t.Errorf("row %d is\n%v, want\n%v", i, got[min(i, len(got)):min(i+1, len(got))],
						want[min(i, len(want)):min(i+1, len(want))])
					break
				}
			}
		}
	}
	if all == 0 {
		s.t.Errorf("no rows of %s", table)
	}
}

// eachWidth runs a test with the workload, and with that of 32 bits.
func eachWidth(t *testing.T, test func(t *testing.T)) {
	t.Run("native", test)
	narrowABI(t, "process", func(t *testing.T, _ string) { test(t) })
}

func anyRow(selectedRow) bool { return true }

func TestSelectedCalls(t *testing.T) {
	needKernel(t)
	eachWidth(t, func(t *testing.T) {
		path, _ := workload(t)
		for list, wanted := range map[string]func(name string) bool{
			"syscall=!read,write": func(name string) bool { return name != "read" && name != "write" },
			"syscall=%signal,openat,!rt_sigaction": func(name string) bool {
				return slices.Contains([]string{"openat", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
					"tgkill"}, name)
			},
		} {
			if path != program("workload") && list[len("syscall=")] == '!' {
				continue // nothing in it depends on the width
			}
			s := selecting(t, []string{"-e", "process,file", "-e", list}, path, "files", t.TempDir(), "5")
			s.compare("syscall", func(r selectedRow) bool {
				_, name, other := strings.Cut(s.calls.Name(int32(r.n("nr"))), ":")
				if !other {
					name = s.calls.Name(int32(r.n("nr")))
				}
				return wanted(name)
			}, nil)
			s.compare("file", anyRow, nil) // of another family
			for _, r := range rows(t, s.part, "pending") {
				if list != "syscall=!read,write" {
					t.Errorf("a pending row of %s", s.calls.Name(int32(r.n("nr"))))
				}
			}
		}
	})
}

func TestFailedCalls(t *testing.T) {
	needKernel(t)
	eachWidth(t, func(t *testing.T) {
		path, _ := workload(t)
		s := selecting(t, []string{"--failed"}, path, "offsets", t.TempDir())
		failed := func(r selectedRow) bool { return syscalls.Failed(r.n("ret")) }
		s.compare("syscall", failed, nil)
		s.compare("file", failed, nil)
		if n := len(rows(t, s.part, "pending")); n > 0 {
			t.Errorf("%d calls that have not returned have failed", n)
		}
	})
}

func TestSlowCalls(t *testing.T) {
	needKernel(t)
	eachWidth(t, func(t *testing.T) {
		path, _ := workload(t)
		const slow = 5_000_000 // ns
		s := selecting(t, []string{"--slower", "5ms"}, path, "restarts", "1")
		near := func(r selectedRow) bool { return r.n("duration_ns") > slow*2/3 && r.n("duration_ns") < slow*3/2 }
		for _, table := range []string{"syscall", "file"} {
			s.compare(table, func(r selectedRow) bool { return r.n("duration_ns") >= slow }, near)
			for _, r := range rows(t, s.part, table) {
				if r.n("duration_ns") < slow {
					t.Errorf("%s: a row of %d ns", table, r.n("duration_ns"))
				}
			}
		}
		for _, r := range rows(t, s.part, "pending") {
			if s.part.Manifest.End.UnixNano()-r.n("ts") < slow {
				t.Errorf("a call that has taken %d ns", s.part.Manifest.End.UnixNano()-r.n("ts"))
			}
		}
	})
}

// A task is recorded while it is a selected user's, or in a selected cgroup. The call that makes it so began before.
func TestSelectedOwners(t *testing.T) {
	needKernel(t)
	began := func(r selectedRow) bool { return r.n("flags")&flagBefore != 0 }
	name := "fletch-selected-" + strconv.Itoa(os.Getpid())
	t.Run("uid", func(t *testing.T) {
		eachWidth(t, func(t *testing.T) {
			path, _ := workload(t)
			flags := []string{"-e", "process,syscall,file", "--uid", "9,65534"}
			s := selecting(t, flags, path, "identities", newCgroups(t, name)[0])
			mine := func(r selectedRow) bool { return r.task.n("uid") == 9 || r.task.n("uid") == 65534 }
			s.compare("syscall", mine, began)
			s.compare("file", mine, began)
			for _, r := range rows(t, s.part, "task") {
				if uid := r.n("uid"); uid != 9 && uid != 65534 {
					t.Errorf("a task of user %d", uid)
				}
			}
		})
	})
	id := strings.Repeat("0123456789abcdef", 4)
	for what, flags := range map[string][]string{
		"cgroup": {"--cgroup", "/" + name}, "container": {"--container", id[:12]},
		"both": {"--cgroup", "/sys/fs/cgroup/" + name + "/", "--uid", "0"},
	} {
		t.Run(what, func(t *testing.T) {
			name := name
			if what == "container" {
				name = "docker-" + id + ".scope"
			}
			dirs := newCgroups(t, name)
			path, _ := workload(t)
			s := selecting(t, flags, slices.Concat([]string{path, "identities"}, dirs)...)
			names := cgroupNames(t, s.whole)
			inside := func(r selectedRow) bool {
				return names[r.task.n("cgroup")] == "/"+name && (what != "both" || r.task.n("uid") == 0)
			}
			s.compare("syscall", inside, began)
			s.compare("file", inside, began)
		})
	}
}

// A service that starts again has a new cgroup of the same name.
func TestCgroupsMadeLater(t *testing.T) {
	needKernel(t)
	name := "fletch-later-" + strconv.Itoa(os.Getpid())
	dirs := newCgroups(t, name)
	script := `
for i in 1 2 3; do
	for cgroup; do rmdir "$cgroup" && mkdir "$cgroup" || exit; done
	sh -c 'for cgroup; do echo $$ >"$cgroup/cgroup.procs" || exit; done; cat /dev/null' sh "$@" || exit
done`
	got, _ := capture(
		t,
		0,
		slices.Concat([]string{"-e", "process", "--cgroup", "/" + name, "--", "sh", "-c", script, "sh"},
			dirs)...)
	n := 0
	for _, r := range processes(t, got, "exec") {
		if args := r["args"].([]string); len(args) > 0 && args[0] == "cat" {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d execs of cat, want 3", n)
	}
}
