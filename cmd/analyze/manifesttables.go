// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/term"
)

// factTable is where, when and how a capture was recorded.
func factTable(m *format.Manifest) *term.Table {
	t := term.NewTable("", "")
	add := func(name, value string) {
		if value != "" {
			t.Row(name, value)
		}
	}
	host := fmt.Sprintf("%s, Linux %s, %s, %d CPUs", m.Host, m.Kernel, m.Arch, m.CPUs)
	add("host", strings.TrimSuffix(host, ", 0 CPUs"))
	add("recorded", spanText(m.Start, m.End))
	add("dumped", dumpText(m.Dump))
	add("command", commandText(m))
	add("recorder", strings.TrimSpace(m.Recorder.Version+"  "+commandLine(m.Recorder.Args)))
	return t
}

func commandText(m *format.Manifest) string {
	text := commandLine(m.Command)
	if text != "" && m.ExitStatus != nil {
		text += fmt.Sprintf("  (exit status %d)", *m.ExitStatus)
	}
	return text
}

// dumpText is why and when a flight recorder made a capture.
func dumpText(d *format.Dump) string {
	switch {
	case d == nil:
		return ""
	case d.Condition != "":
		return fmt.Sprintf("%s at %s: %s", d.Reason, d.TS.Local().Format(whenLayout), d.Condition)
	}
	return fmt.Sprintf("%s at %s", d.Reason, d.TS.Local().Format(whenLayout))
}

// probeTable is how each family was recorded, and what the kernel refused.
func probeTable(m *format.Manifest) *term.Table {
	t := term.NewTable("family", "mechanism", "refused")
	for _, p := range m.Probes {
		family, mechanism := p.Family, p.Mechanism
		if mechanism == "" {
			mechanism = "none"
		}
		if len(p.Refused) == 0 {
			t.Row(family, mechanism, "")
		}
		for _, r := range p.Refused { // a line each
			t.Row(family, mechanism, r.Mechanism+": "+r.Reason)
			family, mechanism = "", ""
		}
	}
	return t
}

// changeTable is what changed on the machine while it was recorded.
func changeTable(m *format.Manifest) *term.Table {
	t := term.NewTable("when", "change", "")
	for _, c := range m.Changes {
		t.Row(c.TS.Local().Format(whenLayout), c.What, c.Detail)
	}
	return t
}
