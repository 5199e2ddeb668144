// SPDX-License-Identifier: Apache-2.0

package export

import "sync"

// inOrder calls produce for 0 to n-1 on several workers at once, and then use with the results, in order, on the
// caller's goroutine. It returns the first error in this order. produce appends to dst, which is empty; use must not
// keep the result, because its memory is reused. At most workers+1 results wait for use.
func inOrder(n, workers int, produce func(worker, i int, dst []byte) ([]byte, error), use func([]byte) error) error {
	type result struct {
		text []byte
		err  error
	}
	type job struct {
		i    int
		done chan result
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
			j := job{i, make(chan result, 1)}
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
				var dst []byte
				select {
				case dst = <-spare:
				default:
				}
				text, err := produce(worker, j.i, dst[:0])
				j.done <- result{text, err}
			}
		}()
	}
	for j := range order {
		r := <-j.done
		if r.err == nil {
			r.err = use(r.text)
		}
		if r.err != nil {
			return r.err
		}
		select {
		case spare <- r.text:
		default:
		}
	}
	return nil
}
