// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// BenchmarkGroup measures grouping of one batch of system calls by one worker.
func BenchmarkGroup(b *testing.B) {
	f := fixture.New()
	for id := range int32(64) {
		f.AddTask(id+1, 1000+id, 1000+id/4, 1, 0, "worker/"+string(rune('a'+id%16)), "")
	}
	set := open(b, f)
	batch := manyCalls(64 << 10)
	for _, by := range []string{"name", "comm", "comm,name", "comm,pid,tid,name,errno"} {
		b.Run(by, func(b *testing.B) {
			g := Grouping{}
			for _, name := range strings.Split(by, ",") {
				g.By = append(g.By, callView.Key(name))
			}
			took := DistributionOf("duration_ns")
			g.Count = []Value{took.Total(), Count(CallEnds(syscalls.Erred))}
			result, err := newResult(g)
			if err != nil {
				b.Fatal(err)
			}
			w, err := newWorker(&Source{Capture: set[0], ctx: b.Context(), loaded: map[any]any{}},
				[]*Result{result}, newGroupMemory(b.Context()), 0)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := w.add(batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Rows), "ns/row")
		})
	}
}

// manyCalls is a batch of system calls by 64 tasks, in runs of up to 60 calls of the same task.
func manyCalls(rows int) *format.Batch {
	r := rand.New(rand.NewPCG(1, 1))
	b := format.NewBatch(fixture.Syscall)
	task, run := int32(1), 0
	for ; b.Rows < rows; b.Rows++ {
		if run == 0 {
			task, run = 1+r.Int32N(64), 1+r.IntN(60)
		}
		run--
		ret := int64(r.IntN(64))
		if r.IntN(20) == 0 {
			ret = -11
		}
		values := map[string]int64{"task": int64(task), "nr": int64(r.IntN(1 + r.IntN(100))), "ret": ret,
			"duration_ns": 200 + r.Int64N(1+r.Int64N(5000))}
		for i := range b.Columns {
			n := values[b.Schema.Columns[i].Name]
			if v := &b.Columns[i]; v.Type == format.Int32 {
				v.I32 = append(v.I32, int32(n))
			} else {
				v.I64 = append(v.I64, n)
			}
		}
	}
	return b
}
