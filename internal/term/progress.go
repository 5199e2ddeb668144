// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress is one line on a terminal that is written again and again until Stop, which removes it.
type Progress struct {
	stop chan struct{}
	done sync.WaitGroup
}

// StartProgress shows line(elapsed) on w, for the first time after `after`, then several times a second. line must be
// safe to call from another goroutine, and its text already escaped. Where w is no terminal nothing is ever written.
func StartProgress(w io.Writer, after time.Duration, line func(elapsed time.Duration) string) *Progress {
	p := &Progress{stop: make(chan struct{})}
	if IsTerminal(w) {
		p.done.Add(1)
		go p.run(w, after, line)
	}
	return p
}

// Stop removes the line. It may be called more than once.
func (p *Progress) Stop() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.done.Wait()
}

func (p *Progress) run(w io.Writer, after time.Duration, line func(time.Duration) string) {
	defer p.done.Done()
	start, shown := time.Now(), 0
	timer := time.NewTimer(after)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			if shown > 0 {
				fmt.Fprintf(w, "\r%s\r", strings.Repeat(" ", shown))
			}
			return
		case <-timer.C:
			text := Cut(line(time.Since(start)), Width(w)-1)
			n := TextWidth(text)
			fmt.Fprintf(w, "\r%s%s", text, strings.Repeat(" ", max(0, shown-n)))
			shown = n
			timer.Reset(200 * time.Millisecond)
		}
	}
}
