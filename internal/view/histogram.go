// SPDX-License-Identifier: Apache-2.0

package view

import "math/bits"

// histogram counts values in buckets on a logarithmic scale: 16 of the same width for each doubling. The buckets of a
// doubling, a page, are allocated with its first value, so that groups of a few rows are small.
type histogram struct {
	at    [64]uint8 // index in pages of the page of a doubling, plus 1; 0: it has no values
	pages [][pageBuckets]int64
}

const (
	bucketBits  = 4
	pageBuckets = 1 << bucketBits
	pageBytes   = 8 * pageBuckets
)

// page returns the page of a doubling, a new one if it had none.
func (h *histogram) page(doubling int) (p *[pageBuckets]int64, isNew bool) {
	if isNew = h.at[doubling] == 0; isNew {
		h.pages = append(h.pages, [pageBuckets]int64{})
		h.at[doubling] = uint8(len(h.pages))
	}
	return &h.pages[h.at[doubling]-1], isNew
}

// add counts a value, and reports whether that takes another page.
func (h *histogram) add(v uint64) (newPage bool) {
	page, bucket := bits.Len64(v>>bucketBits), v
	if page > 0 {
		bucket = v >> (page - 1)
	}
	if n := h.at[page]; n > 0 {
		h.pages[n-1][bucket&(pageBuckets-1)]++
		return false
	}
	p, _ := h.page(page)
	p[bucket&(pageBuckets-1)]++
	return true
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.at {
		if n == 0 {
			continue
		}
		to, _ := h.page(i)
		for j, n := range o.pages[n-1] {
			to[j] += n
		}
	}
}

// ranked returns the middle of the bucket that has the value of this rank, counted from 1.
func (h *histogram) ranked(rank int64) uint64 {
	for page, n := range h.at {
		if n == 0 {
			continue
		}
		for bucket, count := range h.pages[n-1] {
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
