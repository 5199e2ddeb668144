// SPDX-License-Identifier: Apache-2.0

package view

import "math/bits"

// histogram counts values on a logarithmic scale: 16 steps for each doubling. Pages of 16 steps exist where there are
// values, so that a group of a few rows is small.
type histogram struct {
	pages [64]*[steps]int64
}

const (
	stepBits = 4
	steps    = 1 << stepBits
)

func (h *histogram) add(v uint64) {
	page, step := bits.Len64(v>>stepBits), v
	if page > 0 {
		step = v >> (page - 1)
	}
	p := h.pages[page]
	if p == nil {
		p = new([steps]int64)
		h.pages[page] = p
	}
	p[step&(steps-1)]++
}

func (h *histogram) merge(o *histogram) {
	for i, from := range o.pages {
		if from == nil {
			continue
		}
		if h.pages[i] == nil {
			h.pages[i] = new([steps]int64)
		}
		for j, n := range from {
			h.pages[i][j] += n
		}
	}
}

// quantile is the middle of the step that holds value number q*n, counted from 1.
func (h *histogram) quantile(q float64, n int64) uint64 {
	rank := max(int64(q*float64(n)+0.5), 1)
	for page, counts := range h.pages {
		if counts == nil {
			continue
		}
		for step, count := range counts {
			if rank -= count; rank <= 0 {
				return middle(page, step)
			}
		}
	}
	return 0
}

// middle is the value in the middle of a step.
func middle(page, step int) uint64 {
	if page == 0 {
		return uint64(step)
	}
	width := uint64(1) << (page - 1)
	return (steps+uint64(step))*width + width/2
}
