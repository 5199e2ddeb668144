//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"time"
)

// stallAfter is how long the reader of a stream may have read nothing at all, when the recording is over, before the
// rest is given up. A disk is waited for. Tests do not wait for it.
var stallAfter = 10 * time.Second

func errStalled() error { return fmt.Errorf("its reader has read nothing for %v", stallAfter) }

// Patience is whether the drain waits for the lanes: while it records it does not; before and after that it does, for
// as long as they make progress.
type patience struct {
	stream  *stream // nil: they write files
	waits   bool    // the recording has not begun or is over
	stalled bool    // the wait was in vain
}

// wait waits until done, for as long as the lanes make progress. done waits for a while and says whether it is so.
func (p *patience) wait(done func(time.Duration) bool) bool {
	var written int64
	since := time.Now()
	for !p.stalled {
		if done(100 * time.Millisecond) {
			return true
		}
		if p.stream == nil {
			continue
		}
		if n := p.stream.written.Load(); n != written {
			written, since = n, time.Now()
		} else if time.Since(since) > stallAfter {
			p.stalled = true
		}
	}
	return false
}
