// SPDX-License-Identifier: Apache-2.0

package merge

// cursor is at a row of a run in memory or in a file.
type cursor struct {
	key  key
	run  *Run
	at   int
	late bool
	file *file
}

// row is the bytes of the row, valid until next.
func (c *cursor) row() []byte {
	if c.file != nil {
		return c.file.row
	}
	start := 0
	if c.at > 0 {
		start = c.run.ends[c.at-1]
	}
	return c.run.Data[start:c.run.ends[c.at]]
}

// next goes to the next row; more is false when there is none.
func (c *cursor) next() (more bool, err error) {
	if c.file != nil {
		c.key, more, err = c.file.next()
		return more, err
	}
	c.at++
	if c.at == len(c.run.keys) {
		return false, nil
	}
	c.key = c.run.keys[c.at]
	return true, nil
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.close()
	}
}

// heap holds cursors, the one with the first row on top.
type heap []*cursor

func (h *heap) push(c *cursor) {
	*h = append(*h, c)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s[i].key.less(s[up].key) {
			return
		}
		s[i], s[up] = s[up], s[i]
		i = up
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

// fix puts the top, whose key grew, in its place.
func (h *heap) fix() {
	s := *h
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < len(s) && s[down].key.less(s[least].key) {
				least = down
			}
		}
		if least == i {
			return
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}

// second is the key before which the top stays the top: the next cursor's, or limit.
func (h heap) second(limit key) key {
	for _, c := range h[1:min(len(h), 3)] {
		if c.key.less(limit) {
			limit = c.key
		}
	}
	return limit
}
