// SPDX-License-Identifier: Apache-2.0

package view

import "math/bits"

// histogram counts values in buckets on a logarithmic scale: 16 of the same width for each doubling. The buckets of a
// doubling, a page, are allocated with its first value, so that groups of a few rows are small.
type histogram struct {
	pages [64]*[pageBuckets]int64
}

const (
	bucketBits  = 4
	pageBuckets = 1 << bucketBits
)

func (h *histogram) add(v uint64) {
	page, bucket := bits.Len64(v>>bucketBits), v
	if page > 0 {
		bucket = v >> (page - 1)
	}
	p := h.pages[page]
	if p == nil {
		p = new([pageBuckets]int64)
		h.pages[page] = p
	}
	p[bucket&(pageBuckets-1)]++
}

func (h *histogram) merge(o *histogram) {
	for i, from := range o.pages {
		if from == nil {
			continue
		}
		if h.pages[i] == nil {
			h.pages[i] = new([pageBuckets]int64)
		}
		for j, n := range from {
			h.pages[i][j] += n
		}
	}
}

// ranked returns the middle of the bucket that has the value of this rank, counted from 1.
func (h *histogram) ranked(rank int64) uint64 {
	for page, counts := range h.pages {
		if counts == nil {
			continue
		}
		for bucket, count := range counts {
			if rank -= count; rank <= 0 {
				return middle(page, bucket)
			}
		}
	}
	return 0
}

// middle is the value in the middle of a bucket.
func middle(page, bucket int) uint64 {
	if page == 0 {
		return uint64(bucket)
	}
	width := uint64(1) << (page - 1)
	return (pageBuckets+uint64(bucket))*width + width/2
}
