// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// generation is a generation that is being written, in all tables.
type generation struct {
	began   int64 // ns since the Unix epoch
	bytes   int64
	batches int // of the table that has the most
}

// Bytes returns the size of a generation so far, in all tables, in bytes; 0 when it
// is finished.
func (w *Writer) Bytes(generation int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.generations[generation]; g != nil {
		return g.bytes
	}
	return 0
}

// Batches returns how many batches the table has that has the most of a generation so
// far; 0 when it is finished. Where each of them is is kept until then, for the footer.
func (w *Writer) Batches(generation int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.generations[generation]; g != nil {
		return g.batches
	}
	return 0
}

// checkGeneration returns an error if a batch of generation n cannot be appended to
// table t.
func (w *Writer) checkGeneration(t *tableWriter, n int) error {
	w.mu.Lock()
	finished := w.finishedGeneration
	w.mu.Unlock()
	switch {
	case n == 0:
		return nil
	case n < t.generation, n <= finished, n == t.generation && t.file == nil && !w.destination.buffered():
		return fmt.Errorf("a batch of generation %d after generation %d was finished", n, max(t.generation, finished))
	}
	return nil
}

// Finish finishes the segments of all generations up to and including last, in all
// tables. They get their footers, with which every Arrow reader opens them.
func (w *Writer) Finish(last int) error {
	w.mu.Lock()
	w.finishedGeneration = max(w.finishedGeneration, last)
	w.mu.Unlock()
	err := w.finishAll(last, nil)
	w.mu.Lock()
	maps.DeleteFunc(w.generations, func(n int, _ *generation) bool { return n <= last })
	if w.opt.NeverDrops {
		w.forgetFinished(last)
	}
	w.mu.Unlock()
	return err
}

// forgetFinished keeps no more than the totals of the generations up to last, except of
// segments that are still to be synced. w.mu must be held.
func (w *Writer) forgetFinished(last int) {
	for _, t := range w.tables {
		t.segments = slices.DeleteFunc(t.segments, func(s *segmentInfo) bool {
			if s.generation > last || s.open || s.unsynced && w.syncing {
				return false
			}
			t.flushed.add(s.totals)
			t.lastForgotten = max(t.lastForgotten, s.number)
			w.forgot = true
			return true
		})
	}
}

// tableSegment is a segment and its table.
type tableSegment struct {
	*segmentInfo
	table *tableWriter
}

// segmentsBetween returns the finished segments of the generations from..to, in
// order of generations, and in each the dimension tables before the events that
// refer to them. w.mu must be held.
func (w *Writer) segmentsBetween(from, to int) ([]tableSegment, error) {
	var segments []tableSegment
	for _, t := range w.tables {
		for _, s := range t.segments {
			if s.generation >= from && s.generation <= to {
				segments = append(segments, tableSegment{s, t})
			}
		}
	}
	rank := func(p tableSegment) int {
		if p.table.encoder.schema.Event() {
			return 1
		}
		return 0
	}
	slices.SortFunc(segments, func(a, b tableSegment) int {
		byTable := cmp.Or(rank(a)-rank(b), strings.Compare(a.table.name, b.table.name))
		return cmp.Or(cmp.Compare(a.generation, b.generation), byTable)
	})
	for _, s := range segments {
		if s.open {
			return nil, fmt.Errorf("segment %s is still being written", segmentPath(s.table.name, s.number))
		}
	}
	if w.destination.buffered() {
		return nil, errTarNotRewritable
	}
	return segments, nil
}

// startOf returns when the oldest generation of the segments began; if that is
// unknown, the start of the capture. w.mu must be held.
func (w *Writer) startOf(segments []tableSegment) time.Time {
	began := int64(math.MaxInt64)
	for _, s := range segments {
		began = min(began, s.began)
	}
	if began == 0 || began == math.MaxInt64 || w.forgot {
		return w.manifest.Start
	}
	return time.Unix(0, began).UTC()
}

// Drop removes all generations up to and including last, which must be finished,
// from all tables: the oldest first, and in each the events before the rows of
// dimension tables that they refer to, so that these exist as long as the events.
// Segments that could not be removed remain part of the capture, and the next Drop
// tries again.
func (w *Writer) Drop(last int) error {
	if err := w.drop(last); err != nil {
		return fmt.Errorf("removing the generations up to %d: %w", last, err)
	}
	return nil
}

func (w *Writer) drop(last int) error {
	w.mu.Lock()
	segments, err := w.segmentsBetween(0, last)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	for len(segments) > 0 {
		n := 1 // of the oldest generation
		for n < len(segments) && segments[n].generation == segments[0].generation {
			n++
		}
		for _, s := range slices.Backward(segments[:n]) {
			if err := w.dropSegment(s); err != nil {
				return err
			}
		}
		segments = segments[n:]
	}
	return nil
}

// dropSegment takes a segment out of the capture, and removes it, unless a Dump is
// reading it: then endDump removes it.
func (w *Writer) dropSegment(s tableSegment) error {
	w.mu.Lock()
	at := slices.Index(s.table.segments, s.segmentInfo)
	if at >= 0 {
		s.table.segments = slices.Delete(s.table.segments, at, at+1)
		s.dropped = true
		w.dropChecksum(s.table, s.number)
	}
	removable := at >= 0 && s.dumps == 0
	w.mu.Unlock()
	if !removable {
		return nil
	}
	return w.removeSegment(s)
}

// removeSegment removes a segment that was taken out of the capture, or puts it
// back if it cannot be removed.
func (w *Writer) removeSegment(s tableSegment) error {
	err := w.destination.removeSegment(s.table.name, s.number)
	if err != nil {
		w.mu.Lock()
		s.dropped = false
		byNumber := func(o *segmentInfo, n int) int { return o.number - n }
		at, _ := slices.BinarySearchFunc(s.table.segments, s.number, byNumber)
		s.table.segments = slices.Insert(s.table.segments, at, s.segmentInfo)
		w.mu.Unlock()
	}
	return err
}
