// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
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
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			want := float64(list[max(int(q*float64(n)+0.5), 1)-1])
			if got := float64(sum.quantile(q)); math.Abs(got-want) > want/32+0.5 {
				t.Fatalf("quantile %v of %d values: got %v, want %v", q, n, got, want)
			}
		}
	}
}

func TestStatistics(t *testing.T) {
	var sum statistics
	for _, n := range []int64{10, 20, 30, 0, 5, 5, -7} {
		sum.add(n)
	}
	if sum.count != 7 || sum.total != 70 || sum.max != 30 || sum.mean() != 10 {
		t.Errorf("got %d values, total %d, max %d, mean %d", sum.count, sum.total, sum.max, sum.mean())
	}
	var none statistics
	if none.mean() != 0 || none.quantile(0.5) != 0 {
		t.Error("the mean or the median of no values is not 0")
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
