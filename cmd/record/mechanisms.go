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

// describe prints the mechanism of each family, for --verbose. ring is the size of each CPU's ring in bytes.
func describe(stderr io.Writer, session *bpf.Session, ring int) {
	for _, p := range session.Probes {
		fmt.Fprintf(stderr, "record: %s events by %s\n", p.Family, orDash(p.Mechanism))
		for _, r := range p.Refused {
			fmt.Fprintf(stderr, "record:   not by %s: %s\n", r.Mechanism, term.Escape(r.Reason))
		}
	}
	fmt.Fprintf(stderr, "record: cgroups of the hierarchy %s\n", term.Escape(session.Cgroups))
	fmt.Fprintf(stderr, "record: %d CPUs, a ring of %s each\n", session.CPUs, term.Bytes(int64(ring)))
}

// warnRefused prints a warning for each family that no mechanism works for. For a family that -e names it returns an
// error instead.
func warnRefused(opt *options, session *bpf.Session, stderr io.Writer) error {
	for _, p := range session.Probes {
		if p.Mechanism != "" {
			continue
		}
		var reasons []string
		for _, r := range p.Refused {
			reasons = append(reasons, r.Mechanism+": "+r.Reason)
		}
		if slices.Contains(opt.events, p.Family) {
			return explain(fmt.Errorf("recording %s events: %w (%s)", p.Family, bpf.ErrRefused,
				strings.Join(reasons, "; ")))
		}
		cli.Warn(stderr, "record",
			fmt.Sprintf("%s events are left out: %s", p.Family, strings.Join(reasons, "; ")))
	}
	return nil
}

// list prints, for --list, the mechanism that each family would be recorded by, and those that the kernel refuses.
func list(opt *options, stdout io.Writer) error {
	if err := cli.CheckOutput(stdout); err != nil {
		return err
	}
	probes, err := bpf.Probe(bpf.Options{Families: opt.families(), Mechanisms: opt.mechanisms})
	if err != nil {
		return explain(err)
	}
	if opt.json {
		return writeJSON(stdout, probes)
	}
	t := term.NewTable("FAMILY", "MECHANISM", "REFUSED")
	for _, p := range probes {
		first := []string{p.Family, orDash(p.Mechanism)}
		for _, r := range p.Refused {
			t.Row(append(first, term.Escape(r.Mechanism+": "+r.Reason))...)
			first = []string{"", ""}
		}
		if len(p.Refused) == 0 {
			t.Row(append(first, "-")...)
		}
	}
	return t.Write(stdout, "")
}

// orDash is s, or a dash if s is empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
