//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
)

func TestBudgetFits(t *testing.T) {
	layouts := bpf.Layouts()
	for _, cpus := range []int{1, 2, 16, 128, 512} {
		for _, limit := range []int64{1 << 20, 48 << 20, 64 << 20, 128 << 20, 512 << 20, 4 << 30} {
			for _, cfg := range []Config{
				{}, {Path: "-"}, {Last: 1}, {Last: 1, InMemory: true}, {Keep: 3, SegmentBytes: 1}, {RingBytes: 1 << 20},
			} {
				cfg.MaxMemory = limit
				b, err := NewBudget(&cfg, cpus, layouts)
				if err != nil {
					if limit == 4<<30 {
						t.Errorf("%d CPUs: %v", cpus, err)
					}
					continue
				}
				if n := b.need(layouts, cfg.Path == "-") + b.window + b.dimensions; n > limit {
					t.Errorf("%d CPUs: the budget is %d bytes of %d", cpus, n, limit)
				}
				if b.bulkRows < 2*bpf.MaxRecords || b.rareRows < 2*bpf.MaxRecords {
					t.Errorf("%d CPUs, limit %d: batches of %d and %d rows are too small for two calls of emit", cpus,
						limit, b.bulkRows, b.rareRows)
				}
				if b.Ring&(b.Ring-1) != 0 || b.RareRing&(b.RareRing-1) != 0 {
					t.Errorf("rings of %d and %d bytes, want powers of two", b.Ring, b.RareRing)
				}
				if cfg.RingBytes > 0 && b.Ring != int(cfg.RingBytes) {
					t.Errorf("a ring of %d bytes, want %d", b.Ring, cfg.RingBytes)
				}
				if cfg.InMemory && b.window < limit/8 {
					t.Errorf("%d CPUs: a window of %d bytes of %d, want at least an eighth", cpus, b.window, limit)
				}
			}
		}
	}
	var budgetErr *BudgetError
	_, err := NewBudget(&Config{MaxMemory: 1 << 20}, 2, layouts)
	if !errors.As(err, &budgetErr) || budgetErr.CPUs != 2 || budgetErr.Least <= baseMemory {
		t.Errorf("1 MiB: %v", err)
	}
}
