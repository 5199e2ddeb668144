// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// callView is a view of system calls with keys and measures of most kinds.
var callView = func() *View {
	took := DistributionOf("duration_ns")
	return &View{
		Table: "syscall", By: []string{"name"}, Sort: "calls",
		Keys: []*Key{Call, Comm, PID, TID.LeftAligned(), Errno},
		Measures: []*Measure{
			{Name: "calls", Value: Count(nil), ShowZero: true},
			{Name: "errors", Value: Count(CallEnds(syscalls.Erred))},
			{Name: "got", Head: "bytes got", Unit: Bytes, Value: Sum("ret", nil)},
			{Name: "mean", Unit: Nanoseconds, Value: Mean(took.Total(), took.Count())},
			{Name: "slowest", Field: "max_ns", Unit: Nanoseconds, Value: took.Max()},
			{Name: "processes", Value: Processes, JSONOnly: true},
		},
	}
}()

// open writes captures to files and opens them as one set.
func open(t testing.TB, captures ...*fixture.Capture) capture.Set {
	t.Helper()
	var paths []string
	for _, c := range captures {
		path := filepath.Join(t.TempDir(), "capture")
		if err := c.Write(path, time.Second, nil); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, err := capture.Open(t.Context(), paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

// lines runs a view and returns its first n groups, sorted by a measure, each as its cells joined by commas.
func lines(t *testing.T, v *View, in *Input, sort string, n int, by ...string) []string {
	t.Helper()
	r, err := v.Run(t.Context(), in, by...)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	groups := r.Top(n, v.SortBy(sort))
	_, row := v.Cells(groups, by...)
	for _, g := range groups {
		lines = append(lines, strings.Join(row(g), ","))
	}
	return lines
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n    %s\nwant\n    %s", strings.Join(got, "\n    "), strings.Join(want, "\n    "))
	}
}

const (
	read   = 0
	write  = 1
	openat = 257
)

// calls is a capture of two processes, one of which has two threads, and of a task with an unknown id.
func calls() *fixture.Capture {
	f := fixture.New()
	f.AddTask(1, 100, 100, 1, 0, "sh", "/bin/sh")
	f.AddTask(2, 200, 200, 1, 0, "server", "/bin/server")
	f.AddTask(3, 201, 200, 1, 0, "server", "/bin/server")
	f.AddSyscall(0, 0, 1, read, 10, 100)
	f.AddSyscall(1, 0, 1, read, 2000, 300)
	f.AddSyscall(2, 0, 2, read, -5, 50)
	f.AddSyscall(3, 0, 3, write, 5, 1000)
	f.AddSyscall(4, 0, 3, read, -5, 0)
	f.AddSyscall(5, 0, 99, openat, -2, 7)
	return f
}

func TestGroups(t *testing.T) {
	in := &Input{Captures: open(t, calls())}
	t.Run("one key", func(t *testing.T) {
		expect(t, lines(t, callView, in, "calls", 0, "name"),
			"read,4,2,1.96 KiB,112 ns,300 ns",
			"openat,1,1,,7 ns,7 ns",
			"write,1,,5 B,1.00 µs,1.00 µs")
	})
	t.Run("several keys", func(t *testing.T) {
		expect(t, lines(t, callView, in, "calls", 0, "comm", "name", "errno"),
			"server,read,EIO,2,2,,25 ns,50 ns",
			"sh,read,ok,2,,1.96 KiB,200 ns,300 ns",
			"?,openat,ENOENT,1,1,,7 ns,7 ns",
			"server,write,ok,1,,5 B,1.00 µs,1.00 µs")
	})
	t.Run("unknown ids", func(t *testing.T) {
		expect(t, lines(t, callView, in, "group", 0, "comm", "tid", "pid"),
			"?,?,?,1,1,,7 ns,7 ns",
			"server,200,200,1,1,,50 ns,50 ns",
			"server,201,200,2,1,5 B,500 ns,1.00 µs",
			"sh,100,100,2,,1.96 KiB,200 ns,300 ns")
	})
	t.Run("first groups", func(t *testing.T) {
		expect(t, lines(t, callView, in, "slowest", 2, "name"),
			"write,1,,5 B,1.00 µs,1.00 µs",
			"read,4,2,1.96 KiB,112 ns,300 ns")
	})
	t.Run("missing table", func(t *testing.T) {
		empty := &Input{Captures: open(t, fixture.New())}
		expect(t, lines(t, callView, empty, "calls", 0, "name"))
	})
}

// TestTiesAreSortedByText checks the order of groups with the same number: by the texts of their keys, first key first.
func TestTiesAreSortedByText(t *testing.T) {
	f := fixture.New()
	for i, comm := range []string{"b", "a", "c"} {
		f.AddTask(int32(i+1), int32(10-i), int32(10-i), 1, 0, comm, "")
		f.AddSyscall(0, 0, int32(i+1), write, 0, 1)
		f.AddSyscall(0, 0, int32(i+1), read, 0, 1)
	}
	in := &Input{Captures: open(t, f)}
	for _, sort := range []string{"calls", "errors", "group"} {
		expect(t, lines(t, callView, in, sort, 4, "comm", "name"),
			"a,read,1,,,1 ns,1 ns", "a,write,1,,,1 ns,1 ns", "b,read,1,,,1 ns,1 ns", "b,write,1,,,1 ns,1 ns")
	}
}

// TestNumbersAreSortedAsNumbers sorts groups by a key of numbers.
func TestNumbersAreSortedAsNumbers(t *testing.T) {
	f := fixture.New()
	for i, pid := range []int32{1000, 9, 100, -1} {
		f.AddTask(int32(i+1), pid, pid, 1, 0, "x", "")
		f.AddSyscall(0, 0, int32(i+1), read, 0, 1)
	}
	f.AddSyscall(0, 0, 99, read, 0, 1)
	in := &Input{Captures: open(t, f)}
	for _, sort := range []string{"group", "calls"} {
		expect(t, lines(t, callView, in, sort, 0, "pid"), "?,1,,,1 ns,1 ns", "-1,1,,,1 ns,1 ns", "9,1,,,1 ns,1 ns",
			"100,1,,,1 ns,1 ns", "1000,1,,,1 ns,1 ns")
	}
}

// TestCapturesAreMerged merges groups of two captures that have the same texts, but not the same ids.
func TestCapturesAreMerged(t *testing.T) {
	other := fixture.New()
	other.AddTask(7, 200, 200, 1, 0, "server", "")
	other.AddTask(8, 101, 101, 1, 0, "new", "")
	other.AddSyscall(0, 0, 7, write, 3, 3000)
	other.AddSyscall(0, 0, 8, write, 3, 2000)
	in := &Input{Captures: open(t, calls(), other)}
	expect(t, lines(t, callView, in, "group", 0, "comm"),
		"?,1,1,,7 ns,7 ns",
		"new,1,,3 B,2.00 µs,2.00 µs",
		"server,4,2,8 B,1.01 µs,3.00 µs",
		"sh,2,,1.96 KiB,200 ns,300 ns")
	r, err := callView.Run(t.Context(), in, "comm")
	if err != nil {
		t.Fatal(err)
	}
	if got := Processes.Of(r.Group("server")); got != 2 {
		t.Errorf("server is %d processes, want 2: pid 200 of each capture", got)
	}
	slowest := Max("duration_ns", nil)
	results, err := GroupRows(t.Context(), in, "syscall", Grouping{By: []*Key{Call}, Count: []Value{slowest}})
	if err != nil {
		t.Fatal(err)
	}
	if got := slowest.Of(results[0].Group("write")); got != 3000 {
		t.Errorf("the slowest write of both took %d", got)
	}
	if g := r.Group("none"); g != nil {
		t.Errorf("a group without rows: %v", g.Texts)
	}
}

func TestFilter(t *testing.T) {
	set := open(t, calls())
	for filter, want := range map[string][]string{
		`ret < 0`:                         {"openat,1,1,,7 ns,7 ns", "read,2,2,,25 ns,50 ns"},
		`comm == "sh"`:                    {"read,2,,1.96 KiB,200 ns,300 ns"},
		`name == "write" && comm == "sh"`: nil,
		`family == "file"`:                nil,
	} {
		p, err := set.Filter(filter)
		if err != nil {
			t.Fatal(err)
		}
		got := lines(t, callView, &Input{Captures: set, Filter: p}, "group", 0, "name")
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
}

// Rows that there is no room for in groups of their own are one group, whatever it is grouped by, and the sums over all
// groups stay the same.
func TestTooManyGroups(t *testing.T) {
	f := fixture.New()
	for i := range int32(100) {
		f.AddTask(i+1, i+1, 1000, 1, 0, "worker/"+strconv.Itoa(int(i)), "")
		for range 3 {
			f.AddSyscall(time.Duration(i), 0, i+1, i, -2, 0)
		}
	}
	set := open(t, f)
	calls := callView.Measures[0].Value.(Number)
	for _, by := range [][]string{{"name"}, {"comm"}, {"tid"}, {"comm", "name"}, {"pid", "tid", "name"}} {
		in := &Input{Captures: set, maxGroups: 100}
		whole, err := callView.Run(t.Context(), in, by...)
		if err != nil || in.Crowded || whole.Other() != nil || whole.Len() != 100 {
			t.Errorf("%v, exactly the maximum: %d groups, other %v, %v", by, whole.Len(), whole.Other(), err)
		}
		in = &Input{Captures: set, maxGroups: 7}
		r, err := callView.Run(t.Context(), in, by...)
		if err != nil {
			t.Fatal(err)
		}
		other := r.Other()
		if !in.Crowded || other == nil || !other.Other || other.Texts[len(by)-1] != "(other)" {
			t.Fatalf("%v: other is %+v", by, other)
		}
		groups := r.Top(0, calls)
		if len(groups) != r.Len() || len(groups) < 7 || len(groups) > 7*runtime.GOMAXPROCS(0) {
			t.Errorf("%v: %d groups, %d", by, len(groups), r.Len())
		}
		sum := calls.Of(other)
		for _, g := range groups {
			sum += calls.Of(g)
			if g.Other || calls.Of(g) != 3 {
				t.Errorf("%v: %q has %d calls", by, g.Texts, calls.Of(g))
			}
		}
		if sum != 300 {
			t.Errorf("%v: %d calls in all groups", by, sum)
		}
		if fields := callView.Fields(other, by...); fields["other"] != true {
			t.Errorf("%v: %v", by, fields)
		}
	}
}

// What does not fit in the budget is in the group other too, and memory stays within.
func TestGroupsFitTheBudget(t *testing.T) {
	f := fixture.New()
	for i := range int32(120_000) {
		f.AddSyscall(time.Duration(i), 0, 1, 1<<20+i, 0, 0)
	}
	set := open(t, f)
	in := &Input{Captures: set}
	ctx := budget.With(t.Context(), budget.New(budget.Least))
	r, err := callView.Run(ctx, in, "name", "tid")
	if err != nil || !in.Crowded || r.Len() < 1000 {
		t.Fatalf("%d groups, crowded %v, %v", r.Len(), in.Crowded, err)
	}
	if n := callView.Measures[0].Value.(Number).Of(r.Other()); n < 1000 {
		t.Errorf("%d calls in other", n)
	}
}

func TestHeadsAndFields(t *testing.T) {
	keysLast := *callView
	keysLast.KeysLast = true
	measures := []Head{{"calls", true}, {"errors", true}, {"bytes got", true}, {"mean", true}, {"slowest", true}}
	want := append(measures, Head{"pid", true}, Head{"tid", false})
	if got, _ := keysLast.Cells(nil, "pid", "tid"); !slices.Equal(got, want) {
		t.Errorf("heads %v, want %v", got, want)
	}
	r, err := callView.Run(t.Context(), &Input{Captures: open(t, calls())}, "pid", "comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pid, comm string
		want      map[string]any
	}{
		{"200", "server", map[string]any{"pid": int64(200), "comm": "server", "calls": int64(3), "errors": int64(2),
			"got_bytes": int64(5), "mean_ns": int64(350), "max_ns": int64(1000), "processes": int64(1)}},
		{"?", "?", map[string]any{"pid": nil, "comm": "?", "calls": int64(1), "errors": int64(1),
			"got_bytes": int64(0), "mean_ns": int64(7), "max_ns": int64(7), "processes": int64(1)}},
	} {
		if got := callView.Fields(r.Group(c.pid, c.comm), "pid", "comm"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
	if callView.SortBy("none") != nil || callView.Key("none") != nil {
		t.Error("there is a measure or a key called none")
	}
}

// TestSeveralGroupings groups in several ways at once: by the same first key, by different keys, and without keys.
func TestSeveralGroupings(t *testing.T) {
	count, errors := Count(nil), Count(CallEnds(syscalls.Erred))
	slowest := &Greatest[int64]{Column: "duration_ns", Columns: []string{"ts"},
		NewRow: func(*Source) (func(b *format.Batch, row int) int64, error) {
			return func(b *format.Batch, row int) int64 { return b.Column("ts").I64[row] }, nil
		},
		Less: func(a, b int64) bool { return a < b },
	}
	f := calls()
	f.AddSyscall(9, 0, 1, write, 0, 1000)
	f.Cut()
	f.AddSyscall(1, 0, 1, write, 0, 1000) // as slow, and earlier
	results, err := GroupRows(t.Context(), &Input{Captures: open(t, f)}, "syscall",
		Grouping{Count: []Value{count}},
		Grouping{By: []*Key{Call}, Count: []Value{count, slowest}},
		Grouping{By: []*Key{Call, Errno}, Count: []Value{errors}},
		Grouping{By: []*Key{Errno, Call}, Count: []Value{errors}})
	if err != nil {
		t.Fatal(err)
	}
	if got := count.Of(results[0].Total()); got != 8 {
		t.Errorf("%d rows, want 8", got)
	}
	if ts, took := slowest.Of(results[1].Group("write")); ts != fixture.At(1) || took != 1000 {
		t.Errorf("the slowest write took %d at %d, want 1000 at %d", took, ts, fixture.At(1))
	}
	a, b := errors.Of(results[2].Group("read", "EIO")), errors.Of(results[3].Group("EIO", "read"))
	if a != 2 || b != 2 {
		t.Errorf("%d and %d reads gave EIO, want 2", a, b)
	}
	none := &Input{Captures: open(t, fixture.New())}
	empty, err := GroupRows(t.Context(), none, "syscall", Grouping{Count: []Value{count}})
	if err != nil {
		t.Fatal(err)
	}
	if got := count.Of(empty[0].Total()); got != 0 || empty[0].Len() != 1 {
		t.Errorf("an empty capture: %d rows in %d groups, want 0 in 1", got, empty[0].Len())
	}
}

// TestConditions combines conditions on columns of text, of 32 and of 64 bits.
func TestConditions(t *testing.T) {
	f := fixture.New()
	f.AddTask(1, 1, 1, 0, 0, "x", "")
	for i, op := range []string{"connect", "connect", "close", "accept", "close", "connect"} {
		ret := []int32{0, -111, 0, 0, 0, -111}[i]
		f.AddEvent(fixture.TCP, time.Duration(i), 0, 1, fixture.Row{"op": op, "ret": ret, "srtt_ns": int64(i) - 2,
			"retransmits": int32(-i)})
	}
	failed := Equals("op", "connect").And(Satisfies("ret", func(ret int64) bool { return ret < 0 }))
	failures := FailuresIn("ret", failed)
	rtts := Equals("op", "close").And(Satisfies("srtt_ns", func(ns int64) bool { return ns > 0 }))
	v := &View{Table: "tcp", Keys: []*Key{OneOf("op", "connect", "close")}, Measures: []*Measure{
		{Name: "failed", Value: Count(failed)}, {Name: "why", Value: failures}, {Name: "rtts", Value: Count(rtts)},
		{Name: "rtt", Value: Max("srtt_ns", rtts)}, {Name: "negative", Value: Sum("retransmits", nil), ShowZero: true},
	}}
	expect(t, lines(t, v, &Input{Captures: open(t, f)}, "failed", 0, "op"),
		"connect,2,2 ECONNREFUSED,,,0", "?,,,,,0", "close,,,1,2,0")
	if v.SortBy("why") != nil {
		t.Error("groups can be sorted by a list")
	}
}

// TestAnyNumberOfWorkers groups random rows with one worker and with four, and compares with a map.
func TestAnyNumberOfWorkers(t *testing.T) {
	f, r := fixture.New(), rand.New(rand.NewPCG(1, 1))
	want := map[string]int{}
	for i := range 20_000 {
		if i%500 == 0 {
			f.Cut()
		}
		nr, errno := int32(r.IntN(300)), r.IntN(200)
		f.AddSyscall(time.Duration(i), 0, 0, nr, int64(-errno), 1)
		want[fmt.Sprint(nr, errno)]++
	}
	set := open(t, f)
	for _, workers := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		count := Count(nil)
		by := []*Key{Ints("nr", func(n int64) string { return fmt.Sprint(n) }), Decimals("ret")}
		grouping := Grouping{By: by, Count: []Value{count}}
		results, err := GroupRows(t.Context(), &Input{Captures: set}, "syscall", grouping)
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Len() != len(want) {
			t.Fatalf("%d workers: %d groups, want %d", workers, results[0].Len(), len(want))
		}
		for _, g := range results[0].Top(0, count) {
			if n := want[g.Texts[0]+" "+strings.TrimPrefix(g.Texts[1], "-")]; count.Of(g) != int64(n) {
				t.Fatalf("%d workers: %d rows in group %q, want %d", workers, count.Of(g), g.Texts, n)
			}
		}
	}
}
