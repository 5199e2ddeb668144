// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

// lossText is the text of events that were lost: *** lost 12 syscall events within 100 ms ***.
type lossText struct {
	ts, until, family, count *capture.Accessor
}

func newLossText(c *columns) eventText {
	return &lossText{c.named("ts"), c.named("until"), c.named("family"), c.named("count")}
}

func (t *lossText) Append(dst []byte, row int) []byte {
	dst = append(dst, "*** lost "...)
	dst = append(dst, term.Count(t.count.Int(row))...)
	dst = term.AppendEscaped(append(dst, ' '), t.family.Text(row))
	dst = append(dst, " events within "...)
	dst = append(dst, term.Duration(time.Duration(t.until.Int(row)-t.ts.Int(row)))...)
	return append(dst, " ***"...)
}
