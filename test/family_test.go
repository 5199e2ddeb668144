// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

var allFamilies = strings.Join(schema.Families(), ",")

// eachMechanism runs a test with every mechanism of a family. It skips those that this kernel refuses, and shows the
// reason.
func eachMechanism(t *testing.T, family string, test func(t *testing.T, mechanism string)) {
	needKernel(t)
	for _, mechanism := range bpf.Mechanisms(family) {
		t.Run(mechanism, func(t *testing.T) {
			t.Logf("matrix: %s/%s", family, mechanism) // for test/matrix.sh
			probes, err := bpf.Probe(bpf.Options{Families: []string{family},
				Mechanisms: map[string]string{family: mechanism}})
			if err != nil {
				t.Fatal(err)
			}
			if p := probes[0]; p.Mechanism == "" {
				t.Skipf("refused: %s", p.Refused[0].Reason)
			}
			test(t, mechanism)
		})
	}
}

// recordWork records a workload with one mechanism of one family, and decodes the JSON that the workload prints to
// report.
func recordWork(t *testing.T, family, mechanism string, report any, args ...string) *format.Capture {
	t.Helper()
	path, _ := workload(t)
	got, stdout := capture(t, 0, append([]string{"-e", family, "--mechanism", family + "=" + mechanism, "--", path},
		args...)...)
	wantNoLoss(t, got)
	if err := json.Unmarshal([]byte(stdout), report); err != nil {
		t.Fatalf("the workload printed %q: %v", stdout, err)
	}
	for _, p := range got.Manifest.Probes {
		if p.Family == family && p.Mechanism != mechanism {
			t.Errorf("the manifest says %s, not %s", p.Mechanism, mechanism)
		}
	}
	return got
}

// tally counts rows by the values of these columns, separated by spaces.
func tally(rows []row, columns ...string) map[string]int {
	count := map[string]int{}
	for _, r := range rows {
		var key []string
		for _, c := range columns {
			key = append(key, fmt.Sprint(r[c]))
		}
		count[strings.Join(key, " ")]++
	}
	return count
}

func wantTally(t *testing.T, got, want map[string]int) {
	t.Helper()
	for key, n := range want {
		if got[key] != n {
			t.Errorf("%d rows of %q, want %d", got[key], key, n)
		}
	}
	for key, n := range got {
		if _, known := want[key]; !known {
			t.Errorf("%d rows of %q, want none", n, key)
		}
	}
}

func TestFiles(t *testing.T) {
	const n = 5
	eachABI(t, "file", func(t *testing.T, mechanism string) {
		var report struct {
			PID   int64
			Names map[string]string
		}
		got := recordWork(t, "file", mechanism, &report, "files", t.TempDir(), strconv.Itoa(n))

		names, inodes := map[int64]string{}, map[int64]bool{}
		for _, r := range rows(t, got, "path") {
			if _, twice := names[r.n("path")]; twice || r.s("name") == "" {
				t.Errorf("path %v is announced twice or has no name", r)
			}
			names[r.n("path")] = r.s("name")
			inodes[r.n("ino")] = true
		}
		byName := map[string][]row{}
		who := tasks(t, got)
		for _, r := range rows(t, got, "file") {
			name, known := names[r.n("path")]
			if !known {
				t.Fatalf("path %d is not announced", r.n("path"))
			}
			if who[r.n("task")].n("pid") == report.PID {
				byName[name] = append(byName[name], r)
			}
			if r.n("duration_ns") < 0 {
				t.Errorf("duration of %v", r)
			}
		}
		of := func(name string) []row { return byName[report.Names[name]] }
		want := map[string]int{
			"read -1 50 0": 0, "read 200 300 300": n, "write 5000 100 100": n,
		}
		for i := range n {
			want[fmt.Sprintf("write %d 1000 1000", 1000*i)] = 1
			want[fmt.Sprintf("read %d 400 400", 400*i)] = 1
		}
		delete(want, "read -1 50 0")
		want["read 5100 50 0"] = 1
		wantTally(t, tally(of("data"), "op", "offset", "size", "ret"), want)
		growing := func(size int, from int) map[string]int {
			want := map[string]int{}
			for i := range n {
				want[fmt.Sprintf("write %d %d %d", from+size*i, size, size)] = 1
			}
			return want
		}
		wantTally(t, tally(of("gone"), "op", "offset", "size", "ret"), growing(10, 0))
		wantTally(t, tally(of("renamed"), "op", "offset", "size", "ret"), growing(20, 20))
		wantTally(t, tally(of("memfd"), "op", "offset", "size", "ret"), growing(7, 0))
		before := strings.TrimSuffix(report.Names["renamed"], "renamed") + "first"
		wantTally(t, tally(byName[before], "op", "offset", "size", "ret"), map[string]int{"write 0 20 20": 1})
		wantTally(t, tally(of("pipe"), "op", "offset", "size", "ret"),
			map[string]int{"write -1 5 5": n, "read -1 5 5": n})
		wantTally(t, tally(of("socket"), "op", "offset", "size", "ret"), map[string]int{"write -1 6 6": n})
		wantTally(t, tally(of("socket-end"), "op", "offset", "size", "ret"), map[string]int{"read -1 6 6": n})
		if events := tally(of("event"), "op", "size", "ret"); events["write 8 8"] != n || events["read 8 8"] != n {
			t.Errorf("eventfd: %v", events)
		}
	})
}

func TestIPC(t *testing.T) {
	const n = 4
	eachABI(t, "ipc", func(t *testing.T, mechanism string) {
		var report struct {
			PID, Key, SHM, SEM, MSG int64
			Refused                 int
		}
		got := recordWork(t, "ipc", mechanism, &report, "ipc", strconv.Itoa(n))
		if report.Refused != 5*n {
			t.Errorf("%d requests were refused, want %d", report.Refused, 5*n)
		}
		all := rows(t, got, "ipc")
		for _, r := range all {
			if r.n("key") != report.Key || r.n("owner") != 0 || r.n("creator") != 0 || r.n("mode")&0o777 != 0o644 {
				t.Errorf("row %v is of another object", r)
			}
			if id := r.n("id"); id != report.SHM && id != report.SEM && id != report.MSG {
				t.Errorf("row %v is of another object", r)
			}
		}
		const other = 65534
		// Requests that the mode bits refuse never reach the recorded check, so there are no rows of them.
		wantTally(t, tally(all, "uid", "flag"), map[string]int{
			fmt.Sprint("0 ", 0o400): 3 * n, fmt.Sprint("0 ", 0o222): 2 * n, fmt.Sprint("0 ", 0o444): n,
			fmt.Sprint("0 ", 0o666):       n,
			fmt.Sprint(other, " ", 0o400): 3 * n, fmt.Sprint(other, " ", 0o444): n,
		})
	})
}

func TestTCP(t *testing.T) {
	const n = 4
	eachABI(t, "tcp", func(t *testing.T, mechanism string) {
		var report struct{ PID, Four, Six, Closed int64 }
		got := recordWork(t, "tcp", mechanism, &report, "tcp", strconv.Itoa(n))
		who := tasks(t, got)
		all := rows(t, got, "tcp")
		for _, r := range all {
			if who[r.n("task")].n("pid") != report.PID {
				t.Errorf("row %v by %v", r, who[r.n("task")])
			}
			if r.n("duration_ns") < 0 || r.s("op") == "close" && r.n("duration_ns") == 0 {
				t.Errorf("duration of %v", r)
			}
			local, peer := r.s("saddr"), r.s("daddr")
			if want := map[int64]string{4: "127.", 6: "::"}[r.n("family")]; !strings.HasPrefix(peer, want) ||
				r.n("ret") == 0 && local != peer {
				t.Errorf("addresses of %v", r)
			}
			if r.s("op") == "close" && (r.n("srtt_ns") <= 0 || r.n("retransmits") != 0) {
				t.Errorf("round trip of %v", r)
			}
		}
		unreachable := "connect 4 " + strconv.Itoa(-101) + " 0 0"
		want := map[string]int{
			"connect 4 0 0 0": 2*n + 1, "accept 4 0 0 0": 2 * n, "connect 6 0 0 0": 2 * n, "accept 6 0 0 0": 2 * n,
			// Each connection ends twice: at the client, at the server.
			"close 4 0 1000 500": 2 * n, "close 4 0 500 1000": 2 * n, "close 6 0 1000 500": 2 * n,
			"close 6 0 500 1000": 2 * n,
			"connect 4 -111 0 0": 2 * n, "connect 6 -111 0 0": 2 * n,
			unreachable: n, "connect 4 -110 0 0": 1, "close 4 -104 0 0": 1,
			"close 4 0 0 0": 1, // that is never accepted
		}
		counts := tally(all, "op", "family", "ret", "sent", "received")
		if counts["connect 4 -13 0 0"] == n { // a broadcast address is refused with EACCES or ENETUNREACH
			delete(want, unreachable)
			want["connect 4 -13 0 0"] = n
		}
		wantTally(t, counts, want)
	})
}

func TestSeccomp(t *testing.T) {
	const n = 4
	eachABI(t, "seccomp", func(t *testing.T, mechanism string) {
		var report struct{ PID int64 }
		got := recordWork(t, "seccomp", mechanism, &report, "seccomp", strconv.Itoa(n))
		_, prefix := workload(t)
		pgid, sid := number(t, got, prefix+"getpgid"), number(t, got, prefix+"getsid")
		want := map[string]int{
			fmt.Sprint("errno ", pgid, " 13"): n, fmt.Sprint("trap ", pgid, " 31"): n,
			fmt.Sprint("kill ", pgid, " 31"): 2 * n, fmt.Sprint("log ", sid, " 0"): n,
		}
		if mechanism == "tp_btf" {
			delete(want, fmt.Sprint("log ", sid, " 0")) // shows nowhere but in audit_seccomp
		}
		all := rows(t, got, "seccomp")
		for _, r := range all {
			if r.n("ip") == 0 {
				t.Errorf("row %v has no address", r)
			}
		}
		wantTally(t, tally(all, "action", "nr", "code"), want)
	})
}

// A flood of system calls fills the bulk rings, but no rare event is lost, because those have rings of their own.
func TestAFloodCostsNoRareEvent(t *testing.T) {
	needKernel(t)
	execs, conns := 1000, 1000
	if testing.Short() {
		execs, conns = 100, 100
	}
	script := fmt.Sprintf(`%[1]s spin 600s >/dev/null & a=$!; %[1]s spin 600s >/dev/null & b=$!
i=0; while [ $i -lt %[2]d ]; do /bin/true; i=$((i+1)); done
%[1]s tcp %[3]d >/dev/null
kill $a $b`, program("workload"), execs, conns/4)
	got, _ := capture(t, 0, "-e", allFamilies, "-b", "64KiB", "--", "sh", "-c", script)
	lost := got.Lost()
	if lost["syscall"] == 0 {
		t.Error("no system call was lost: there was no flood")
	}
	for _, table := range []string{"task", "process", "tcp", "cgroup", "path"} {
		if lost[table] != 0 {
			t.Errorf("%d lost of %s", lost[table], table)
		}
	}
	if n := tally(processes(t, got, "exec"), "filename")["/bin/true"]; n != execs {
		t.Errorf("%d execs of true, want %d", n, execs)
	}
	established := 0
	for _, r := range rows(t, got, "tcp") {
		if r.s("op") == "connect" && r.n("ret") == 0 {
			established++
		}
	}
	if want := conns/4*4 + 1; established != want {
		t.Errorf("%d connections, want %d", established, want)
	}
}

// Names that may break a terminal, a parser or a buffer of fixed size.
func TestHostileNames(t *testing.T) {
	needKernel(t)
	got, _ := capture(t, 0, "-e", allFamilies, "--", program("workload"), "names", t.TempDir())
	wantNoLoss(t, got)
	comms := tally(rows(t, got, "task"), "comm")
	for _, want := range []string{`\x1b[31mred\x0a`, strings.Repeat(`\xff\xfe\xfd\xfc\xfb`, 3), "ünïcödé"} {
		if comms[want] == 0 {
			t.Errorf("no task named %q among %v", want, comms)
		}
	}
	var odd, leaf bool
	for _, r := range rows(t, got, "path") {
		base := filepath.Base(r.s("name"))
		odd = odd || base == `new\x0aline \x1b]0;title\x07 \xff`
		leaf = leaf || base == "leaf" && strings.Count(r.s("name"), strings.Repeat("d", 200)) >= 18
	}
	if !odd || !leaf {
		t.Errorf("the odd name is there: %v; the long one: %v", odd, leaf)
	}
	empty := false
	for _, r := range processes(t, got, "exec") {
		// Since 5.18 the kernel gives a program without arguments an empty one.
		args := r["args"].([]string)
		empty = empty || len(args) == 0 || reflect.DeepEqual(args, []string{""})
	}
	if !empty {
		t.Error("no exec without arguments")
	}
	for _, name := range []string{"replay", "analyze"} {
		args := map[string][]string{"replay": {got.Path}, "analyze": {"processes", got.Path}}[name]
		_, stdout, _ := output(t, program(name), args...)
		for _, c := range stdout {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 {
				t.Fatalf("%s writes the control character %U", name, c)
			}
		}
	}
}

// The name of a file is its whole path, also across a mount, and under a bind mount.
func TestPathsCrossMounts(t *testing.T) {
	needKernel(t)
	needProgram(t, "unshare")
	dir := t.TempDir()
	script := fmt.Sprintf(`cd %s && mkdir a b && mount -t tmpfs none a && mkdir a/d && mount --bind a/d b &&
echo hello >a/d/f && read x <b/f && test "$x" = hello`, dir)
	got, _ := capture(t, 0, "-e", "file", "--", "unshare", "-m", "sh", "-c", script)
	wantNoLoss(t, got)
	names := map[int64]string{}
	for _, r := range rows(t, got, "path") {
		names[r.n("path")] = r.s("name")
	}
	used := map[string]bool{}
	for _, r := range rows(t, got, "file") {
		used[r.s("op")+" "+names[r.n("path")]] = true
	}
	for _, want := range []string{"write " + dir + "/a/d/f", "read " + dir + "/b/f"} {
		if !used[want] {
			t.Errorf("no %s among %v", want, used)
		}
	}
}
