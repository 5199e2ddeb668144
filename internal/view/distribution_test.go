// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		n := 1 + r.IntN(3000)
		list := make([]int64, n)
		var parts [3]statistics
		for i := range list {
			list[i] = r.Int64() >> r.IntN(63)
			parts[i%3].add(list[i])
		}
		var sum statistics
		for i := range parts {
			sum.merge(&parts[i])
		}
		slices.Sort(list)
		if sum.max != list[n-1] || sum.min != list[0] || sum.count != int64(n) {
			t.Fatalf("max %d of %d calls, want %d of %d", sum.max, sum.count, list[n-1], n)
		}
		for percent := range int64(101) {
			rank := 0 // the least one that percent of the values are not above
			for int64(rank)*100 < percent*int64(n) {
				rank++
			}
			want := float64(list[max(rank, 1)-1])
			if got := float64(sum.percentile(percent)); math.Abs(got-want) > want/32+0.5 {
				t.Fatalf("percentile %d of %d values: got %v, want %v", percent, n, got, want)
			}
		}
	}
}

// TestPercentilesOfFew has percentiles that must be exact: by nearest rank, of values that have a bucket of their own
// or are the least or the greatest.
func TestPercentilesOfFew(t *testing.T) {
	const slow = 300_000_000
	repeat := func(n int, value int64, more ...int64) []int64 {
		return append(slices.Repeat([]int64{value}, n), more...)
	}
	for _, c := range []struct {
		values        []int64
		p50, p99, max int64
	}{
		{[]int64{12345}, 12345, 12345, 12345},
		{[]int64{1200, 300}, 300, 1200, 1200},
		{[]int64{3, 1, 2}, 2, 3, 3},
		{[]int64{1, 2, 3, 4}, 2, 4, 4},
		{[]int64{5, 5, 5, 5}, 5, 5, 5},
		{[]int64{0, 0, 0}, 0, 0, 0},
		{repeat(59, 11, slow), 11, slow, slow}, // one of 60 is above 99 %
		{repeat(99, 7, slow), 7, 7, slow},      // 99 of 100 are not
		{repeat(100, 7, slow), 7, 7, slow},     // ceil(99.99) is 100 of 101
		{repeat(98, 7, 31, 31), 7, 31, 31},
		{repeat(198, 7, slow, slow), 7, 7, slow},
		{[]int64{math.MaxInt64, 1}, 1, math.MaxInt64, math.MaxInt64},
	} {
		var s statistics
		for _, n := range c.values {
			s.add(n)
		}
		if p50, p99 := s.percentile(50), s.percentile(99); p50 != c.p50 || p99 != c.p99 || s.max != c.max {
			t.Errorf("%d values from %d on: p50 %d, p99 %d, max %d; want %d, %d, %d", len(c.values), c.values[0], p50,
				p99, s.max, c.p50, c.p99, c.max)
		}
	}
}

// TestRankOf compares with ranks of so many values that 100 times their number does not fit into an int64.
func TestRankOf(t *testing.T) {
	for _, c := range []struct{ percent, n, want int64 }{
		{99, 60, 60}, {99, 100, 99}, {99, 101, 100}, {50, 2, 1}, {50, 3, 2}, {50, 1, 1}, {99, 1, 1}, {7, 100, 7},
		{0, 5, 0},
		{100, 1<<63 - 1, 1<<63 - 1}, {99, 9_000_000_000_000_000_000, 8_910_000_000_000_000_000},
		{29, 100, 29}, {57, 100, 57}, // 0.29*100 and 0.57*100 are not whole numbers in floating point
	} {
		if got := rankOf(c.percent, c.n); got != c.want {
			t.Errorf("%d %% of %d: rank %d, want %d", c.percent, c.n, got, c.want)
		}
	}
}

func TestStatistics(t *testing.T) {
	var sum statistics
	for _, n := range []int64{10, 20, 30, 0, 5, 5, -1, -7} {
		sum.add(n)
	}
	if sum.count != 6 || sum.total != 70 || sum.max != 30 || sum.mean() != 11 || sum.unknown != 2 {
		t.Errorf("got %d values and %d unknown, total %d, max %d, mean %d", sum.count, sum.unknown, sum.total, sum.max,
			sum.mean())
	}
	sum.addBound(1000)
	sum.addBound(-1)
	if sum.count != 6 || sum.mean() != 11 || sum.percentile(100) != 30 || sum.bounds.total != 1000 || sum.unknown != 3 {
		t.Errorf("a lower bound is a value: %+v", sum)
	}
	var none statistics
	none.add(-1)
	if none.mean() != Unknown || none.percentile(50) != Unknown || none.known(none.max) != Unknown {
		t.Error("the mean, the median or the greatest of no values is known")
	}
}

// TestSumsSaturate adds durations whose sum does not fit into an int64, also while merging.
func TestSumsSaturate(t *testing.T) {
	var a, b statistics
	for range 3 {
		a.add(math.MaxInt64 - 5)
		b.add(math.MaxInt64 - 5)
		b.addBound(math.MaxInt64)
	}
	a.merge(&b)
	if a.total != math.MaxInt64 || a.mean() != Unknown || a.bounds.total != math.MaxInt64 {
		t.Errorf("total %d, mean %d, bounds %d", a.total, a.mean(), a.bounds.total)
	}
	f := fixture.New()
	f.AddTask(1, 1, 1, 0, 0, "x", "")
	for i := range 3 {
		f.AddFile(time.Duration(i), 1, "read", 1, 0, 1, math.MaxInt64-1, math.MaxInt64)
		f.Cut()
	}
	read, took := Sum("ret", Equals("op", "read")), Sum("duration_ns", nil)
	all := Plus(read, took)
	results, err := GroupRows(t.Context(), &Input{Captures: open(t, f)}, "file",
		Grouping{Count: []Value{read, took, all}})
	if err != nil {
		t.Fatal(err)
	}
	g := results[0].Total()
	for _, n := range []int64{read.Of(g), took.Of(g), all.Of(g)} {
		if n != math.MaxInt64 {
			t.Errorf("a sum beyond int64 is %d", n)
		}
	}
}

func BenchmarkStatisticsAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 1 << 16
	var durations [n]int64
	var nrs [n]int32
	for i := range n {
		durations[i], nrs[i] = 200+r.Int64N(1+r.Int64N(5000)), int32(r.IntN(20))
	}
	groups := make([]statistics, 32)
	for b.Loop() {
		for i, nr := range nrs {
			groups[nr&31].add(durations[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
