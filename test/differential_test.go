// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Several recorders record the same run of a workload of everything, each with another mechanism of each family. As
// they see the same events, their rows must be equal, but for the differences that FORMAT.md lists: each difference
// must be one of the list, and each one of the list must be seen if this kernel has the mechanism.
func TestMechanismsAgree(t *testing.T) {
	ranks := mechanismRanks(t)
	listed := listedDifferences(t)
	compared := differential(t, ranks)
	seen := map[difference]int{}
	for _, family := range schema.Families() {
		best := compared[0]
		for i, c := range compared[1:] {
			mechanism := ranks[i+1][family]
			if mechanism == ranks[0][family] {
				mechanism = "" // the same one twice: no difference is allowed
			}
			for _, table := range schema.TablesOf(family) {
				if schema.Of(table).Event() {
					compareTables(t, table, mechanism, best, c, seen)
				}
			}
			if mechanism != "" {
				t.Logf("%s: %s compared with %s", family, mechanism, ranks[0][family])
			}
		}
	}
	ran := map[string]bool{}
	for _, r := range ranks[1:] {
		for family, mechanism := range r {
			if mechanism != ranks[0][family] {
				ran[family+" "+mechanism] = true
			}
		}
	}
	for _, d := range slices.SortedFunc(maps.Keys(seen), func(a, b difference) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}) {
		t.Logf("%s, %s: %s (%d rows)", d.family, d.mechanism, d.text, seen[d])
		if !listed[d] {
			t.Errorf("FORMAT.md does not list this difference: %v", d)
		}
	}
	for d := range listed {
		if ran[d.family+" "+d.mechanism] && seen[d] == 0 && notShown[d] == "" {
			t.Errorf("FORMAT.md lists a difference that did not show: %v", d)
		}
	}
}

// mechanismRanks returns which mechanisms each recorder uses, by family: the best ones, the second best ones, and so
// on; where a family has fewer, the last one again. On a kernel with one mechanism for each family, two recorders use
// the same.
func mechanismRanks(t *testing.T) (ranks []map[string]string) {
	needKernel(t)
	allowed := map[string][]string{}
	most := 2
	for _, family := range schema.Families() {
		var refused []format.Refusal
		for _, m := range bpf.Mechanisms(family) {
			probes, err := bpf.Probe(bpf.Options{Families: []string{family}, Mechanisms: map[string]string{family: m}})
			if err != nil {
				t.Fatal(err)
			}
			if probes[0].Mechanism != "" {
				allowed[family] = append(allowed[family], m)
			}
			refused = append(refused, probes[0].Refused...)
		}
		if len(allowed[family]) == 0 {
			t.Fatalf("family %s cannot be recorded here: %v", family, refused)
		}
		most = max(most, len(allowed[family]))
	}
	for i := range most {
		r := map[string]string{}
		for family, m := range allowed {
			r[family] = m[min(i, len(m)-1)]
		}
		ranks = append(ranks, r)
	}
	return ranks
}

// The programs of all families load together, by the best mechanism of each family, by the second best ones, and so on:
// what one program needs of the verifier depends on which families and mechanisms it serves.
func TestMechanismsLoadTogether(t *testing.T) {
	for _, r := range mechanismRanks(t) {
		args := []string{"-e", strings.Join(schema.Families(), ",")}
		for _, family := range slices.Sorted(maps.Keys(r)) {
			args = append(args, "--mechanism", family+"="+r[family])
		}
		t.Run(strings.Join(args[2:], " "), func(t *testing.T) {
			for _, selected := range [][]string{nil, {"--comm", callName}} {
				capture(t, 0, slices.Concat(args, selected, []string{"--", program("workload"), "calls", "1", "1"})...)
			}
		})
	}
}

// A difference is a line of FORMAT.md's list of differences between mechanisms.
type difference struct{ family, mechanism, text string }

// listedDifferences reads the list in FORMAT.md.
func listedDifferences(t *testing.T) map[difference]bool {
	listed := map[difference]bool{}
	_, section, found := strings.Cut(read(t, formatPage(t)), "\n## Mechanisms\n")
	section, _, _ = strings.Cut(section, "\n## ")
	line := regexp.MustCompile("(?m)^\\| (\\w+) \\| (`[^|]*`) \\| (.*?) \\|")
	for _, m := range line.FindAllStringSubmatch(section, -1) {
		for mechanism := range strings.SplitSeq(m[2], ", ") {
			listed[difference{m[1], strings.Trim(mechanism, "`"), m[3]}] = true
		}
	}
	if !found || len(listed) == 0 {
		t.Fatal("FORMAT.md has no list of differences")
	}
	return listed
}

// formatPage is where FORMAT.md is: above this directory in the repository, in it on a kernel of test/kernel.sh.
func formatPage(t *testing.T) string {
	for _, name := range []string{"../FORMAT.md", "FORMAT.md"} {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	t.Fatal("no FORMAT.md")
	return ""
}

// differential runs the workload once, with a recorder for each of ranks.
func differential(t *testing.T, ranks []map[string]string) (captures []*format.Capture) {
	sh := exec.Command("sh", "-c", "read go; "+wholeWork(t))
	// Without signals of the Go runtime: one to a thread that is changing who it is may be seen before and after.
	sh.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	dir := t.TempDir()
	os.Chmod(dir, 0o755)
	sh.Dir = dir
	begin, err := sh.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	errors := new(strings.Builder)
	sh.Stderr = errors
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	var recorders []*exec.Cmd
	var paths []string
	for _, r := range ranks {
		args := []string{"-e", strings.Join(schema.Families(), ","), "-b", "16MiB", "-p", fmt.Sprint(sh.Process.Pid)}
		for _, family := range slices.Sorted(maps.Keys(r)) {
			args = append(args, "--mechanism", family+"="+r[family])
		}
		rec, path := start(t, args...)
		recorders, paths = append(recorders, rec), append(paths, path)
	}
	io.WriteString(begin, "\n")
	begin.Close()
	if err := sh.Wait(); err != nil {
		t.Fatalf("the workload: %v\n%s", err, errors)
	}
	for i, rec := range recorders {
		if err := rec.Wait(); err != nil {
			t.Fatalf("recorder %d: %v", i, err)
		}
		c := open(t, paths[i])
		wantNoLoss(t, c)
		captures = append(captures, c)
	}
	return captures
}

// wholeWork is a shell command that does everything that a row can be about, by programs of both ABIs.
func wholeWork(t *testing.T) string {
	t.Helper()
	cgroups := strings.Join(newCgroups(t, fmt.Sprintf("fletch-test-%d", os.Getpid())), " ")
	works := []string{"files DIR 2", "paths DIR", "offsets DIR", "identities " + cgroups, "switches 20 3", "exits 2",
		"ipc 2", "ipc-cases direct", "tcp 2", "connections 4", "connections 6", "unsent 2", "seccomp 2", "signals 2",
		"tree 3", "calls 20 2", "restarts 1"}
	var commands []string
	for _, w := range []string{"workload", "workload32"} {
		if exec.Command(program(w), "calls", "1", "1").Run() != nil {
			t.Logf("this kernel does not run %s", w)
			continue
		}
		for i, work := range works {
			if w != "workload" && work == "exits 2" {
				continue // it needs results of functions in registers
			}
			dir := fmt.Sprint(w, i)
			work = strings.ReplaceAll(work, "DIR", dir)
			commands = append(commands, "mkdir "+dir, program(w)+" "+work+" >/dev/null")
		}
	}
	return strings.ReplaceAll(strings.Join(commands, " && "), "tree 3 >/dev/null", "tree 3 >/dev/null; test $? = 3")
}

// A comparedRow is a row without what differs between recorders of the same event.
type comparedRow struct {
	row
	key string
}

// comparable returns the rows of a table. Instead of ids they have what the ids stand for; durations and the times of
// the clock are left out of the key.
func comparable(t *testing.T, c *format.Capture, table string) (all []comparedRow) {
	who, names := tasks(t, c), map[int64]row{}
	for _, r := range rows(t, c, "path") {
		names[r.n("path")] = r
	}
	tab := schema.Of(table)
	for _, r := range rows(t, c, table) {
		var key strings.Builder
		for _, col := range tab.Columns {
			v := r[col.Name]
			switch {
			case col.Name == "ts" || col.Name == "cpu" || col.Meaning == schema.Duration:
				continue
			case col.Dimension == "task":
				v = taskText(who[v.(int64)])
			case col.Dimension == "path":
				v = names[v.(int64)]["name"]
			}
			fmt.Fprintf(&key, "%s=%v ", col.Name, v)
		}
		r["who"] = who[r.n("task")]
		all = append(all, comparedRow{r, key.String()})
	}
	return all
}

func taskText(r row) string {
	if r == nil {
		return "-"
	}
	return fmt.Sprintf("%v/%v/%v/%v:%v/%v/%v", r["pid"], r["tid"], r["comm"], r["uid"], r["euid"], r["exe"],
		r["cgroup"])
}

// logTask logs the rows of table task of the thread that has this id.
func logTask(t *testing.T, c *format.Capture, id int64) {
	all := rows(t, c, "task")
	i := slices.IndexFunc(all, func(r row) bool { return r.n("task") == id })
	for _, r := range all {
		if i >= 0 && r.n("tid") == all[i].n("tid") {
			t.Logf("identity: %v", r)
		}
	}
}

// clockTolerance is how far apart two mechanisms may see the same event.
const clockTolerance = 200 * time.Millisecond

// compareTables compares a table of two captures of the same run, the best mechanism's and another one's. It adds the
// differences that knownDifferences explains to seen; others fail the test.
func compareTables(t *testing.T, table, mechanism string, best, other *format.Capture, seen map[difference]int) {
	a, b := comparable(t, best, table), comparable(t, other, table)
	if len(a) == 0 && table != "pending" {
		t.Errorf("the workload has no rows of table %s", table)
	}
	byKey := map[string][]comparedRow{}
	for _, r := range b {
		byKey[r.key] = append(byKey[r.key], r)
	}
	unexplained := 0
	explain := func(side string, r comparedRow) {
		for _, k := range knownDifferences {
			if k.table == table && k.mechanism == mechanism && k.side == side && k.match(r.row) {
				seen[k.difference]++
				return
			}
		}
		if unexplained++; unexplained <= 10 {
			t.Errorf("%s, %s: only %s: ts %d %s", table, mechanism, side, r.n("ts"), r.key)
			if id, ok := r.row["task"].(int64); ok {
				logTask(t, map[string]*format.Capture{sideBest: best, sideOther: other}[side], id)
			}
		}
	}
	for _, r := range a {
		same := byKey[r.key]
		if len(same) == 0 {
			explain(sideBest, r)
			continue
		}
		byKey[r.key] = same[1:]
		if mechanism == "" {
			continue
		}
		apart := time.Duration(same[0].n("ts") - r.n("ts")).Abs()
		if duration, ok := r.row["duration_ns"]; ok && apart < clockTolerance {
			apart = time.Duration(same[0].n("duration_ns") - duration.(int64)).Abs()
		}
		if apart > clockTolerance {
			t.Errorf("%s, %s: ts or duration differ by %v: %s", table, mechanism, apart, r.key)
		}
		if timesOf[table+" "+mechanism] != "" {
			seen[difference{familyOfTable(table), mechanism, timesOf[table+" "+mechanism]}]++
		}
	}
	for _, rest := range byKey {
		for _, r := range rest {
			explain(sideOther, r)
		}
	}
	if unexplained > 10 {
		t.Errorf("%s, %s: %d more rows", table, mechanism, unexplained-10)
	}
}

func familyOfTable(table string) string { return schema.Of(table).Families[0] }

// Whose rows are not in the other capture.
const (
	sideBest  = "the best mechanism"
	sideOther = "this mechanism"
)

// timesOf are the differences of FORMAT.md that are about when, by table and mechanism.
var timesOf = map[string]string{
	"file tp_btf": "`ts` and `duration_ns` are those of the row in `syscall`",
	"ipc tp_btf":  "`ts` is the entry of the call, a few µs before the check",
}

// A knownDifference tells which rows a difference of FORMAT.md explains.
type knownDifference struct {
	difference
	table string
	side  string
	match func(r row) bool
}

// knownDifferences are the differences of FORMAT.md that are about rows which only one of two mechanisms has.
var knownDifferences = []knownDifference{
	{difference{"seccomp", "tp_btf", "no `log`"}, "seccomp", sideBest,
		func(r row) bool { return r.s("action") == "log" }},
	{difference{"ipc", "tp_btf", wokenAgain}, "ipc", sideBest,
		func(r row) bool { return r.n("flag") == 0o222 }},
	{difference{"tcp", "tp_btf", notByConnect}, "tcp", sideBest,
		func(r row) bool { return r.s("op") == "connect" && r.s("daddr") == "255.255.255.255" }},
}

const notByConnect = "no row for a connect that fails before its first packet, if it is not made by the call " +
	"`connect` (io_uring, `sendto` with MSG_FASTOPEN, the kernel itself)"

// notShown are the differences of FORMAT.md that the workload cannot show, and why.
var notShown = map[difference]string{
	{"file", "fentry", beganBefore}: "all families are recorded",
	{"file", "kprobe", beganBefore}: "all families are recorded",
	{"file", "kprobe", missed}:      "fewer read at the same time; see TestMissedReturnsAreCounted",
	{"file", "tp_btf", byTheKernel}: "only kernel modules such as ksmbd do that",
	{"file", "tp_btf", sharedFile}:  "it is a race",
	{"ipc", "tp_btf", byAnLSM}:      "no LSM that refuses is loaded",
	{"ipc", "tp_btf", stillWaits}:   "the workload ends first",
	{"ipc", "tp_btf", wokenAgain}:   "how often the kernel wakes a call is a race",
	{"ipc", "tp_btf", createdTwice}: "it is a race",
	{"ipc", "tp_btf", failsLate}:    "no call fails that way; the limit is 500 operations, unless it is raised",
	{"tcp", "tp_btf", byAProgram}:   "there is no such program",
}

const (
	missed = "the rows of reads and writes that are under way in more than two tasks a CPU, and more than ten, are " +
		"counted as lost"
	byTheKernel = "no rows for reads and writes by the kernel itself"
	sharedFile  = "`offset` is −2 (unknown) where tasks that share an open file read or write at the same time, or " +
		"append to one file at the same time"
	byAnLSM    = "no row for a check that an LSM refused"
	stillWaits = "no row for a check of a call that still waits when the recording ends"
	wokenAgain = "a `msgsnd` that waits for room, or a `msgrcv` that is woken without a message, has one row"

	createdTwice = "no row for a `semget` or `msgget` with `IPC_CREAT` if another task of the same user creates that " +
		"object, with the same mode, during the call; no row for a `…get` if the object is removed before the call " +
		"returns"
	failsLate = "no row for a `msgrcv` with `MSG_COPY` that fails with EFAULT or ENOMEM; `flag` is 0222 for a " +
		"`semop` of more than 512 operations"
	byAProgram = "a row also for a connect that an LSM or a program of a cgroup refuses"
)

const beganBefore = "a read or write that began before the recording has a row, and a continued one flag 2, only if " +
	"system calls are seen too: by family `syscall`, `tcp` or `seccomp`"

// FORMAT.md's list of differences and the tests' are the same.
func TestDifferencesAreListed(t *testing.T) {
	known := map[difference]bool{}
	for _, k := range knownDifferences {
		known[k.difference] = true
	}
	for key, text := range timesOf {
		table, mechanism, _ := strings.Cut(key, " ")
		known[difference{familyOfTable(table), mechanism, text}] = true
	}
	for d := range notShown {
		known[d] = true
	}
	listed := listedDifferences(t)
	for d := range listed {
		if !known[d] {
			t.Errorf("FORMAT.md lists a difference that no test looks for: %v", d)
		}
	}
	for d := range known {
		if !listed[d] {
			t.Errorf("the tests expect a difference that FORMAT.md does not list: %v", d)
		}
	}
}
