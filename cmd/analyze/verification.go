// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

// verification is the result of info --verify for one capture.
type verification struct {
	Segments  int      `json:"segments"`  // that are as they were written
	Unchecked int      `json:"unchecked"` // that have no checksum
	Problems  []string `json:"problems"`

	err error // of the problems
}

// newVerification compares the segments of a capture with their checksums.
func newVerification(e *env, c *capture.Capture) (*verification, error) {
	v := &verification{Problems: []string{}}
	var problems []error
	if v.Segments, problems = c.Verify(e.ctx); e.ctx.Err() != nil {
		return nil, e.ctx.Err()
	}
	for _, t := range c.Tables() {
		for _, s := range t.Segments {
			if c.Manifest.SHA256[s.Name] == "" {
				v.Unchecked++
			}
		}
	}
	for _, p := range problems {
		v.Problems = append(v.Problems, p.Error())
	}
	if len(problems) > 0 {
		v.err = fmt.Errorf("verifying %s: %d segments are not as they were written", c.Path, len(problems))
	}
	return v, nil
}

// write prints the result for people.
func (v *verification) write(w io.Writer) {
	colour := term.ColourOf(w)
	for _, p := range v.Problems {
		fmt.Fprintf(w, "  %s %s\n", colour.Red("changed:"), term.Escape(p))
	}
	fmt.Fprintf(w, "  verified: %s segments as they were written", term.Count(int64(v.Segments)))
	if v.Unchecked > 0 {
		fmt.Fprintf(w, ", %s without a checksum", term.Count(int64(v.Unchecked)))
	}
	fmt.Fprintln(w)
}
