// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"sync"
)

// chunks is the text of one job, which its worker appends to Text.
type chunks struct {
	Text []byte

	limit int           // how long Text is before it is handed on; it may be longer by one line
	ready chan []byte   // until use has had them
	spare chan []byte   // of all jobs, for reuse
	quit  chan struct{} // closed when nothing uses them any more
	err   error         // set before ready is closed
}

var errQuit = errors.New("nothing uses the text")

// flush hands on Text, and makes it empty. It waits while too much of the job is not used yet.
func (c *chunks) flush() error {
	if err := c.handOn(); err != nil {
		return err
	}
	c.begin()
	return nil
}

// begin makes Text empty, in memory that was used before if there is any.
func (c *chunks) begin() {
	c.Text = nil
	select {
	case c.Text = <-c.spare:
		c.Text = c.Text[:0]
	default:
	}
}

func (c *chunks) handOn() error {
	select {
	case c.ready <- c.Text:
		return nil
	case <-c.quit:
		return errQuit
	}
}

// inOrder calls produce for 0 to n-1 on several workers at once, and use with their text, in order, on the caller's
// goroutine. It returns the first error in this order. produce appends to Text and calls flush when it is full; use
// must not keep the text, because its memory is reused. A text has about limit bytes at most, and of each job two are
// in memory. At most workers+1 jobs have begun that use has not finished.
func inOrder(n, workers, limit int, produce func(worker, i int, dst *chunks) error, use func([]byte) error) error {
	type job struct {
		i int
		*chunks
	}
	todo, order, quit := make(chan job), make(chan job, workers), make(chan struct{})
	spare := make(chan []byte, 2*workers)
	var busy sync.WaitGroup
	defer busy.Wait()
	defer close(quit)
	busy.Add(1 + workers)
	go func() {
		defer busy.Done()
		defer close(order)
		defer close(todo)
		for i := range n {
			j := job{i, &chunks{limit: limit, ready: make(chan []byte, 1), spare: spare, quit: quit}}
			for _, to := range []chan job{order, todo} {
				select {
				case to <- j:
				case <-quit:
					return
				}
			}
		}
	}()
	for worker := range workers {
		go func() {
			defer busy.Done()
			for j := range todo {
				j.begin()
				if j.err = produce(worker, j.i, j.chunks); j.err == nil && len(j.Text) > 0 {
					j.err = j.handOn()
				}
				close(j.ready)
			}
		}()
	}
	for j := range order {
		for text := range j.ready {
			if err := use(text); err != nil {
				return err
			}
			select {
			case spare <- text:
			default:
			}
		}
		if j.err != nil {
			return j.err
		}
	}
	return nil
}
