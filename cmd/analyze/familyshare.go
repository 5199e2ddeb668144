// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// familyShare is what is missing of a family.
type familyShare struct {
	Family string  `json:"family"`
	Rows   int64   `json:"rows"`
	Lost   int64   `json:"lost"`
	Share  float64 `json:"share"` // lost of all, 0 to 1
}

// familyShares counts rows and losses of all event families of the captures.
func familyShares(set capture.Set) []familyShare {
	families := map[string]familyShare{}
	for _, c := range set {
		for name, size := range c.Manifest.Tables {
			t := c.Table(name)
			if name == schema.Loss.Table || size.Lost == 0 && (t == nil || !t.Schema.Event()) {
				continue
			}
			f := families[name]
			families[name] = familyShare{Family: name, Rows: f.Rows + size.Rows, Lost: f.Lost + size.Lost}
		}
	}
	byName := func(a, b familyShare) int { return cmp.Compare(a.Family, b.Family) }
	list := slices.SortedFunc(maps.Values(families), byName)
	for i, f := range list {
		if f.Lost > 0 {
			list[i].Share = float64(f.Lost) / float64(f.Rows+f.Lost)
		}
	}
	return list
}

// percent shows a share, 0 to 1; one that is not 0 never looks like it.
func percent(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.0001:
		return "<0.01 %"
	}
	return strconv.FormatFloat(100*share, 'f', 2, 64) + " %"
}
