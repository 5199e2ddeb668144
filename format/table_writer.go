// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"hash"
	"slices"
	"strconv"
	"sync"
)

const (
	defaultSegmentBytes = 64 << 20
	tarSegmentBytes     = 4 << 20
	// maxSegmentBatches limits the batches of a segment, so that its footer stays
	// far below maxFooter. It does not apply to generations, which are one segment
	// each: with more than forty times as many batches readers ignore the footer, so
	// that the segment is readable but not complete.
	maxSegmentBatches = 1 << 16
)

// tableWriter writes one table.
type tableWriter struct {
	name string

	mu         sync.Mutex // protects the fields up to the empty line
	encoder    *encoder
	metadata   []string      // of the schema of every segment
	number     int           // of the last segment
	generation int           // of the last segment; its number, if batches have none
	file       segmentWriter // the segment being written; nil between segments
	segment    *segmentInfo  // of file
	sha256     hash.Hash     // of file
	batches    []location    // in file
	err        error         // the first error of a write; nothing is written after it

	// Protected by Writer.mu.
	segments  []*segmentInfo // neither dropped nor in flushed
	flushed   totals         // of the segments that are already written to a tar, or that nobody drops
	checksums []segmentSum   // of finished segments, by number
	// The number of the last segment that is only in flushed; 0: there is none.
	lastForgotten int
	brokenFrom    int // the first generation that is not complete because of err; 0 if there is none
}

// segmentInfo is a segment of the capture. All but number and generation is
// protected by Writer.mu.
type segmentInfo struct {
	number, generation int
	began              int64 // when the generation began, in ns since the Unix epoch; 0 unknown
	totals
	open     bool // being written
	complete bool // has its footer
	unsynced bool // was written to after the last Sync
	dumps    int  // how many Dumps are reading it
	dropped  bool // no longer part of the capture; the last of these Dumps removes it
}

// begin begins a segment of t, of generation n; 0 means the next number.
func (w *Writer) begin(t *tableWriter, n int) {
	if t.err != nil {
		return
	}
	number := t.number + 1
	if n > 0 && (!w.destination.buffered() || w.opt.WholeSegments) {
		number = n
	}
	file, err := w.destination.createSegment(t.name, number)
	if err != nil {
		t.err = err
		return
	}
	t.file, t.number, t.generation = file, number, cmp.Or(n, number)
	t.sha256.Reset()
	t.segment = &segmentInfo{number: number, generation: t.generation, totals: totals{segments: 1}, open: true}
	w.mu.Lock()
	t.segments = append(t.segments, t.segment)
	if n > 0 {
		if w.generations[n] == nil {
			w.generations[n] = &generation{began: w.latestTS}
		}
		t.segment.began = w.generations[n].began
	}
	w.mu.Unlock()
	t.encoder.metadata = t.metadata
	if t.segment.began > 0 {
		// If the recorder is killed, the manifest does not say which generations were
		// dropped. From this readers know from when on the capture has all events.
		t.encoder.metadata = append(slices.Clip(t.metadata), metadataStart, strconv.FormatInt(t.segment.began, 10))
	}
	w.write(t, t.encoder.start())
}

// write appends p to the segment of t: all of it or nothing.
func (w *Writer) write(t *tableWriter, p []byte) {
	if t.err != nil {
		return
	}
	if _, t.err = t.file.Write(p); t.err != nil {
		// An error here does no harm: readers ignore an incomplete batch at the end.
		t.file.Truncate(t.segment.bytes)
		return
	}
	t.sha256.Write(p)
	w.mu.Lock()
	t.segment.bytes += int64(len(p))
	t.segment.unsynced = true
	if g := w.generations[t.segment.generation]; g != nil {
		g.bytes += int64(len(p))
	}
	w.mu.Unlock()
	w.written.Add(int64(len(p)))
}

// count adds the batch that was written last to the totals.
func (w *Writer) count(t *tableWriter, b *Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := t.segment
	s.rows += int64(b.Rows)
	if g := w.generations[s.generation]; g != nil {
		g.batches = max(g.batches, len(t.batches))
	}
	// Dimension tables do not count: their rows may be newer than the generation
	// that they are written into.
	if h := &t.encoder.header; h.hasTimeRange && b.Schema.Event() {
		s.lastTS = max(s.lastTS, h.maxTS)
		w.latestTS = max(w.latestTS, h.maxTS)
	}
	if t.name == LossSchema.Table && b.Schema.equal(LossSchema) {
		if s.lost == nil {
			s.lost = map[string]int64{}
		}
		addLost(s.lost, b)
	}
}

// finish finishes the segment of t, if it has one. After an error the segment gets
// no footer, so that readers see that it is not complete.
func (w *Writer) finish(t *tableWriter) {
	if t.file == nil {
		return
	}
	if t.err == nil {
		w.write(t, t.encoder.end(t.batches))
	}
	footerWritten := t.err == nil
	err := t.file.Close()
	t.err = cmp.Or(t.err, err)
	w.mu.Lock()
	t.segment.open, t.segment.complete = false, footerWritten && err == nil
	if t.segment.complete {
		w.setChecksum(t, t.sha256.Sum(nil))
	}
	if w.destination.buffered() {
		t.segments = t.segments[:0]
		if err == nil {
			t.flushed.add(t.segment.totals)
		}
	}
	w.mu.Unlock()
	t.file, t.segment, t.batches = nil, nil, t.batches[:0]
}
