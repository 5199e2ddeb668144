// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTallyQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		n := 1 + r.IntN(3000)
		values := make([]int64, n)
		var parts [3]tally
		for i := range values {
			values[i] = r.Int64() >> r.IntN(63)
			parts[i%3].add(0, values[i])
		}
		var sum tally
		for i := range parts {
			sum.merge(&parts[i])
		}
		slices.Sort(values)
		if sum.max != values[n-1] || sum.min != values[0] || sum.calls != int64(n) {
			t.Fatalf("max %d of %d calls, want %d of %d", sum.max, sum.calls, values[n-1], n)
		}
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			want := float64(values[max(int(q*float64(n)+0.5), 1)-1])
			if got := float64(sum.quantile(q)); math.Abs(got-want) > want/32+0.5 {
				t.Fatalf("quantile %v of %d values: got %v, want %v", q, n, got, want)
			}
		}
	}
}

func TestTallyCounts(t *testing.T) {
	var sum tally
	for _, c := range [][2]int64{{0, 10}, {-1, 20}, {-4095, 30}, {-4096, 0}, {math.MinInt64, 5}, {math.MaxInt64, 5}, {3, -7}} {
		sum.add(c[0], c[1])
	}
	if sum.calls != 7 || sum.errors != 2 || sum.total != 70 || sum.max != 30 || sum.mean() != 10 {
		t.Errorf("got %d calls, %d errors, total %d, max %d, mean %d", sum.calls, sum.errors, sum.total, sum.max, sum.mean())
	}
	var none tally
	if none.mean() != 0 || none.quantile(0.5) != 0 {
		t.Error("nothing has a mean or a median")
	}
}

func BenchmarkTallyAdd(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 1 << 16
	var durations, rets [n]int64
	var nrs [n]int32
	for i := range n {
		durations[i], rets[i], nrs[i] = 200+r.Int64N(1+r.Int64N(5000)), r.Int64N(20)-1, int32(r.IntN(20))
	}
	tallies := make([]tally, 32)
	for b.Loop() {
		for i, nr := range nrs {
			tallies[nr&31].add(rets[i], durations[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
