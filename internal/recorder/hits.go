//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"sync/atomic"
)

// A hit is what a trigger found in the batches of a generation.
type hit struct {
	generation int
	at         int64 // of the first event, ns since the Unix epoch
	ended      int64 // when it had happened: a call's end
	rows       int
}

func (h *hit) add(o hit) {
	if h.rows == 0 || o.at < h.at {
		h.at, h.ended = o.at, o.ended
	}
	h.rows += o.rows
}

// Hits are what the lanes tell the drain of the trigger.
type hits struct {
	any  atomic.Bool
	mu   sync.Mutex
	list []hit // one of a generation
}

func (h *hits) put(found hit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.any.Store(true)
	for i := range h.list {
		if h.list[i].generation == found.generation {
			h.list[i].add(found)
			return
		}
	}
	h.list = append(h.list, found)
}

// take gives what was found since the last time, without what is in the generations up to covered.
func (h *hits) take(covered int) (all hit, ok bool) {
	if !h.any.Load() {
		return all, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, found := range h.list {
		if found.generation > covered {
			all.add(found)
		}
	}
	h.list = h.list[:0]
	h.any.Store(false)
	return all, all.rows > 0
}
