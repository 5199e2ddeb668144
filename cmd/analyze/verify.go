// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/verification"
)

var verifyCommand = cli.Command{
	Name:    "analyze verify",
	Summary: "whether a capture is what its recorder wrote",
	Acts:    true,
	Description: `Reads all of each capture: whether its segments are those that the recorder wrote, by their SHA-256,
whether the frames decode and the rows are as FORMAT.md says, and whether ids lead to rows. It says whole, not finished
(the recorder was killed or could not write all; nothing is wrong with the rest), or wrong, and where.

It finds damage, not a forger who also computes the checksums anew. Compare the SHA-256 of capture.json, which it
prints, with one that was noted where the capture was recorded: it stands for all that the manifest has checksums of.`,
	Examples: []cli.Example{
		{Line: "analyze verify incident"},
		{Line: "analyze verify monday.tar tuesday.tar --json"},
		{Line: "zstd -dc incident.tar.zst | analyze verify -"},
	},
}

// verifyObject is the output of verify for one capture with --json.
type verifyObject struct {
	Path      string             `json:"path"`
	State     verification.State `json:"state"`
	Manifest  string             `json:"manifest_sha256"` // "": there is none
	Segments  int                `json:"segments"`        // that are as they were written
	Unchecked int                `json:"unchecked"`       // segments without a checksum
	Rows      int64              `json:"rows"`
	Unwritten int                `json:"unwritten"` // ids that lead nowhere, because the recording was not finished
	Problems  []problemObject    `json:"problems"`
}

// problemObject is a problem.
type problemObject struct {
	Table   string `json:"table"`   // "": about the whole capture
	Segment string `json:"segment"` // "": about none
	Row     int64  `json:"row"`     // of the segment, from 1; 0: about none
	Text    string `json:"text"`
	More    int64  `json:"more"` // of its kind in the segment
}

func verify(e *env, args []string) (err error) {
	o := newCommand(verifyCommand, cli.Term{Name: "3", Text: "a capture is wrong or not finished"}).
		withJSON("an array with an object for each capture")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closeCaptures(set, &err)
	objects := []verifyObject{}
	var found []error
	for _, c := range set {
		result, err := verifyOne(e, c)
		if err != nil {
			return fmt.Errorf("verifying %s: %w", c.Path, err)
		}
		switch result.State {
		case verification.Wrong:
			found = append(found, fmt.Errorf("%s is not what its recorder wrote: %s", c.Path,
				term.Counted(int64(len(result.Problems)), "problem")))
		case verification.Unfinished:
			found = append(found, fmt.Errorf("%s is not finished; nothing else is wrong with it", c.Path))
		}
		objects = append(objects, newVerifyObject(c, result))
		if !o.json {
			writeVerification(e.stdout, c, result)
		}
	}
	if o.json {
		if err := jsonline.Write(e.stdout, objects); err != nil {
			return err
		}
	}
	return cli.Found(errors.Join(found...))
}

// verifyOne verifies one capture and shows its progress: all bytes are read twice, once for the checksums.
func verifyOne(e *env, c *capture.Capture) (*verification.Result, error) {
	total := int64(0)
	for _, t := range c.Tables() {
		total += 2 * t.Bytes
	}
	var read verification.Progress
	defer term.StartProgress(e.stderr, time.Second, func(elapsed time.Duration) string {
		n := read.Bytes.Load()
		return fmt.Sprintf("%s: %d %%, %s", term.Escape(c.Path), 100*n/max(total, 1), term.Bytes(n))
	}).Stop()
	return verification.Run(e.ctx, c, &read)
}

func newVerifyObject(c *capture.Capture, r *verification.Result) verifyObject {
	o := verifyObject{Path: c.Path, State: r.State, Manifest: c.ManifestSHA256(), Segments: r.Segments,
		Unchecked: r.Unchecked, Rows: r.Rows, Unwritten: r.Unwritten, Problems: []problemObject{}}
	for _, p := range r.Problems {
		o.Problems = append(o.Problems, problemObject{p.Table, p.Segment, p.Row, p.Text, p.More})
	}
	return o
}

// maxProblems is how many problems are printed for people.
const maxProblems = 100

// writeVerification prints what was found of a capture.
func writeVerification(w io.Writer, c *capture.Capture, r *verification.Result) {
	colour := term.ColourOf(w)
	state := colour.Green(string(r.State))
	switch r.State {
	case verification.Wrong:
		state = colour.Red("WRONG")
	case verification.Unfinished:
		state = colour.Yellow(string(r.State))
	}
	fmt.Fprintf(w, "%s: %s\n", term.Escape(c.Path), state)
	for i, p := range r.Problems {
		if i == maxProblems {
			fmt.Fprintf(w, "  and %s more\n", term.Counted(int64(len(r.Problems)-i), "problem"))
			break
		}
		fmt.Fprintf(w, "  %s %s\n", colour.Red("wrong:"), term.Escape(problemText(p)))
	}
	fmt.Fprintf(w, "  as written, by their checksums: %s; without a checksum: %s; read: %s\n",
		term.Counted(int64(r.Segments), "segment"), term.Count(int64(r.Unchecked)), term.Counted(r.Rows, "row"))
	if r.Unwritten > 0 {
		fmt.Fprintf(w, "  without a row, since not all was written: %s\n", term.Counted(int64(r.Unwritten), "id"))
	}
	if sum := c.ManifestSHA256(); sum != "" {
		fmt.Fprintf(w, "  SHA-256 of %s: %s\n", format.ManifestName, sum)
	}
}

// problemText is a problem as one line: where it is, then what.
func problemText(p verification.Problem) string {
	where := p.Segment
	if where == "" {
		where = p.Table
	}
	if p.Row > 0 {
		where += fmt.Sprintf(", row %s", term.Count(p.Row))
	}
	if where != "" {
		where += ": "
	}
	text := where + p.Text
	if p.More > 0 {
		text += fmt.Sprintf(" (and %s more)", term.Count(p.More))
	}
	return text
}
