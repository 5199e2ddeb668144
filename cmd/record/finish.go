// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
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
	r.patient = true
	err := r.session.Stop(r.emit)
	if r.names != nil && !r.stalled {
		err = errors.Join(err, r.announceAll())
	}
	r.over.Store(true)
	r.notice()
	r.losses.finish()
	r.account()
	if r.rotation != nil {
		r.endRotation(failed == nil && err == nil)
	}
	r.flush()
	for r.losses.batch.Rows > 0 && r.wait(func(d time.Duration) bool { time.Sleep(d / 10); return len(r.losses.free) > 0 }) {
		r.handLosses()
	}
	r.endLanes()
	r.syncer.close()
	if r.stalled {
		err = errStalled // whatever else it led to
	}
	err = errors.Join(failed, err)
	if err == nil {
		err = r.failure()
	}
	r.addAnchor()

	manifest, closed := r.closeCapture(e, err == nil)
	if err == nil {
		err = closed
	}
	if err != nil {
		return 0, r.explain(err)
	}
	if !r.opt.quiet {
		// A terminal that is closed or a reader that left has no use for it; the capture is whole all the same.
		if err := r.summary(manifest); err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.EIO) {
			return 0, err
		}
	}
	if r.opt.strict && r.lostTotal() > 0 {
		return exitLost, nil
	}
	return e.status(), nil
}

// announceAll has everything announced that runs: calls that are still out are events of whoever made them, who may have
// done nothing else for longer than names are kept.
func (r *recorder) announceAll() error {
	if err := r.session.SetEpoch(uint32(r.generation + 1)); err != nil {
		return fmt.Errorf("ending the recording: %w", err)
	}
	return r.session.Announce(r.emit)
}

// endLanes waits until everything handed on has been written, and dumped.
func (r *recorder) endLanes() {
	done := make(chan struct{})
	go func() {
		r.bulk.close()
		r.rare.close()
		if r.rotation != nil {
			r.rotation.keeper.close()
		}
		close(done)
	}()
	r.wait(func(d time.Duration) bool {
		select {
		case <-done:
			return true
		case <-time.After(d):
			return false
		}
	})
}

// closeCapture writes the manifest. What a flight recorder has dumped at the end is not kept in the window too.
func (r *recorder) closeCapture(e *end, whole bool) (m format.Manifest, err error) {
	if r.stalled {
		return m, nil
	}
	complete := func(draft *format.Manifest) {
		r.complete(draft)
		if status, ended := e.ended(); ended {
			draft.ExitStatus = &status
		}
		m = *draft
	}
	if r.flight == nil || !r.flight.memory && (!whole || len(r.dumper.failed) > 0) {
		err = r.w.Close(complete)
	} else {
		m.Start, m.Tables = time.Unix(0, r.clocks[0].Wall).UTC(), r.w.Tables()
		complete(&m)
		err = r.w.Abort()
	}
	if n := len(r.dumper.failed); n > 0 && err == nil {
		err = fmt.Errorf("%d of %d dumps failed: %w", n, n+len(r.dumper.made), r.dumper.failed[0])
	}
	return m, err
}

// explain says where a recording failed, and what is left of it.
func (r *recorder) explain(err error) error {
	where, left := r.opt.write, "what was written until then is kept, and opens"
	switch {
	case where == "-":
		where = "standard output"
		left = "what was read until then opens: analyze and replay take it as it is"
	case r.flight != nil && r.flight.memory:
		left = "the dumps that were made are kept"
	case r.flight != nil:
		left = "the dumps that were made are kept, and what was written since in " + filepath.Join(where, windowName)
	}
	if errors.Is(err, unix.EPIPE) { // no reason to end without a word, as it is for what is printed
		return cli.WithHint(fmt.Errorf("recording into %s: its reader has closed it", where), left)
	}
	return cli.WithHint(fmt.Errorf("recording into %s: %w", where, err), left)
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
			if r.stalled { // they are in their rings, where there was no room for them elsewhere
				continue
			}
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
	r.addDropped(lost)
	return lost
}

// addDropped adds what was lost because it could not be written, and so is not in the loss table.
func (r *recorder) addDropped(lost map[string]int64) {
	for _, l := range []*lane{r.bulk, r.rare} {
		for name, n := range l.dropped {
			lost[name] += n
		}
	}
}

func (r *recorder) lostTotal() (n int64) {
	for _, lost := range r.lostBy() {
		n += lost
	}
	return n
}

// story is what there is to tell of the recording so far.
func (r *recorder) story() story {
	s := story{clocks: r.clocks, changes: r.changes}
	if r.codec.reduced {
		s.notes = append(s.notes, "compression was reduced for a while because the rings filled up")
	}
	s.notes = append(s.notes, r.limits.notes(time.Now(), r.opt)...)
	if r.rotation != nil && r.rotation.keeper.short.Load() {
		s.notes = append(s.notes, "the window is shorter than "+r.opt.last.String()+" because of --max-memory "+r.opt.maxMemory.String())
	}
	if r.rowsLeft == 0 {
		s.notes = append(s.notes, fmt.Sprintf("stopped after %d events", r.opt.rows))
	}
	return s
}

// tell puts a story into a manifest.
func (r *recorder) tell(m *format.Manifest, s story) {
	m.Clock, m.Changes, m.Notes = s.clocks, s.changes, append(m.Notes, s.notes...)
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
}

func (r *recorder) complete(m *format.Manifest) {
	m.End = time.Unix(0, now(unix.CLOCK_MONOTONIC)+r.wall).UTC()
	r.tell(m, r.story())
	lost := r.lostBy()
	if r.names != nil { // the losses of what was dropped have gone with it
		lost = make(map[string]int64)
		for name, info := range m.Tables {
			lost[name] = info.Lost
		}
		r.addDropped(lost)
	}
	for name, lost := range lost {
		info := m.Tables[name]
		info.Lost = lost
		m.Tables[name] = info
	}
	if r.kept(m) != nil {
		all := r.all(m.End)
		m.Notes = append(m.Notes, fmt.Sprintf("what is kept are the newest of %d events (%d lost) since %s",
			all.Rows, all.Lost, all.Start.Format(time.RFC3339)))
	}
}

// A part is a stretch of a recording: what is there of it.
type part struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Rows  int64     `json:"rows"` // of events
	Lost  int64     `json:"lost"`
	Bytes int64     `json:"bytes"`
}

// all is the whole recording, with what is not kept.
func (r *recorder) all(end time.Time) part {
	return part{time.Unix(0, r.clocks[0].Wall).UTC(), end, r.rows.Load(), r.lostTotal(), r.w.Written()}
}

// kept is what a manifest tells of, nil when that is all that was recorded.
func (r *recorder) kept(m *format.Manifest) *part {
	if r.names == nil || !m.Start.After(time.Unix(0, r.clocks[0].Wall)) {
		return nil
	}
	p := part{Start: m.Start, End: m.End}
	for name, info := range m.Tables {
		if r.recordsEvents(name) {
			p.Rows += info.Rows
		}
		p.Lost += info.Lost
		p.Bytes += info.Bytes
	}
	return &p
}

func (p part) text() string {
	return fmt.Sprintf("%s events, %s lost, %s", term.Count(p.Rows), term.Count(p.Lost), term.Bytes(p.Bytes))
}

func (p part) length() string { return term.Duration(p.End.Sub(p.Start)) }

// summary says on standard error what was recorded, and what is kept of it. m is of what is kept; what a flight recorder keeps
// are its dumps.
func (r *recorder) summary(m format.Manifest) error {
	all, kept := r.all(m.End), r.kept(&m)
	if r.flight != nil {
		m.Tables, kept = nil, nil
	}
	if r.opt.json {
		return writeJSON(r.stderr, struct {
			Path string `json:"path"`
			part
			Kept   *part                       `json:"kept,omitempty"`   // not all is
			Tables map[string]format.TableInfo `json:"tables,omitempty"` // as they are kept
			Dumps  []dumped                    `json:"dumps,omitempty"`
		}{r.opt.write, all, kept, m.Tables, r.dumper.made})
	}
	path := term.Escape(r.opt.write)
	if path == "-" {
		path = "standard output"
	}
	switch {
	case r.flight != nil: // it has said what it dumped
		fmt.Fprintf(r.stderr, "record: %s in %s; dumps are in %s\n", all.text(), all.length(), path)
		return nil
	case kept != nil:
		fmt.Fprintf(r.stderr, "record: %s in %s; kept are the last %s\n", all.text(), all.length(), kept.length())
		fmt.Fprintf(r.stderr, "record: %s in %s\n", kept.text(), path)
	default:
		fmt.Fprintf(r.stderr, "record: %s in %s (%s)\n", all.text(), path, all.length())
	}
	t := term.NewTable("TABLE", "ROWS", "LOST", "BYTES")
	for _, name := range slices.Sorted(maps.Keys(m.Tables)) {
		info := m.Tables[name]
		t.Row(name, term.Count(info.Rows), term.Count(info.Lost), term.Bytes(info.Bytes))
	}
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
