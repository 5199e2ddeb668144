// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

// finish ends the recording that loop ended (with failed, when not nil) and makes the capture whole. The
// status is the program's.
func (r *recorder) finish(failed error, e *end) (int, error) {
	// Even after a failed write the rest is drained, so that what was recorded and lost is known.
	err := r.session.Stop(r.emit)
	r.losses.finish()
	r.account()
	r.flush()
	r.bulk.close()
	r.rare.close()
	err = errors.Join(failed, err)
	if err == nil {
		err = r.failure()
	}
	r.addAnchor()

	var manifest format.Manifest
	closed := r.w.Close(func(m *format.Manifest) {
		r.complete(m)
		if status, ended := e.ended(); ended {
			m.ExitStatus = &status
		}
		manifest = *m
	})
	if err == nil {
		err = closed
	}
	if err != nil {
		return 0, cli.WithHint(fmt.Errorf("recording into %s: %w", r.opt.write, err), "what was written until then is kept, and opens")
	}
	lost := r.lostTotal()
	if !r.opt.quiet {
		if err := r.summary(manifest, lost); err != nil {
			return 0, err
		}
	}
	if r.opt.strict && lost > 0 {
		return exitLost, nil
	}
	return e.status(), nil
}

// account closes the books: every record the programs say they emitted was taken from a ring, and every event
// they never saw, because the kernel skipped them, is counted too.
func (r *recorder) account() {
	begun, ended := r.clocks[0].Monotonic, now(unix.CLOCK_MONOTONIC)
	for _, t := range r.tables {
		if t == nil {
			continue
		}
		var emitted int64
		for cpu := range r.session.CPUs {
			emitted += int64(r.session.Counts(t.layout.Kind, cpu).Emitted)
		}
		if gone := emitted - t.received; gone != 0 {
			r.losses.add(t.layout.Schema.Table, -1, begun, ended, gone)
			cli.Warn(r.stderr, "record", fmt.Sprintf("%s: %d records emitted, %d received", t.layout.Schema.Table, emitted, t.received))
		}
	}
	for _, p := range r.session.Probes {
		missed, err := r.session.Missed(p.Family)
		if err != nil {
			cli.Warn(r.stderr, "record", fmt.Sprintf("what the kernel skipped is not counted: %v", err))
		}
		if missed > 0 {
			r.losses.add(p.Family, -1, begun, ended, int64(missed))
		}
	}
}

// lostBy is what was lost of each table: by the programs, and by writes that failed.
func (r *recorder) lostBy() map[string]int64 {
	lost := make(map[string]int64)
	for name, n := range r.losses.total {
		lost[name] += n
	}
	for _, l := range []*lane{r.bulk, r.rare} {
		for name, n := range l.dropped {
			lost[name] += n
		}
	}
	return lost
}

func (r *recorder) lostTotal() (n int64) {
	for _, lost := range r.lostBy() {
		n += lost
	}
	return n
}

func (r *recorder) complete(m *format.Manifest) {
	m.End = time.Unix(0, now(unix.CLOCK_MONOTONIC)+r.wall).UTC()
	m.Clock = r.clocks
	if m.Tables == nil {
		m.Tables = make(map[string]format.TableInfo)
	}
	for _, t := range r.tables {
		if t == nil || !r.recordsTable(t.layout.Schema.Table) {
			continue
		}
		if _, ok := m.Tables[t.layout.Schema.Table]; !ok { // recorded, and had nothing to say: 0 rows
			m.Tables[t.layout.Schema.Table] = format.TableInfo{}
		}
	}
	for name, lost := range r.lostBy() {
		info := m.Tables[name]
		info.Lost = lost
		m.Tables[name] = info
	}
	if r.codec.reduced {
		m.Notes = append(m.Notes, "compression was reduced for a while because the rings filled up")
	}
	if r.rowsLeft == 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("stopped after %d events", r.opt.rows))
	}
}

// summary says what was recorded, on standard error.
func (r *recorder) summary(m format.Manifest, lost int64) error {
	if r.opt.json {
		return writeJSON(r.stderr, struct {
			Path   string                      `json:"path"`
			Start  time.Time                   `json:"start"`
			End    time.Time                   `json:"end"`
			Rows   int64                       `json:"rows"`
			Lost   int64                       `json:"lost"`
			Bytes  int64                       `json:"bytes"`
			Tables map[string]format.TableInfo `json:"tables"`
		}{r.opt.write, m.Start, m.End, r.rows.Load(), lost, r.w.Written(), m.Tables})
	}
	names := make([]string, 0, len(m.Tables))
	for name := range m.Tables {
		names = append(names, name)
	}
	sort.Strings(names)
	t := term.NewTable("TABLE", "ROWS", "LOST", "BYTES")
	for _, name := range names {
		info := m.Tables[name]
		t.Row(name, term.Count(info.Rows), term.Count(info.Lost), term.Bytes(info.Bytes))
	}
	path := r.opt.write
	if path == "-" {
		path = "standard output"
	}
	fmt.Fprintf(r.stderr, "record: %s events, %s lost, %s in %s (%s)\n", term.Count(r.rows.Load()), term.Count(lost),
		term.Bytes(r.w.Written()), term.Escape(path), term.Duration(m.End.Sub(m.Start)))
	return t.Write(r.stderr, "  ")
}

// progress is the line on a terminal while it records; with COMMAND, the terminal is COMMAND's.
func (r *recorder) progress() *term.Progress {
	w := r.stderr
	if r.opt.quiet || r.opt.json || len(r.opt.command) > 0 {
		w = io.Discard
	}
	return term.StartProgress(w, time.Second, func(elapsed time.Duration) string {
		rows := r.rows.Load()
		return fmt.Sprintf("%s  %s events  %s  %s lost  %s", term.Duration(elapsed.Round(time.Second)), term.Count(rows),
			term.Rate(rows, elapsed), term.Count(r.lost.Load()), term.Bytes(r.w.Written()))
	})
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
