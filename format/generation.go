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

// generation is what the tables have in common in one generation.
type generation struct {
	began int64 // ns since the Unix epoch
	bytes int64
}

// Bytes returns the bytes that a generation has so far, in all tables; 0 when it
// is finished.
func (w *Writer) Bytes(segment int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.generations[segment]; g != nil {
		return g.bytes
	}
	return 0
}

// checkGeneration returns an error if table t cannot go on in generation n.
func (w *Writer) checkGeneration(t *tableWriter, n int) error {
	w.mu.Lock()
	finished := w.finishedGeneration
	w.mu.Unlock()
	switch {
	case n == 0:
		return nil
	case n < t.generation, n <= finished, n == t.generation && t.file == nil && !w.destination.buffered():
		return fmt.Errorf("a batch of segment %d after segment %d was finished", n, max(t.generation, finished))
	}
	return nil
}

// Finish ends the segments of the generations up to and with segment, in all
// tables: with their footers they are what every Arrow reader opens.
func (w *Writer) Finish(segment int) error {
	w.mu.Lock()
	w.finishedGeneration = max(w.finishedGeneration, segment)
	w.mu.Unlock()
	err := w.finishAll(segment, nil)
	w.mu.Lock()
	maps.DeleteFunc(w.generations, func(n int, _ *generation) bool { return n <= segment })
	w.mu.Unlock()
	return err
}

// tableSegment is a segment and its table.
type tableSegment struct {
	*segmentInfo
	table *tableWriter
}

// segmentsBetween returns the finished segments of the generations from..to, by
// generation, in each the names before the events. w.mu is held.
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
		return cmp.Or(cmp.Compare(a.generation, b.generation), rank(a)-rank(b), strings.Compare(a.table.name, b.table.name))
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

// startOf returns when the first of the generations began that segments are of.
// w.mu is held.
func (w *Writer) startOf(segments []tableSegment) time.Time {
	began := int64(math.MaxInt64)
	for _, s := range segments {
		began = min(began, s.began)
	}
	if began == 0 || began == math.MaxInt64 {
		return w.manifest.Start
	}
	return time.Unix(0, began).UTC()
}

// Drop removes the generations up to and with segment, which must be finished,
// of all tables: the oldest first, and in each the events before the names that
// they refer to, so that no moment has events without them. On an error what
// could not be removed still counts as there, and the next Drop tries again.
func (w *Writer) Drop(segment int) error {
	if err := w.drop(segment); err != nil {
		return fmt.Errorf("removing the segments up to %d: %w", segment, err)
	}
	return nil
}

func (w *Writer) drop(generation int) error {
	w.mu.Lock()
	segments, err := w.segmentsBetween(0, generation)
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

// dropSegment takes a segment out of the capture, and removes it unless a dump needs
// it, which then does so.
func (w *Writer) dropSegment(s tableSegment) error {
	w.mu.Lock()
	at := slices.Index(s.table.segments, s.segmentInfo)
	if at >= 0 {
		s.table.segments = slices.Delete(s.table.segments, at, at+1)
		s.dropped = true
	}
	now := at >= 0 && s.dumps == 0
	w.mu.Unlock()
	if !now {
		return nil
	}
	return w.removeSegment(s)
}

// removeSegment removes a segment that was taken out, or brings it back.
func (w *Writer) removeSegment(s tableSegment) error {
	err := w.destination.removeSegment(s.table.name, s.number)
	if err != nil {
		w.mu.Lock()
		s.dropped = false
		at, _ := slices.BinarySearchFunc(s.table.segments, s.number, func(o *segmentInfo, n int) int { return o.number - n })
		s.table.segments = slices.Insert(s.table.segments, at, s.segmentInfo)
		w.mu.Unlock()
	}
	return err
}
