//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// memory is what a process holds at one moment, in bytes that are resident.
type memory struct {
	At    time.Duration `json:"at_ns"`
	Rings int64         `json:"rings"` // mappings of BPF maps: the rings, each mapped twice, and the counters
	Rest  int64         `json:"rest"`  // everything else, code too
}

// readMemory adds up /proc/PID/smaps.
func readMemory(pid int) (m memory, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return m, err
	}
	defer f.Close()
	to := &m.Rest
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		field, value, _ := strings.Cut(line, ":")
		if strings.Contains(field, " ") { // "address perms ... path": the head of a mapping
			if to = &m.Rest; strings.Contains(line, "bpf-map") {
				to = &m.Rings
			}
		} else if field == "Rss" {
			var kib int64
			fmt.Sscan(value, &kib)
			*to += kib << 10
		}
	}
	return m, nil
}

const watchEvery = 500 * time.Millisecond

// watchMemory looks at a process until stop, which gives what was seen; nothing where the work does not want it.
func (w *work) watchMemory(pid int) (stop func() []memory) {
	if !w.watch {
		return func() []memory { return nil }
	}
	quit, seen := make(chan struct{}), make(chan []memory)
	go func() {
		var all []memory
		begun := time.Now()
		for {
			if m, err := readMemory(pid); err == nil {
				m.At = time.Since(begun)
				all = append(all, m)
			}
			select {
			case <-quit:
				seen <- all
				return
			case <-time.After(watchEvery):
			}
		}
	}()
	return func() []memory { close(quit); return <-seen }
}

// flat compares the most that was held in the second quarter of the time with the most in the last one.
func flat(all []memory) (peak, early, late int64) {
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
