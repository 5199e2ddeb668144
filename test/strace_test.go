// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/internal/syscalls"
)

// straceLine: NAME(ARG, …) = RESULT …, every number in hexadecimal (-e raw=all).
var straceLine = regexp.MustCompile(`^(\w+)\((.*?)` +
	`(?:\)\s+= (\?|-?\w+)(?: (\w+))?.*|\s*<unfinished \.\.\.>.*|\) *= \?.*)$`)

// A call is a system call as strace shows it.
type call struct {
	name    string
	args    []uint64
	ret     int64
	errno   string
	unknown bool // strace shows no result: the call does not return, or not yet
}

func parseStrace(t *testing.T, path string) (calls []call) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
			continue
		}
		m := straceLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("cannot parse this line of strace: %q", line)
		}
		c := call{name: m[1], errno: m[4], unknown: m[3] == "" || m[3] == "?"}
		for _, arg := range strings.Split(m[2], ", ") {
			if arg == "" {
				continue
			}
			n, err := strconv.ParseUint(arg, 0, 64)
			if err != nil {
				t.Fatalf("cannot parse an argument in %q", line)
			}
			c.args = append(c.args, n)
		}
		if !c.unknown && m[3] != "-1" {
			n, err := strconv.ParseUint(m[3], 0, 64)
			if err != nil {
				t.Fatalf("cannot parse the result in %q", line)
			}
			c.ret = int64(n)
		}
		calls = append(calls, c)
	}
	return calls
}

// The rows of a recording are the calls that strace prints for the same run: the recorder records strace and its
// command.
func TestRowsAreWhatStraceShows(t *testing.T) {
	needKernel(t)
	strace := needProgram(t, "strace")
	source := filepath.Join(t.TempDir(), "hello.c")
	if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	threads := `
import threading, os, time
def work(n):
    for i in range(200):
        os.getpid(); os.stat("/"); open("/dev/null").close()
        time.sleep(0.0001)
ts = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]
`
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"shell pipeline", []string{"sh", "-c",
			"ls -lR /etc 2>/dev/null | grep conf | sort | head -5 >/dev/null; " +
				"(sleep 0.05; exit 3) & wait; nonesuch 2>/dev/null; kill -9 $$"}},
		{"compiler", []string{"gcc", "-O1", "-o", source + ".out", source}},
		{"threaded interpreter", []string{"python3", "-c", threads}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.command[0]); err != nil {
				t.Skipf("no %s on this machine", c.command[0])
			}
			compareWithStrace(t, strace, c.command)
		})
	}
}

func compareWithStrace(t *testing.T, strace string, command []string) {
	t.Helper()
	dir, prefix := filepath.Join(t.TempDir(), "capture"), filepath.Join(t.TempDir(), "strace")
	args := append([]string{"-w", dir, "--", strace, "-ff", "-e", "raw=all", "-o", prefix}, command...)
	_, _, stderr := output(t, program("record"), args...)
	got := open(t, dir)
	if n := lost(got); n != 0 {
		t.Fatalf("%d events lost\n%s", n, stderr)
	}

	names, err := syscalls.ForArch(got.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	who := tasks(t, got)
	byThread := map[string][]row{}
	for _, table := range []string{"syscall", "pending"} {
		for _, r := range rows(t, got, table) {
			tid := strconv.FormatInt(who[r.n("task")].n("tid"), 10)
			byThread[tid] = append(byThread[tid], r)
		}
	}
	files, _ := filepath.Glob(prefix + ".*")
	if len(files) == 0 {
		t.Fatalf("strace wrote nothing\n%s", stderr)
	}
	total := 0
	for i, file := range files {
		want := parseStrace(t, file)
		have := byThread[strings.TrimPrefix(filepath.Ext(file), ".")]
		slices.SortStableFunc(have, func(a, b row) int { return int(a.n("ts") - b.n("ts")) })
		if i == 0 || want[0].name == "execve" {
			// Before its first execve, strace does not trace this process yet.
			if at := slices.IndexFunc(have,
				func(r row) bool { return names.Name(int32(r.n("nr"))) == "execve" }); at > 0 &&
				want[0].name == "execve" {
				have = have[at:]
			}
		}
		compareCalls(t, filepath.Base(file), names, have, want)
		total += len(want)
	}
	t.Logf("%d calls of %d threads are the same", total, len(files))
}

func compareCalls(t *testing.T, thread string, names *syscalls.Table, have []row, want []call) {
	t.Helper()
	for i := range max(len(have), len(want)) {
		if i >= len(have) {
			t.Errorf("%s: %d rows, strace has %d calls: the first one missing is %+v", thread, len(have),
				len(want), want[i])
			return
		}
		nr := int32(have[i].n("nr"))
		if i >= len(want) {
			t.Errorf("%s: %d rows, strace has %d calls: the first one too many is %s %v", thread, len(have), len(want),
				names.Name(nr), have[i])
			return
		}
		if problem := differs(names.Name(nr), have[i], want[i]); problem != "" {
			t.Errorf("%s: call %d: %s\nrow    %s %v\nstrace %+v", thread, i, problem, names.Name(nr), have[i], want[i])
			return
		}
	}
}

func differs(name string, have row, want call) string {
	if name != want.name {
		return "another call"
	}
	for j, arg := range want.args {
		if uint64(have.n("arg"+strconv.Itoa(j))) != arg {
			return "argument " + strconv.Itoa(j)
		}
	}
	ret, returned := have["ret"]
	switch {
	case !returned && !want.unknown:
		return "it is pending"
	case !returned:
		return ""
	case want.errno != "":
		if e := syscalls.Errno(ret.(int64)); e != want.errno && !strings.HasPrefix(want.errno, "ERESTART") {
			return "the error is " + e
		}
	case !want.unknown && ret.(int64) != want.ret:
		return "the result"
	}
	return ""
}

// straceTexts are calls whose texts strace shows, each of them in quotes.
var straceTexts = strings.Fields(`open openat openat2 creat stat lstat newfstatat statx access faccessat faccessat2
	readlink
	readlinkat execve execveat unlink unlinkat mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink
	symlinkat chdir chmod fchmodat fchownat utimensat statfs memfd_create inotify_add_watch getxattr lgetxattr
	fgetxattr connect bind`)

var straceText = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?`)

// The texts of a recording are those that strace shows for the same run, call by call, in the order of their arguments.
func TestTextsAreWhatStraceShows(t *testing.T) {
	needKernel(t)
	strace := needProgram(t, "strace")
	dir, prefix := filepath.Join(t.TempDir(), "capture"), filepath.Join(t.TempDir(), "strace")
	command := `cd /etc && ls -l . /nosuch | sort | head -3; cat passwd nosuch; mkdir "$0/é"; mv "$0/é" "$0/ü"; ` +
		`ln -s ../x "$0/link"; readlink "$0/link"; (cd "$0"; rm -r ü link); find /etc/init.d | tail -1; nonesuch; true`
	output(t, program("record"), "-w", dir, "-e", "syscall", "--", strace, "-ff", "-xx", "-s", "4096", "-e", "raw=none",
		"-o", prefix, "sh", "-c", command, t.TempDir())
	got := open(t, dir)
	wantNoLoss(t, got)
	names, err := syscalls.ForArch(got.Manifest.Arch)
	if err != nil {
		t.Fatal(err)
	}
	strs, who, byThread := textsOf(t, got, "string", "value"), tasks(t, got), map[string][]row{}
	for _, r := range rows(t, got, "syscall") {
		tid := strconv.FormatInt(who[r.n("task")].n("tid"), 10)
		byThread[tid] = append(byThread[tid], r)
	}
	files, _ := filepath.Glob(prefix + ".*")
	compared := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		have := byThread[strings.TrimPrefix(filepath.Ext(file), ".")]
		slices.SortStableFunc(have, func(a, b row) int { return int(a.n("ts") - b.n("ts")) })
		var lines []string
		for line := range strings.Lines(string(text)) {
			if name, _, ok := strings.Cut(line, "("); ok && slices.Contains(straceTexts, name) {
				lines = append(lines, line)
			}
		}
		have = slices.DeleteFunc(have, func(r row) bool {
			return !slices.Contains(straceTexts, names.Name(int32(r.n("nr"))))
		})
		if len(lines) > len(have) {
			t.Fatalf("%s: strace has %d calls, there are %d rows", file, len(lines), len(have))
		}
		have = have[len(have)-len(lines):] // strace does not trace the first process yet before its first execve
		for i, line := range lines {
			compared += compareTexts(t, names.Name(int32(have[i].n("nr"))), line, strs[have[i].n("str")],
				strs[have[i].n("str2")])
		}
	}
	if compared < 200 {
		t.Errorf("only %d texts were compared", compared)
	}
	t.Logf("%d texts of %d threads are the same", compared, len(files))
}

// compareTexts compares the texts of a call with a line of strace, and returns how many there are.
func compareTexts(t *testing.T, name, line string, str, str2 string) (compared int) {
	t.Helper()
	if shown, _, _ := strings.Cut(line, "("); shown != name {
		t.Errorf("a row of %s, strace shows %s", name, line)
		return 0
	}
	shown := straceText.FindAllStringSubmatch(line, -1)
	if name == "execve" || name == "readlink" || name == "readlinkat" {
		shown = shown[:min(1, len(shown))] // the others are in arrays, or what it has read
	}
	for i, have := range []string{str, str2} {
		want := ""
		if i < len(shown) {
			b, err := hex.DecodeString(strings.ReplaceAll(shown[i][1], `\x`, ""))
			if err != nil {
				t.Fatal(err)
			}
			want = string(b)
			compared++
		}
		have = strings.TrimPrefix(have, "unix:")
		if want != have {
			t.Errorf("%q, strace shows %q in %s", have, want, line)
		}
	}
	return compared
}
