// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/fletch-trace/fletch/internal/budget"
)

func TestIDSet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for name, next := range map[string]func(i int) int64{
		"ascending":  func(i int) int64 { return int64(i) },
		"descending": func(i int) int64 { return int64(-i) },
		"dense":      func(int) int64 { return r.Int64N(50_000) },
		"sparse":     func(int) int64 { return r.Int64N(1 << 30) },
		"ends":       func(i int) int64 { return []int64{0, -1, math.MaxInt64, math.MinInt64, 1 << 16}[i%5] },
	} {
		ids := idSet{budget: budget.New(budget.Default)}
		seen := map[int64]bool{}
		for i := range 100_000 {
			id := next(i)
			isNew, full := ids.add(id)
			if isNew == seen[id] || full {
				t.Fatalf("%s: %d is new: %v, full: %v", name, id, isNew, full)
			}
			seen[id] = true
		}
	}
}

// The memory of a set is bounded: a hundred million successive ids are a bit each, and ids that are as far apart as can
// be are refused.
func TestIDSetMemory(t *testing.T) {
	used := func(fill func(ids *idSet)) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ids := idSet{budget: budget.New(budget.Default)}
		fill(&ids)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(&ids)
		return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
	}
	const many = 20_000_000
	if n := used(func(ids *idSet) {
		for i := range int64(many) {
			ids.add(i + 1)
		}
	}); n > many/8*2 {
		t.Errorf("%d bytes for %d ids", n, many)
	}
	if n := used(func(ids *idSet) {
		refused := false
		ids.budget = budget.New(256 << 20)
		for i := range int64(4 << 20) {
			_, refused = ids.add(i << 20)
		}
		if !refused {
			t.Error("takes ids however far apart")
		}
	}); n > 256<<20 {
		t.Errorf("%d bytes for ids that are far apart", n)
	}
}
