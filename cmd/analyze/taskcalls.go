// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// countByTask counts the calls of each identity, by its place in the list.
func countByTask(e *env, c *capture.Capture, tasks *capture.Tasks, p *filter.Program) ([]int64, error) {
	counts := make([][]int64, e.workers())
	s := e.scan(c, "syscall", schema.Of("syscall").Select("task"), p)
	err := s.Run(e.ctx, func(worker int, b *format.Batch) error {
		if counts[worker] == nil {
			counts[worker] = make([]int64, len(tasks.List))
		}
		n := counts[worker]
		for _, task := range b.Column("task").I32 {
			n[tasks.Index(task)]++
		}
		return nil
	})
	sum := make([]int64, len(tasks.List))
	for _, n := range counts {
		for i := range n {
			sum[i] += n[i]
		}
	}
	return sum, err
}
