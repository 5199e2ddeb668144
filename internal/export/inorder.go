// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"sync"
)

// chunkBytes is how long a chunk is before it is handed on. It may be longer by one line. It is the size of the buffer
// of a file, so that chunks are written without being copied.
const chunkBytes = 1 << 20

// chunks is the text of one job, which its worker appends to Text.
type chunks struct {
	Text []byte

	ready chan []byte   // until use has had them
	spare chan []byte   // of all jobs, for reuse
	quit  chan struct{} // closed when nothing uses them any more
	err   error         // set before ready is closed
}

var errQuit = errors.New("nothing uses the text")

// full reports whether a text should be handed on.
func full(text []byte) bool { return len(text) >= chunkBytes }

// flush hands on Text, and makes it empty. It waits while too much of the job is not used yet.
func (c *chunks) flush() error {
	select {
	case c.ready <- c.Text:
	case <-c.quit:
		return errQuit
	}
	select {
	case c.Text = <-c.spare:
	default:
		c.Text = make([]byte, 0, chunkBytes+chunkBytes/8)
	}
	c.Text = c.Text[:0]
	return nil
}

// inOrder calls produce for 0 to n-1 on several workers at once, and use with their text, in order, on the caller's
// goroutine. It returns the first error in this order. produce appends to Text and calls flush when it is full; use must not keep
// the text, because its memory is reused. Of each job, waiting bytes may wait for use, and at most workers+1 jobs have
// begun that use has not finished.
func inOrder(n, workers, waiting int, produce func(worker, i int, dst *chunks) error, use func([]byte) error) error {
	type job struct {
		i int
		*chunks
	}
	depth := max(waiting/chunkBytes, 1)
	todo, order, quit := make(chan job), make(chan job, workers), make(chan struct{})
	spare := make(chan []byte, 2*workers*min(depth, maxSpare))
	var busy sync.WaitGroup
	defer busy.Wait()
	defer close(quit)
	busy.Add(1 + workers)
	go func() {
		defer busy.Done()
		defer close(order)
		defer close(todo)
		for i := range n {
			j := job{i, &chunks{ready: make(chan []byte, depth), spare: spare, quit: quit}}
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
				if j.err = produce(worker, j.i, j.chunks); j.err == nil && len(j.Text) > 0 {
					j.err = j.flush()
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
			if cap(text) > 2*chunkBytes {
				continue
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

// maxSpare is how many chunks of each job are kept for reuse.
const maxSpare = 8
