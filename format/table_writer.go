// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
)

const (
	defaultSegmentBytes = 64 << 20
	tarSegmentBytes     = 4 << 20
	// maxSegmentBatches keeps the footer well below maxFooter, where batches do
	// not say their segment. A generation may have forty times as many of a
	// table; beyond, its footer is not read, and it is all there but not complete.
	maxSegmentBatches = 1 << 16
)

// tableWriter writes one table.
type tableWriter struct {
	name string

	mu         sync.Mutex // of what is until the empty line
	encoder    *encoder
	metadata   []string      // metadata of every segment
	number     int           // of the last segment
	generation int           // of the last segment; number, unless batches say
	file       segmentWriter // nil between segments
	segment    *segmentInfo  // that file is
	batches    []location    // in file
	err        error         // the write that failed; nothing is written after it

	// Of Writer.mu.
	segments   []*segmentInfo // that are written and not dropped
	flushed    totals         // of segments of a tar, which are not in segments
	brokenFrom int            // the first generation of which err kept something out; 0 none
}

// segmentInfo is a segment that is there. All but the numbers is of Writer.mu.
type segmentInfo struct {
	number, generation int
	began              int64 // when the generation did, in ns since the Unix epoch; 0 unknown
	totals
	open     bool // being written
	complete bool // has its footer
	unsynced bool // was written to since Sync
	dumps    int  // that read it
	dropped  bool // to be removed when the last of dumps is done
}

// begin begins a segment of t, of generation n unless that is 0.
func (w *Writer) begin(t *tableWriter, n int) {
	if t.err != nil {
		return
	}
	number := t.number + 1
	if n > 0 && !w.destination.buffered() {
		number = n
	}
	file, err := w.destination.createSegment(t.name, number)
	if err != nil {
		t.err = err
		return
	}
	t.file, t.number, t.generation = file, number, cmp.Or(n, number)
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
		// The manifest of a recording that was killed cannot say from when on the
		// capture still has everything.
		t.encoder.metadata = append(slices.Clip(t.metadata), metadataStart, strconv.FormatInt(t.segment.began, 10))
	}
	w.write(t, t.encoder.start())
}

// write appends p to the segment of t, all of it or nothing.
func (w *Writer) write(t *tableWriter, p []byte) {
	if t.err != nil {
		return
	}
	if _, t.err = t.file.Write(p); t.err != nil {
		// Not needed to read what is before, so it may fail.
		t.file.Truncate(t.segment.bytes)
		return
	}
	w.mu.Lock()
	t.segment.bytes += int64(len(p))
	t.segment.unsynced = true
	if g := w.generations[t.segment.generation]; g != nil {
		g.bytes += int64(len(p))
	}
	w.mu.Unlock()
	w.written.Add(int64(len(p)))
}

// count takes the batch that was written last into account.
func (w *Writer) count(t *tableWriter, b *Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := t.segment
	s.rows += int64(b.Rows)
	// A name may have been announced after the generation that it is written into had ended.
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

// finish ends the segment of t, if it has one. After an error it is left
// without footer, which Open takes for what it is.
func (w *Writer) finish(t *tableWriter) {
	if t.file == nil {
		return
	}
	if t.err == nil {
		w.write(t, t.encoder.end(t.batches))
	}
	whole := t.err == nil
	err := t.file.Close()
	t.err = cmp.Or(t.err, err)
	w.mu.Lock()
	t.segment.open, t.segment.complete = false, whole && err == nil
	if w.destination.buffered() {
		t.segments = t.segments[:0]
		if err == nil {
			t.flushed.add(t.segment.totals)
		}
	}
	w.mu.Unlock()
	t.file, t.segment, t.batches = nil, nil, t.batches[:0]
}
