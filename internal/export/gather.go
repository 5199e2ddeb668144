// SPDX-License-Identifier: Apache-2.0

package export

import "github.com/fletch-trace/fletch/format"

// What is gathered before it is written.
const (
	groupRows  = 256 << 10
	groupBytes = 64 << 20
)

// gather reads all rows of the table into pieces of about groupRows rows, and gives them to use, which may keep a
// piece until the call after the next. The two groups are used by turns; they may be one.
func (t *Table) gather(first, second *rowGroup, use func(g *rowGroup) error) error {
	g, next := first, second
	for _, c := range t.having() {
		joiners := map[*rowGroup]*joiner{}
		for _, group := range []*rowGroup{first, second} {
			j, err := newJoiner(c, group.joins, &group.dictionary)
			if err != nil {
				return err
			}
			joiners[group] = j
		}
		err := t.scan(c).Run(t.ctx, func(_ int, b *format.Batch) error {
			if g.rows > 0 && (g.rows+b.Rows > groupRows || g.bytes() > groupBytes) {
				if err := use(g); err != nil {
					return err
				}
				g, next = next, g
				g.reset()
			}
			g.append(b, joiners[g], g.dictionary.add(t.captures.Label(c)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return use(g)
}
