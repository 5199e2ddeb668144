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

// Patience is whether the drain waits for the lanes: while it records it does not, before and after that it does, as
// long as they get anywhere.
type patience struct {
	stream  *stream // nil: they write files
	waits   bool    // the recording has not begun or is over
	stalled bool    // the wait was in vain
}

// wait waits for what the lanes have to do, as long as they do anything. done waits for it for a while.
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
