// SPDX-License-Identifier: Apache-2.0

package main

import "math/bits"

// tally is what is counted of a group of calls. Times are ns.
type tally struct {
	calls, errors int64
	total         int64
	min, max      int64
	times         histogram
}

// maxErrno is the kernel's: results from -4095 to -1 are errors.
const maxErrno = 4095

func failed(ret int64) bool { return uint64(ret) > ^uint64(maxErrno) }

func (t *tally) add(ret, duration int64) {
	duration = max(duration, 0)
	if t.calls == 0 {
		t.min = duration
	}
	t.calls++
	if failed(ret) {
		t.errors++
	}
	t.total += duration
	t.min, t.max = min(t.min, duration), max(t.max, duration)
	t.times.add(uint64(duration))
}

func (t *tally) merge(o *tally) {
	if t.calls == 0 || o.calls > 0 && o.min < t.min {
		t.min = o.min
	}
	t.calls += o.calls
	t.errors += o.errors
	t.total += o.total
	t.max = max(t.max, o.max)
	t.times.merge(&o.times)
}

// mean is 0 for no calls.
func (t *tally) mean() int64 { return t.total / max(t.calls, 1) }

// quantile is the time that a share q of the calls did not exceed, to within 1/32.
func (t *tally) quantile(q float64) int64 {
	return min(max(int64(t.times.quantile(q, t.calls)), t.min), t.max)
}

// histogram counts values on a logarithmic scale: 16 steps for each doubling. Pages of 16 steps exist where there are
// values, so that a group of a few calls is small.
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
