//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"time"
)

// A syncer makes what was written safe from a loss of power, every so often. It has a goroutine of its own: a disk may
// take seconds.
type syncer struct {
	stop    chan struct{}
	running sync.WaitGroup
	failed  failure
}

// startSync syncs every so often until close; never with 0.
func startSync(every time.Duration, sync func() error) *syncer {
	s := &syncer{stop: make(chan struct{})}
	if every <= 0 {
		return s
	}
	s.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-s.stop:
				return
			}
			if err := sync(); err != nil {
				s.failed.set(err)
				return
			}
		}
	})
	return s
}

func (s *syncer) close() {
	close(s.stop)
	s.running.Wait()
}
