// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/term"
)

// list shows what each family would be recorded by.
func list(opt *options, stdout io.Writer) error {
	probes, err := bpf.Probe(bpf.Options{Families: opt.families(), Mechanisms: opt.mech})
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
