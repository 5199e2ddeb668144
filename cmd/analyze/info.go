// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
)

var infoCommand = cli.Command{
	Name:    "analyze info",
	Summary: "what a capture holds, and whether it is complete",
	Description: `Shows where, when and how captures were recorded, whether they are complete, and what is in them.
Complete is what the recorder finished and has as many rows as it wrote; whether these are the same, analyze verify
tells.`,
	Examples: []cli.Example{
		{Line: "analyze info incident"},
		{Line: "ssh host record -w - -d 10s | analyze info -", Text: "without a file"},
	},
}

// infoObject is the output of info for one capture with --json.
type infoObject struct {
	ID       string                      `json:"id"` // "": before format 1.2
	Complete bool                        `json:"complete"`
	Host     string                      `json:"host"`
	Kernel   string                      `json:"kernel"`
	Arch     string                      `json:"arch"`
	Recorder format.Recorder             `json:"recorder"`
	Start    time.Time                   `json:"start"`
	End      time.Time                   `json:"end"`
	Tables   map[string]format.TableInfo `json:"tables"`
	Probes   []format.Probe              `json:"probes"`
	Cgroups  string                      `json:"cgroups,omitempty"`
	Changes  []format.Change             `json:"changes,omitempty"`
	Dump     *format.Dump                `json:"dump,omitempty"`

	Selection *format.Selection `json:"selection,omitempty"`
	Derived   *format.Derived   `json:"derived,omitempty"`
}

func info(e *env, args []string) (err error) {
	o := newCommand(infoCommand).withJSON("one object for each capture")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closeCaptures(set, &err)
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

// newInfoObject selects what is shown of a manifest. Missing lists and maps are empty, not null.
func newInfoObject(m *format.Manifest) infoObject {
	object := infoObject{ID: m.ID, Complete: m.Complete, Host: m.Host, Kernel: m.Kernel, Arch: m.Arch,
		Recorder: m.Recorder, Start: m.Start, End: m.End, Tables: m.Tables, Probes: slices.Clone(m.Probes),
		Cgroups: m.Cgroups, Changes: m.Changes, Dump: m.Dump, Selection: m.Selection, Derived: m.Derived}
	if object.Recorder.Args == nil {
		object.Recorder.Args = []string{}
	}
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

// completeText says that the recorder finished a capture, and that as many rows are there as it wrote. That nothing in
// them changed is known only when all has been read.
const completeText = "complete, not verified"

// writeInfo prints a capture for people.
func writeInfo(w io.Writer, c *capture.Capture) error {
	colour := term.ColourOf(w)
	state := colour.Green(completeText) + ": analyze verify reads all of it"
	if !c.Manifest.Complete {
		state = colour.Red("INCOMPLETE") + ", " + incompleteText(c)
	}
	fmt.Fprintf(w, "%s: %s\n", term.Escape(c.Path), state)
	for _, damage := range c.Damage() {
		fmt.Fprintf(w, "  %s %s\n", colour.Yellow("damaged:"), term.Escape(damage.Error()))
	}
	m := &c.Manifest
	for _, part := range []*term.Table{factTable(m), sizeTable(c), probeTable(m), changeTable(m)} {
		if part.Len() == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := part.Write(w, "  "); err != nil {
			return err
		}
	}
	for _, note := range m.Notes {
		fmt.Fprintf(w, "\n  note: %s\n", term.Escape(note))
	}
	return nil
}

// incompleteText says why a capture is incomplete, and what can still be read of it.
func incompleteText(c *capture.Capture) string {
	var open []string
	for _, t := range c.Tables() {
		for _, s := range t.Segments {
			if !s.Complete {
				open = append(open, s.Name)
			}
		}
	}
	switch {
	case len(open) == 0 && c.Unfinished():
		return "the recorder did not finish it"
	case len(open) == 0:
		return "it is damaged"
	}
	return "not closed: " + term.Escape(strings.Join(open, ", ")) + "; everything up to the last whole batch is here"
}
