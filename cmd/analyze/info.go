// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
)

var infoCommand = cli.Command{
	Name:        "analyze info",
	Summary:     "what a capture holds, and whether it is complete",
	Description: "Shows where, when and how captures were recorded, whether they are complete, and what is in them.",
	Examples: []cli.Example{
		{Line: "analyze info incident"},
		{Line: "ssh host record -w - -d 10s | analyze info -", Text: "without a file"},
	},
}

// infoObject is a capture for machines.
type infoObject struct {
	Complete bool                        `json:"complete"`
	Host     string                      `json:"host"`
	Kernel   string                      `json:"kernel"`
	Arch     string                      `json:"arch"`
	Start    time.Time                   `json:"start"`
	End      time.Time                   `json:"end"`
	Tables   map[string]format.TableInfo `json:"tables"`
	Probes   []format.Probe              `json:"probes"`
	Changes  []format.Change             `json:"changes,omitempty"`
	Dump     *format.Dump                `json:"dump,omitempty"`
}

func info(e *env, args []string) (err error) {
	o := newCommand(infoCommand).withJSON("one object for each capture")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closing(set, &err)
	for i, c := range set {
		if o.json {
			err = jsonline.Write(e.stdout, newInfoObject(&c.Manifest))
		} else {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = writeInfo(e.stdout, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func newInfoObject(m *format.Manifest) infoObject {
	object := infoObject{m.Complete, m.Host, m.Kernel, m.Arch, m.Start, m.End, m.Tables, slices.Clone(m.Probes), m.Changes, m.Dump}
	if object.Tables == nil {
		object.Tables = map[string]format.TableInfo{}
	}
	if object.Probes == nil {
		object.Probes = []format.Probe{}
	}
	for i := range object.Probes {
		if object.Probes[i].Refused == nil {
			object.Probes[i].Refused = []format.Refusal{}
		}
	}
	return object
}

func writeInfo(w io.Writer, c *capture.Capture) error {
	colour := term.ColourOf(w)
	state := colour.Green("complete")
	if !c.Manifest.Complete {
		state = colour.Red("INCOMPLETE") + ", " + unfinished(c)
	}
	fmt.Fprintf(w, "%s: %s\n", term.Escape(c.Path), state)
	for _, damage := range c.Damage() {
		fmt.Fprintf(w, "  %s %s\n", colour.Yellow("damaged:"), term.Escape(damage.Error()))
	}
	for _, part := range []*term.Table{factTable(&c.Manifest), sizeTable(c), probeTable(&c.Manifest), changeTable(&c.Manifest)} {
		if part.Len() == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := part.Write(w, "  "); err != nil {
			return err
		}
	}
	for _, note := range c.Manifest.Notes {
		fmt.Fprintf(w, "\n  note: %s\n", term.Escape(note))
	}
	return nil
}

// unfinished says what an incomplete capture means for whoever reads it.
func unfinished(c *capture.Capture) string {
	var open []string
	for _, t := range c.Tables() {
		for _, s := range t.Segments {
			if !s.Complete {
				open = append(open, s.Name)
			}
		}
	}
	if len(open) == 0 {
		return "the recorder did not finish it"
	}
	return "not closed: " + term.Escape(strings.Join(open, ", ")) + "; everything up to the last whole batch is here"
}

func factTable(m *format.Manifest) *term.Table {
	t := term.NewTable("", "")
	add := func(name, value string) {
		if value != "" {
			t.Row(name, value)
		}
	}
	add("host", strings.TrimSuffix(fmt.Sprintf("%s, Linux %s, %s, %d CPUs", m.Host, m.Kernel, m.Arch, m.CPUs), ", 0 CPUs"))
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

// dumpText is why and when a flight recorder wrote a capture down.
func dumpText(d *format.Dump) string {
	switch {
	case d == nil:
		return ""
	case d.Condition != "":
		return fmt.Sprintf("%s at %s: %s", d.Reason, d.TS.Local().Format(whenLayout), d.Condition)
	}
	return fmt.Sprintf("%s at %s", d.Reason, d.TS.Local().Format(whenLayout))
}

// whenLayout is how a time is shown, in local time.
const whenLayout = "2006-01-02 15:04:05.000 -0700"

// spanText is when something was, in local time, and how long it took.
func spanText(start, end time.Time) string {
	switch {
	case start.IsZero():
		return "at an unknown time"
	case end.IsZero():
		return "from " + start.Local().Format(whenLayout)
	}
	return fmt.Sprintf("%s to %s (%s)", start.Local().Format(whenLayout), end.Local().Format("15:04:05.000"), term.Duration(end.Sub(start)))
}

func sizeTable(c *capture.Capture) *term.Table {
	t := term.NewTable("table", ">rows", ">lost", ">bytes", ">bytes/row", ">segments")
	var sum format.TableInfo
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.Tables)) {
		size := c.Manifest.Tables[name]
		addSize(t, name, size)
		sum.Rows += size.Rows
		sum.Lost += size.Lost
		sum.Bytes += size.Bytes
		sum.Segments += size.Segments
	}
	if t.Len() > 1 {
		addSize(t, "total", sum)
	}
	return t
}

func addSize(t *term.Table, name string, size format.TableInfo) {
	each := "-"
	if size.Rows > 0 {
		each = strconv.FormatFloat(float64(size.Bytes)/float64(size.Rows), 'f', 1, 64)
	}
	t.Row(name, term.Count(size.Rows), term.Count(size.Lost), term.Bytes(size.Bytes), each, term.Count(int64(size.Segments)))
}

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

// changeTable is what happened to the machine meanwhile.
func changeTable(m *format.Manifest) *term.Table {
	t := term.NewTable("when", "change", "")
	for _, c := range m.Changes {
		t.Row(c.TS.Local().Format(whenLayout), c.What, c.Detail)
	}
	return t
}
