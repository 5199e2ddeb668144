//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/fletch-trace/fletch/internal/resident"
)

// memory is what a process holds at one moment.
type memory struct {
	At time.Duration `json:"at_ns"`
	resident.Memory
}

const watchEvery = 500 * time.Millisecond

// watchMemory samples the memory of a process until stop, which returns the samples; none unless w.watch is set.
func (w *work) watchMemory(pid int) (stop func() []memory) {
	if !w.watch {
		return func() []memory { return nil }
	}
	quit, samples := make(chan struct{}), make(chan []memory)
	go func() {
		var all []memory
		begun := time.Now()
		for {
			if m, err := resident.Of(pid); err == nil {
				all = append(all, memory{time.Since(begun), m})
			}
			select {
			case <-quit:
				samples <- all
				return
			case <-time.After(watchEvery):
			}
		}
	}()
	return func() []memory { close(quit); return <-samples }
}

// memoryPeaks returns the most memory beside the rings, in bytes: of all time, of its second and of its last quarter.
func memoryPeaks(all []memory) (peak, early, late int64) {
	for i, m := range all {
		peak = max(peak, m.Rest)
		switch 4 * i / len(all) {
		case 1:
			early = max(early, m.Rest)
		case 3:
			late = max(late, m.Rest)
		}
	}
	return peak, early, late
}
