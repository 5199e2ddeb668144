// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

// describe says by which means what will be recorded.
func describe(stderr io.Writer, session *bpf.Session, ring int) {
	for _, p := range session.Probes {
		fmt.Fprintf(stderr, "record: %s events by %s\n", p.Family, orDash(p.Mechanism))
		for _, r := range p.Refused {
			fmt.Fprintf(stderr, "record:   not by %s: %s\n", r.Mechanism, term.Escape(r.Reason))
		}
	}
	fmt.Fprintf(stderr, "record: %d CPUs, a ring of %s each\n", session.CPUs, term.Bytes(int64(ring)))
}

// warnRefused: a family no mechanism works for is left out with a warning, or is an error when it was asked for.
func warnRefused(opt *options, session *bpf.Session, stderr io.Writer) error {
	for _, p := range session.Probes {
		if p.Mechanism != "" {
			continue
		}
		var reasons []string
		for _, r := range p.Refused {
			reasons = append(reasons, r.Mechanism+": "+r.Reason)
		}
		what := fmt.Sprintf("%s events are left out: %s", p.Family, strings.Join(reasons, "; "))
		if slices.Contains(opt.events, p.Family) {
			return explain(fmt.Errorf("recording %s events: %w (%s)", p.Family, bpf.ErrRefused,
				strings.Join(reasons, "; ")))
		}
		cli.Warn(stderr, "record", what)
	}
	return nil
}
