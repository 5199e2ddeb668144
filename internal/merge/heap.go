// SPDX-License-Identifier: Apache-2.0

package merge

// cursor is a position in a sorted sequence of rows, which is a run in memory or a file.
type cursor struct {
	key  key   // of the row that it is at
	run  *Run  // nil: the rows are in the file
	row  int   // index in run
	file *file // nil: the rows are in the run
	late bool  // the rows are counted in merger.late while they are in memory
	size int64 // bytes of run, as they are counted

	refill func() error // puts the rows into run that follow those in it; nil: there are none
}

// bytes returns the bytes of the row, which are valid until next.
func (c *cursor) bytes() []byte {
	if c.file != nil {
		return c.file.row
	}
	start := 0
	if c.row > 0 {
		start = c.run.ends[c.row-1]
	}
	return c.run.Data[start:c.run.ends[c.row]]
}

// next moves to the next row; more is false if there is none.
func (c *cursor) next() (more bool, err error) {
	if c.file != nil {
		c.key, more, err = c.file.next()
		return more, err
	}
	c.row++
	if c.row == len(c.run.keys) {
		if !c.run.more {
			return false, nil
		}
		if err := c.refill(); err != nil || len(c.run.keys) == 0 {
			return false, err
		}
		c.row = 0
	}
	c.key = c.run.keys[c.row]
	return true, nil
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.close()
	}
}

// heap is a binary heap of cursors; the one with the smallest key is the first element, the top. It is not
// container/heap, which makes an interface call for each comparison and swap.
type heap []*cursor

func (h *heap) push(c *cursor) {
	*h = append(*h, c)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s[i].key.less(s[parent].key) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

// pop removes the top.
func (h *heap) pop() {
	s := *h
	last := len(s) - 1
	s[0] = s[last]
	s[last] = nil
	*h = s[:last]
	h.fix()
}

// fix restores the order after the key of the top has grown.
func (h *heap) fix() {
	s := *h
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(s) && s[child].key.less(s[least].key) {
				least = child
			}
		}
		if least == i {
			return
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}

// second returns the second smallest key, or limit if that is smaller. Until it reaches this key, the top stays the
// top.
func (h heap) second(limit key) key {
	for _, c := range h[1:min(len(h), 3)] {
		if c.key.less(limit) {
			limit = c.key
		}
	}
	return limit
}
