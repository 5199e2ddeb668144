// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress is a line on a terminal that is rewritten several times a second, until Stop removes it.
type Progress struct {
	stop chan struct{}
	done sync.WaitGroup
}

// StartProgress shows line(elapsed) on w, for the first time after delay. line must be safe to call from another
// goroutine, and return escaped text. If w is not a terminal, nothing is written.
func StartProgress(w io.Writer, delay time.Duration, line func(elapsed time.Duration) string) *Progress {
	p := &Progress{stop: make(chan struct{})}
	if IsTerminal(w) {
		p.done.Add(1)
		go p.run(w, delay, line)
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

func (p *Progress) run(w io.Writer, delay time.Duration, line func(time.Duration) string) {
	defer p.done.Done()
	start, shown := time.Now(), 0 // columns
	timer := time.NewTimer(delay)
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
