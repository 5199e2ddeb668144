// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/view"
)

// familyTotal is how many events of a family were recorded and lost.
type familyTotal struct {
	Family string  `json:"family"`
	Rows   int64   `json:"rows"`
	Lost   int64   `json:"lost"`
	Share  float64 `json:"share"` // Lost/(Rows+Lost), 0 to 1
}

// familyTotals adds up rows and losses of each event family over the captures, sorted by name. Rows are those that
// count.
func familyTotals(set capture.Set) ([]familyTotal, error) {
	families := map[string]familyTotal{}
	for _, c := range set {
		for name, size := range c.Manifest.Tables {
			t := c.Table(name)
			if name == schema.Loss.Table || size.Lost == 0 && (t == nil || !t.Schema.Event()) {
				continue
			}
			rows, err := c.Rows(name)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", c.Path, err)
			}
			f := families[name]
			families[name] = familyTotal{Family: name, Rows: view.Add(f.Rows, rows), Lost: view.Add(f.Lost, size.Lost)}
		}
	}
	byName := func(a, b familyTotal) int { return cmp.Compare(a.Family, b.Family) }
	list := slices.SortedFunc(maps.Values(families), byName)
	for i, f := range list {
		if f.Lost > 0 {
			list[i].Share = float64(f.Lost) / (float64(f.Rows) + float64(f.Lost))
		}
	}
	return list, nil
}

// percent formats a share, 0 to 1. A share above 0 is never shown as 0.
func percent(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.0001:
		return "<0.01 %"
	}
	return strconv.FormatFloat(100*share, 'f', 2, 64) + " %"
}
