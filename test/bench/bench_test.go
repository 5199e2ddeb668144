//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/internal/resident"

	"github.com/klauspost/compress/zstd"
)

// perfRecord returns one record of a perf.data.
func perfRecord(kind uint32, body []byte) []byte {
	out := binary.NativeEndian.AppendUint32(nil, kind)
	out = binary.NativeEndian.AppendUint16(out, 0)
	out = binary.NativeEndian.AppendUint16(out, uint16(8+len(body)))
	return append(out, body...)
}

func perfFile(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	binary.Write(&b, binary.NativeEndian, [7]uint64{0x32454c4946524550, 104, 0, 0, 0, 56, uint64(len(data))})
	b.Write(data)
	path := filepath.Join(t.TempDir(), "perf.data")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPerfData(t *testing.T) {
	lost := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 1), 40)
	events := bytes.Join([][]byte{
		perfRecord(1, make([]byte, 32)), perfRecord(perfSample, make([]byte, 64)), perfRecord(perfLost, lost),
		perfRecord(perfSample, make([]byte, 96)),
	}, nil)
	// perf flushes its stream now and then, in the middle of a record too, and does not end it.
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	var compressed []byte
	for _, part := range [][]byte{events[:50], events[50:], events} {
		w.Write(part)
		w.Flush()
		compressed = append(compressed, perfRecord(perfCompressed, packed.Bytes())...)
		packed.Reset()
	}
	for _, c := range []struct {
		name          string
		data          []byte
		samples, lost int64
	}{
		{"nothing", nil, 0, 0},
		{"plain", events, 2, 40},
		{"compressed", compressed, 4, 80},
		{"both", append(bytes.Clone(events), compressed...), 6, 120},
	} {
		samples, lost, err := perfData(perfFile(t, c.data))
		if err != nil || samples != c.samples || lost != c.lost {
			t.Errorf("%s: %d samples, %d lost, %v, want %d and %d", c.name, samples, lost, err, c.samples, c.lost)
		}
	}
	for name, data := range map[string][]byte{
		"cut off":                   events[:len(events)-1],
		"a record without size":     {9, 0, 0, 0, 0, 0, 0, 0},
		"compressed, but it is not": perfRecord(perfCompressed, []byte("12345678")),
	} {
		if _, _, err := perfData(perfFile(t, data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// sampleOf returns a sample of the rounds 0, 1, 2 and so on.
func sampleOf(values ...float64) sample {
	s := sample{values: values, asked: len(values)}
	for i := range values {
		s.rounds = append(s.rounds, i)
	}
	return s
}

// without returns a sample without one round, which was disturbed.
func (s sample) without(round int) sample {
	i := slices.Index(s.rounds, round)
	s.values, s.rounds = slices.Delete(slices.Clone(s.values), i, i+1), slices.Delete(slices.Clone(s.rounds), i, i+1)
	return s
}

func TestLines(t *testing.T) {
	mine, hundred := sampleOf(300, 100, 200), sampleOf(100, 100, 100)
	missing := sample{missing: "not installed", asked: 3}
	for _, c := range []struct {
		name string
		line line
		want string
	}{
		{"met", line{unit: ns}.ratio(mine, hundred, 3), "200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 3.00 ×|yes"},
		{"on the line, the median below", line{unit: ns}.ratio(mine, hundred, 2.9),
			"200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 2.90 ×|on the line"},
		{"on the line, the median above", line{unit: ns}.ratio(mine, hundred, 1),
			"200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 1.00 ×|on the line"},
		{"not met", line{unit: ns}.ratio(mine, hundred, 0.9), "200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 0.90 ×|no"},
		{"rounds' own ratios", line{unit: ns}.ratio(mine, sampleOf(100, 50, 400), 2),
			"200 ns|100 ns|2.00 (0.50 to 3.00)|≤ 2.00 ×|on the line"},
		// The ratio of the medians is 2.22.
		{"medians that flatter", line{unit: ns}.ratio(sampleOf(100, 200, 300), sampleOf(30, 110, 90), 2),
			"200 ns|90 ns|3.33 (1.82 to 3.33)|≤ 2.00 ×|on the line"},
		{"pairs", line{unit: ns}.ratio(mine.without(1), sampleOf(100, 1, 50), 4),
			"250 ns|75 ns|3.50 (3.00 to 4.00)|≤ 4.00 ×|yes"},
		{"pairs of both", line{unit: ns}.ratio(sampleOf(3, 5, 7, 9).without(0), sampleOf(1, 1, 1, 1).without(3), 7),
			"6 ns|1 ns|6.00 (5.00 to 7.00)|≤ 7.00 ×|yes"},
		{"too few pairs", line{unit: ns}.ratio(mine.without(0).without(1), hundred, 4),
			"200 ns|100 ns|2.00|≤ 4.00 ×|disturbed"},
		{"no pair", line{unit: ns}.ratio(mine.without(0).without(1), hundred.without(2), 4),
			"200 ns|100 ns||≤ 4.00 ×|not measured"},
		{"less than nothing", line{unit: ns}.ratio(sampleOf(-5, 100, 200), sampleOf(50, 50, -1), 4),
			"100 ns|50 ns|2.00|≤ 4.00 ×|disturbed"},
		{"missing", line{unit: ns}.ratio(mine, missing, 2), "200 ns|not installed||≤ 2.00 ×|not measured"},
		{"ours missing", line{unit: ns}.limit(sample{}, 2), "not measured|||≤ 2 ns|not measured"},
		{"all disturbed", line{unit: ns}.limit(sample{missing: tooFew, asked: 3}, 2), "disturbed|||≤ 2 ns|disturbed"},
		{"informative", line{unit: ns}.ratio(mine, mine, 0), "200 ns|200 ns|1.00 (1.00 to 1.00)||"},
		{"a limit met", line{unit: byteUnit}.limit(sampleOf(7, 6, 8, 9), 9),
			"7.50 B (6.00 B to 9.00 B)|||≤ 9.00 B|yes"},
		{"a limit straddled", line{unit: byteUnit}.limit(sampleOf(7, 6, 8, 9), 7),
			"7.50 B (6.00 B to 9.00 B)|||≤ 7.00 B|on the line"},
		{"a limit missed", line{unit: byteUnit}.limit(sampleOf(7, 6, 8, 9), 5.9),
			"7.50 B (6.00 B to 9.00 B)|||≤ 5.90 B|no"},
		{"nothing lost", line{unit: rowUnit}.limit(sampleOf(0), 0), "0|||≤ 0|yes"},
	} {
		l := c.line
		if got := strings.Join([]string{l.Ours, l.Theirs, l.Ratio, l.Reach, l.Met}, "|"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// The time that a side added is relative to the runs without it before and after. Disturbed rounds do not count.
func TestAdded(t *testing.T) {
	r := &trial{report: report{Typical: 400}, Plain: []report{{Typical: 100}, {Typical: 200}}, Round: 1}
	disturbed := &trial{report: report{Typical: 9000}, Plain: r.Plain, Disturbed: slowAlone}
	dd := &trial{report: report{CPU: 3000}, Made: 10, Plain: []report{{CPU: 500, Calls: 5}, {CPU: 500, Calls: 5}}}
	a := results{Works: map[string]map[string][]*trial{
		calls: {ours: {disturbed, r, disturbed}, perf: {disturbed}}, small: {ours: {dd}},
	}, Rounds: map[string]int{calls: 3, small: 1}}
	for _, c := range []struct {
		work, side string
		want       string
	}{{calls, ours, "[250] [1] of 3 disturbed"}, {calls, perf, "[] [] of 3 disturbed"},
		{small, ours, "[200] [0] of 1 "}} {
		s := a.added(c.work, c.side)
		if got := fmt.Sprintf("%v %v of %d %s", s.values, s.rounds, s.asked, s.missing); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.work, c.side, got, c.want)
		}
	}
}

// Runs are disturbed by the rules on the page, one of which uses the least time that the work took alone.
func TestDisturbed(t *testing.T) {
	alone := func(ns ...float64) (plain []report) {
		for _, v := range ns {
			plain = append(plain, report{Typical: v})
		}
		return plain
	}
	runs := []struct {
		run  *trial
		want string
	}{
		{&trial{Plain: alone(100, 114)}, ""},
		{&trial{Plain: alone(100, 116)}, slowAlone},
		{&trial{Plain: alone(116, 100)}, slowAlone},
		{&trial{Plain: alone(100, 100), OtherCPU: 0.09}, ""},
		{&trial{Plain: alone(100, 100), OtherCPU: 0.11}, othersBusy},
		{&trial{Plain: alone(100, 100), OtherPrograms: 1}, othersTracing},
		{&trial{}, ""},
		{&trial{OtherCPU: 0.5}, othersBusy},
	}
	a := results{Works: map[string]map[string][]*trial{calls: {}}}
	for _, r := range runs {
		a.Works[calls][ours] = append(a.Works[calls][ours], r.run)
	}
	a.markDisturbed([]*work{{name: calls, fastest: 100}, {name: mixed}})
	for i, r := range runs {
		if r.run.Disturbed != r.want {
			t.Errorf("run %d: disturbed %q, want %q", i, r.run.Disturbed, r.want)
		}
	}
	table := table{Rounds: 5, Runs: a, Dirty: true}
	const want = "8 runs; 0 of them were disturbed and repeated; 2 left out because the work alone was slow; " +
		"1 left out because others traced system calls; 2 left out because others took CPUs. The tree was dirty: "
	if notes := table.notes(); !strings.Contains(notes, want) {
		t.Errorf("the notes: %s", notes)
	}
	text := string(table.markdown(nil))
	if !strings.Contains(text, " more than 15 % longer ") || !strings.Contains(text, " more than 10 % of the CPUs") ||
		strings.Contains(text, "%!") {
		t.Errorf("the page:\n%s", text)
	}
}

// A tree with changes that are in no commit is refused or, with --dirty, marked.
func TestDirtyTree(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine")
	}
	root := t.TempDir()
	b := &bench{root: root}
	ctx := context.Background()
	if err := b.checkTree(ctx, false); err == nil {
		t.Error("a tree without commits was accepted")
	}
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", root, "-c", "user.name=n", "-c", "user.email=e"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(t.Name()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	write("a.go")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	err := b.checkTree(ctx, false)
	if err != nil || b.dirty || strings.Contains(b.version, "dirty") || b.version == "" {
		t.Errorf("a clean tree: %v, dirty %v, version %q", err, b.dirty, b.version)
	}
	write("BENCHMARKS.md")
	if err := b.checkTree(ctx, false); err != nil {
		t.Errorf("the page that was written before: %v", err)
	}
	write("b.go")
	if err := b.checkTree(ctx, false); err == nil || !strings.Contains(err.Error(), "b.go") {
		t.Errorf("a dirty tree: %v", err)
	}
	if err := b.checkTree(ctx, true); err != nil || !b.dirty || !strings.HasSuffix(b.version, "-dirty") {
		t.Errorf("a dirty tree that may be: %v, dirty %v, version %q", err, b.dirty, b.version)
	}
}

func TestMemory(t *testing.T) {
	var all []memory
	for _, held := range []int64{10, 30, 50, 40, 60, 70, 65, 62} {
		all = append(all, memory{Memory: resident.Memory{Rest: held}})
	}
	if peak, early, late := memoryPeaks(all); peak != 70 || early != 50 || late != 65 {
		t.Errorf("got %d, %d and %d", peak, early, late)
	}
}
