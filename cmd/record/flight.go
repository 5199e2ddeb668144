// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/term"
)

// windowName is the rolling capture of a flight recorder, in its directory beside the dumps.
const windowName = "window"

// A flight is the drain's part of a flight recorder: what to dump, and when.
type flight struct {
	dir     string
	made    bool     // dir was not there before
	there   []string // the dumps that were
	memory  bool
	last    int64         // ns that are kept, before what is dumped for
	after   int64         // ns that are recorded after it
	span    time.Duration // of a generation
	wall    int64         // what makes a monotonic time a Unix one, ns
	signals chan os.Signal
	hits    hits

	condition string     // of the trigger
	pending   []*request // one for a signal, one for the trigger
	covered   int        // generations up to it are in a dump for the trigger
	until     int64      // that dump's end, ns since the Unix epoch
}

// A request is a dump to be made. Times are ns since the Unix epoch.
type request struct {
	reason, condition string
	at                int64 // of the event or the signal
	since             int64 // the dump has what is from then on
	due               int64
	more              int // events or signals that it serves as well
}

const (
	// A window is cut into so many generations. It is longer by one than was asked for.
	windowParts = 8
	minSpan     = time.Second
	// detects is within which time an event has set off its trigger, ns: it waits for its batch, and for its lane.
	detects = 2e9
)

// A destination is where the recording goes.
type destination struct {
	w      *format.Writer
	flight *flight // nil: it is no flight recorder
	stream *stream // nil: nothing goes to standard output
}

// create begins the capture; a flight recorder's is its window.
func create(opt *options, user *privilege.Caller, dumps chan os.Signal, host format.Manifest, stdout io.Writer) (to destination, err error) {
	uid, gid := user.Owner()
	wopt := format.WriterOptions{Force: opt.force, UID: uid, GID: gid, Memory: opt.inMemory}
	path := opt.write
	if path == "-" {
		to.stream = &stream{w: stdout}
		wopt.Stdout = to.stream
	}
	if opt.last > 0 {
		if to.flight, err = openFlight(opt, uid, gid); err != nil {
			return to, err
		}
		to.flight.signals = dumps
		to.flight.wall = host.Clock[0].Wall - host.Clock[0].Monotonic
		path, wopt.Force = filepath.Join(path, windowName), false
	}
	if to.w, err = format.Create(path, host, wopt); err != nil {
		return to, errors.Join(err, to.flight.undo())
	}
	return to, nil
}

// abort takes back what create made.
func (to destination) abort() error { return errors.Join(to.w.Abort(), to.flight.undo()) }

// A stream is standard output where the capture goes there. A reader that is slow still reads: it is given little at a
// time, so that whoever waits for it can see that.
type stream struct {
	w       io.Writer
	written atomic.Int64
	writing atomic.Bool
}

func (s *stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		m := 0
		s.writing.Store(true)
		m, err = s.w.Write(p[:min(len(p), streamChunk)])
		s.writing.Store(false)
		n, p = n+m, p[m:]
		s.written.Add(int64(m))
	}
	return n, err
}

const streamChunk = 16 << 10

// openFlight makes the directory of a flight recorder. What an earlier one left there unfinished is kept, under names that end
// in -interrupted: its window, and a dump that it was making.
func openFlight(opt *options, uid, gid int) (*flight, error) {
	f := &flight{
		dir: opt.write, memory: opt.inMemory, last: int64(opt.last), after: int64(opt.after), condition: opt.trigger,
		span: max(opt.last.Duration()/windowParts, minSpan),
	}
	switch err := os.Mkdir(f.dir, 0o700); {
	case err == nil:
		f.made = true
		if uid > 0 || gid > 0 {
			if err := os.Lchown(f.dir, uid, gid); err != nil {
				return nil, errors.Join(fmt.Errorf("creating %s: %w", f.dir, err), os.Remove(f.dir))
			}
		}
	case !errors.Is(err, fs.ErrExist) || !opt.force:
		if errors.Is(err, fs.ErrExist) {
			return nil, cli.WithHint(fmt.Errorf("creating %s: %w", f.dir, fs.ErrExist), "choose another path with -w, or go on in this one with --force")
		}
		return nil, fmt.Errorf("creating %s: %w", f.dir, err)
	default:
		if err := f.reopen(); err != nil {
			return nil, fmt.Errorf("going on in %s: %w", f.dir, err)
		}
	}
	return f, nil
}

// reopen makes a directory ready that was there before.
func (f *flight) reopen() error {
	if _, err := os.Lstat(filepath.Join(f.dir, format.ManifestName)); err == nil {
		return fmt.Errorf("%w, and is a capture itself", fs.ErrExist)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		switch unfinished, is := strings.CutSuffix(name, ".new"); {
		case name == windowName:
			info, err := e.Info()
			if err != nil {
				return err
			}
			name = dumpName(info.ModTime(), interrupted)
		case is && dumpNames.MatchString(unfinished):
			name = unfinished + "-" + interrupted
		}
		if name != e.Name() {
			if err := os.Rename(filepath.Join(f.dir, e.Name()), filepath.Join(f.dir, name)); err != nil {
				return err
			}
		}
		if dumpNames.MatchString(name) {
			f.there = append(f.there, name)
		}
	}
	return nil
}

// undo takes back what openFlight made.
func (f *flight) undo() error {
	if f == nil || !f.made {
		return nil
	}
	return os.Remove(f.dir)
}

const interrupted = "interrupted"

// dumpNames are those that dumpName gives, and what becomes of them.
var dumpNames = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-(sigusr2|trigger|end|` + interrupted + `)(-` + interrupted + `)?(` +
	regexp.QuoteMeta(format.RemovedSuffix) + `)?$`)

func dumpName(at time.Time, reason string) string {
	return at.UTC().Format("20060102T150405.000Z") + "-" + reason
}

// due gives what is to be dumped now; rotate asks after each sweep. covering is the generation that would be its last.
func (f *flight) due(covering int) []*request {
	if f == nil {
		return nil
	}
	f.listen()
	if len(f.pending) == 0 {
		return nil
	}
	return f.take(now(unix.CLOCK_MONOTONIC)+f.wall, covering, false)
}

// take gives what is due at t, or all.
func (f *flight) take(t int64, covering int, all bool) (requests []*request) {
	f.pending = slices.DeleteFunc(f.pending, func(q *request) bool {
		if !all && t < q.due {
			return false
		}
		if q.condition != "" {
			f.covered, f.until = covering, t
		}
		requests = append(requests, q)
		return true
	})
	return requests
}

// listen hears signals and triggers.
func (f *flight) listen() {
	select {
	case <-f.signals:
		at := now(unix.CLOCK_MONOTONIC) + f.wall
		f.ask(request{reason: "sigusr2", at: at, due: at + f.after})
	default:
	}
	h, ok := f.hits.take(f.covered)
	if !ok {
		return
	}
	// Dumps for a trigger that fires again and again follow upon each other without a gap, and do not overlap more than they must.
	f.ask(request{reason: "trigger", condition: f.condition, at: h.at, due: max(h.over+f.after, f.until+f.last), more: h.rows - 1})
}

// ask wants a dump. One that is wanted for the same reason already serves for it.
func (f *flight) ask(q request) {
	q.since = q.at - f.last
	for _, p := range f.pending {
		if p.reason == q.reason {
			p.since, p.more = min(p.since, q.since), p.more+q.more+1
			return
		}
	}
	f.pending = append(f.pending, &q)
}

// needed is from when on the window must be kept that ends at to.
func (f *flight) needed(to int64) int64 {
	since := to - f.last - f.after - detects
	for _, q := range f.pending {
		since = min(since, q.since)
	}
	return since
}

// atEnd is what is dumped when the recording ends: what is still waited for, and the window. Without whole the window stays
// where it is.
func (f *flight) atEnd(covering int, whole bool) []*request {
	t := now(unix.CLOCK_MONOTONIC) + f.wall
	f.listen()
	requests := f.take(t, covering, true)
	if whole || f.memory {
		requests = append(requests, &request{reason: "end", at: t, since: t - f.last})
	}
	return requests
}

// A hit is what a trigger found in the batches of a generation.
type hit struct {
	generation int
	at         int64 // of the first event, ns since the Unix epoch
	over       int64 // when it had happened: a call's end
	rows       int
}

func (h *hit) add(o hit) {
	if h.rows == 0 || o.at < h.at {
		h.at, h.over = o.at, o.over
	}
	h.rows += o.rows
}

// hits are what the lanes tell the drain of the trigger.
type hits struct {
	any  atomic.Bool
	mu   sync.Mutex
	list []hit // one of a generation
}

func (h *hits) put(found hit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.any.Store(true)
	for i := range h.list {
		if h.list[i].generation == found.generation {
			h.list[i].add(found)
			return
		}
	}
	h.list = append(h.list, found)
}

// take gives what was found since the last time, without what is in the generations up to covered.
func (h *hits) take(covered int) (all hit, ok bool) {
	if !h.any.Load() {
		return all, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, found := range h.list {
		if found.generation > covered {
			all.add(found)
		}
	}
	h.list = h.list[:0]
	h.any.Store(false)
	return all, all.rows > 0
}

// A dumped is a dump that was made.
type dumped struct {
	Path   string    `json:"path"`
	Reason string    `json:"reason"`
	TS     time.Time `json:"ts"`
	Rows   int64     `json:"rows"`
	Bytes  int64     `json:"bytes"`
	// Removed: newer ones have taken its place.
	Removed bool `json:"removed,omitempty"`
}

// A dumper is the keeper's part: it makes dumps.
type dumper struct {
	dir    string
	keep   int                     // dumps; 0: all
	there  []string                // their names, in any order
	remove func(name string) error // one of them
	stderr io.Writer               // nil: it says nothing
	made   []dumped
	failed []error
	event  func(table string) bool
	tell   func(*format.Manifest, story)
}

// dump makes one, the generations kept being those of the window up to g. A failure is said and kept; the window goes on.
func (d *dumper) dump(k *keeper, q *request, g *generation) {
	first := g
	for _, old := range k.kept {
		if old.to >= q.since {
			first = old
			break
		}
	}
	var m format.Manifest
	var path string
	at := time.Unix(0, q.at)
	for {
		path = filepath.Join(d.dir, dumpName(at, q.reason))
		err := k.w.Dump(path, first.number, g.number, func(draft *format.Manifest) {
			d.tell(draft, g.story)
			draft.Dump = &format.Dump{Reason: q.reason, TS: time.Unix(0, q.at).UTC(), Condition: q.condition}
			if q.more > 0 {
				draft.Notes = append(draft.Notes, fmt.Sprintf("%d more that it could have been dumped for are in it", q.more))
			}
			m = *draft
		})
		if err == nil {
			break
		}
		if errors.Is(err, fs.ErrExist) { // two in one millisecond
			at = at.Add(time.Millisecond)
			continue
		}
		d.failed = append(d.failed, err)
		if d.stderr != nil {
			cli.Warn(d.stderr, "record", err.Error())
		}
		return
	}
	done := dumped{Path: path, Reason: q.reason, TS: time.Unix(0, q.at).UTC()}
	for name, t := range m.Tables {
		if d.event(name) {
			done.Rows += t.Rows
		}
		done.Bytes += t.Bytes
	}
	d.made = append(d.made, done)
	d.there = append(d.there, filepath.Base(path))
	d.prune()
	if d.stderr != nil {
		line := fmt.Sprintf("record: dumped %s (%s events of %s, %s)", term.Escape(path), term.Count(done.Rows),
			term.Duration(m.End.Sub(m.Start).Round(time.Millisecond)), term.Bytes(done.Bytes))
		if term.IsTerminal(d.stderr) {
			line = "\r\x1b[K" + line // over the line of progress
		}
		fmt.Fprintln(d.stderr, line)
	}
}

// prune removes the oldest dumps but as many as are kept, also those of earlier recorders; only then when a newer one is whole. One
// that cannot be removed is said once, and left.
func (d *dumper) prune() {
	if d.keep == 0 {
		return
	}
	slices.Sort(d.there) // they begin with their time
	left := 0
	for _, name := range d.there {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			left++
		}
	}
	d.there = slices.DeleteFunc(d.there, func(name string) bool {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			if left <= d.keep {
				return false
			}
			left--
		}
		err := d.remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			if d.stderr != nil {
				cli.Warn(d.stderr, "record", err.Error())
			}
			return true
		}
		for i := range d.made {
			if filepath.Base(d.made[i].Path) == name {
				d.made[i].Removed = true
			}
		}
		return true
	})
}
