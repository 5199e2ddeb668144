// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// maxChecksums limits the segments of a capture that have a checksum in the
// manifest, to keep that far below maxManifest. The tar of a long recording has more.
const maxChecksums = 1 << 16

// MaxChecksumBytes is about how much memory the checksums of a capture take in its
// Writer, if it has as many segments as can have one.
const MaxChecksumBytes = maxChecksums * 36 * 5 / 4

// sumText returns the SHA-256 of data as hexadecimal digits.
func sumText(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// segmentSum is the checksum of a finished segment. Together they are kept as long as
// the recording lasts, so they are no texts.
type segmentSum struct {
	number int32
	sha256 [sha256.Size]byte
}

func (s segmentSum) compare(number int) int { return int(s.number) - number }

// setChecksum sets the checksum of the last segment of t. w.mu must be held.
func (w *Writer) setChecksum(t *tableWriter, sum []byte) {
	if w.checksums < maxChecksums && t.number <= math.MaxInt32 {
		w.checksums++
		t.checksums = append(t.checksums, segmentSum{int32(t.number), [sha256.Size]byte(sum)})
	}
}

// dropChecksum forgets the checksum of a segment. w.mu must be held.
func (w *Writer) dropChecksum(t *tableWriter, number int) {
	at, found := slices.BinarySearchFunc(t.checksums, number, segmentSum.compare)
	switch {
	case !found:
		return
	case at == 0: // nothing is moved: it is mostly the oldest
		t.checksums = t.checksums[1:]
	default:
		t.checksums = slices.Delete(t.checksums, at, at+1)
	}
	w.checksums--
}

// addChecksum adds the checksum of a segment of t to those of a manifest, if there is
// one. w.mu must be held.
func (t *tableWriter) addChecksum(to map[string]string, number int) {
	if at, found := slices.BinarySearchFunc(t.checksums, number, segmentSum.compare); found {
		to[segmentPath(t.name, number)] = hex.EncodeToString(t.checksums[at].sha256[:])
	}
}

// allChecksums are those of all finished segments, as in Manifest.SHA256.
func (w *Writer) allChecksums() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	sums := make(map[string]string, w.checksums)
	for _, t := range w.tables {
		for _, s := range t.checksums {
			sums[segmentPath(t.name, int(s.number))] = hex.EncodeToString(s.sha256[:])
		}
	}
	return sums
}

// Problem is something in a capture that is not as a recorder leaves it.
type Problem struct {
	Table   string // "": it is about the whole capture
	Segment string // its name in the capture, as syscall/000001.arrow; "": it is about no segment
	Row     int64  // in the segment, from 1; 0: it is about no row
	Text    string // what is wrong; untrusted, as the capture is
}

// Verification is the result of Capture.Verify.
type Verification struct {
	Segments  int // that are as they were written, by their SHA-256 in the manifest
	Unchecked int // that have none there
	Problems  []Problem
}

func (v *Verification) add(table, segment, text string, args ...any) {
	v.Problems = append(v.Problems, Problem{Table: table, Segment: segment, Text: fmt.Sprintf(text, args...)})
}

// Verify checks all that can be told without decoding a row: whether each segment is
// the one that was written, by its SHA-256, whether one is missing or was added, and
// whether manifest, schemas, footers and the tar agree with each other. What a
// recorder leaves that was killed is no problem: see Unfinished. read, which may be
// nil, is called with the number of bytes after each piece that was read.
// The error is that of a file that could not be read, or of ctx.
func (c *Capture) Verify(ctx context.Context, read func(bytes int64)) (*Verification, error) {
	v := &Verification{}
	for _, err := range c.damage {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotCapture) {
			return nil, err
		}
		v.add("", "", "%v", err)
	}
	c.verifyManifest(v)
	if err := c.verifyTar(v); err != nil {
		return nil, err
	}
	for _, t := range c.tables {
		known := map[string]string{}
		for i := range t.Segments {
			s := &t.Segments[i]
			if other, twice := known[number(s.Name)]; twice {
				v.add(t.Schema.Table, s.Name, "has the number of %s", other)
			}
			known[number(s.Name)] = s.Name
			if err := c.verifySegment(ctx, v, t, s, read); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// verifyManifest checks that the manifest does not contradict itself or the segments.
// That the rows of tables are as many as it says is checked when a capture is opened.
func (c *Capture) verifyManifest(v *Verification) {
	m := c.claims
	if m == nil {
		return // which is in c.damage
	}
	if c.manifestErr != nil && m.Checksum == "" && m.Format.Minor >= 2 {
		v.add("", "", "%s has no checksum", ManifestName)
	}
	c.verifyTimes(v, m)
	if id, err := hex.DecodeString(m.ID); m.ID != "" && (err != nil || len(id) != 16) {
		v.add("", "", "%s has the id %q, which is not 128 bits", ManifestName, m.ID)
	}
	files := map[string]bool{}
	for _, t := range c.tables {
		for i := range t.Segments {
			files[t.Segments[i].Name] = true
		}
		if has := m.Tables[t.Schema.Table]; m.Complete && has.Rows == t.Rows &&
			(has.Bytes != t.Bytes || has.Segments != len(t.Segments)) {
			v.add(t.Schema.Table, "", "bytes: %d in segments: %d, but %d in %d when it was recorded",
				t.Bytes, len(t.Segments), has.Bytes, has.Segments)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.SHA256)) {
		if !files[name] {
			table, _, _ := strings.Cut(name, "/")
			v.add(table, name, "is missing")
		}
	}
	lost := c.countLost()
	for name := range m.Tables {
		lost[name] += 0
	}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		// A dump may be of a recording with losses whose rows could not be written.
		has := m.Tables[name].Lost
		if m.Complete && (has < lost[name] || has > lost[name] && m.Dump == nil) {
			v.add(name, "", "lost rows: %d, but %d when it was recorded", lost[name], has)
		}
	}
}

// verifyTimes checks that the times in the manifest do not contradict each other. They
// are all on the scale of the events, which no step of the wall clock changes.
func (c *Capture) verifyTimes(v *Verification, m *Manifest) {
	wrong := func(text string, args ...any) { v.add("", "", ManifestName+" "+text, args...) }
	oldest := c.oldestGenerationStart()
	var clock int64 // when the recording began, if it is known
	if len(m.Clock) > 0 {
		clock = m.Clock[0].Wall
	}
	switch start := m.Start.UnixNano(); {
	case m.Start.IsZero():
		wrong("does not say when the recording began")
	case m.Complete && !oldest.IsZero() && !m.Start.Equal(oldest):
		wrong("has another start than the oldest generation")
	case clock > start:
		wrong("has a start before the first reading of its clock")
	case m.Format.Minor >= 2 && len(m.Clock) == 0:
		wrong("has no reading of its clock")
	case m.Format.Minor >= 2 && oldest.IsZero() && m.Derived == nil && clock != start:
		wrong("has another start than the first reading of its clock")
	case m.Complete && m.End.IsZero():
		wrong("says complete, and not when the recording ended")
	case !m.End.IsZero() && m.End.Before(m.Start):
		wrong("says that the recording ended before it began")
	}
	if !slices.IsSortedFunc(m.Changes, func(a, b Change) int { return a.TS.Compare(b.TS) }) {
		wrong("lists changes that are not in order of time")
	}
	for _, change := range m.Changes {
		// What is noticed after the last event of a dump is in it.
		late := !m.End.IsZero() && m.Dump == nil && m.Derived == nil && change.TS.After(m.End)
		if change.TS.UnixNano() < clock || late {
			wrong("lists a change at %s, which is not in the recording", change.TS.Format(time.RFC3339Nano))
			break
		}
	}
	c.verifyClock(wrong, m)
}

// verifyClock checks the readings of the clocks. The wall clock may be slewed by up to
// an eighth, as chrony does; more is a step or a suspend, which is in the changes.
func (c *Capture) verifyClock(wrong func(text string, args ...any), m *Manifest) {
	moved := slices.ContainsFunc(m.Changes, func(c Change) bool { return c.What != "cpu" })
	for i, r := range m.Clock {
		if first := m.Clock[0]; i > 0 {
			elapsed := float64(r.Monotonic) - float64(first.Monotonic)
			drift := float64(r.Wall) - float64(first.Wall) - elapsed
			switch {
			case r.Monotonic < m.Clock[i-1].Monotonic:
				wrong("has readings of its clock that are not in order")
				return
			case !moved && math.Abs(drift) > float64(time.Second)+elapsed/8:
				wrong("has readings of the wall clock that differ by %v more than those of the other",
					time.Duration(drift).Round(time.Millisecond))
				return
			}
		}
		if r.Monotonic <= 0 || r.Wall <= 0 {
			wrong("has a reading of its clock that is not positive")
			return
		}
	}
}

// verifySegment checks one segment, without its rows.
func (c *Capture) verifySegment(
	ctx context.Context, v *Verification, t *Table, s *Segment, read func(bytes int64),
) error {
	table := t.Schema.Table
	switch {
	case s.Damage != nil && !errors.Is(s.Damage, ErrCorrupt):
		return s.Damage
	case s.Damage != nil:
		v.add(table, s.Name, "%s", strings.TrimPrefix(s.Damage.Error(), "segment "+s.Name+": "))
	case !s.Complete && c.claims != nil && c.claims.Complete:
		v.add(table, s.Name, "ends early")
	}
	if s.schema != nil {
		c.verifyMetadata(v, t, s)
	}
	if s.Complete {
		if err := s.verifyFooter(); err != nil {
			v.add(table, s.Name, "%v", err)
		}
	}
	want := ""
	if c.claims != nil {
		want = c.claims.SHA256[s.Name]
	}
	if want == "" {
		v.Unchecked++
		if err := s.verifyGaps(); err != nil {
			v.add(table, s.Name, "%v", err)
		}
		// A recorder that ended knows each segment that it finished.
		if c.Finished() && s.Complete && c.hasChecksums() {
			v.add(table, s.Name, "is not in %s: it was added", ManifestName)
		}
		return nil
	}
	got, err := s.sum(ctx, read)
	switch {
	case err != nil:
		return fmt.Errorf("segment %s: %w", s.Name, err)
	case got != want:
		v.add(table, s.Name, "was changed: its SHA-256 is %s, not %s", got, want)
	default:
		v.Segments++
	}
	return nil
}

// hasChecksums reports whether the manifest should have the checksum of each finished
// segment.
func (c *Capture) hasChecksums() bool {
	m := c.claims
	return m.Format.Minor >= 2 && len(m.SHA256) < maxChecksums
}

// verifyMetadata compares what the schema of a segment says about its recording with
// the manifest.
func (c *Capture) verifyMetadata(v *Verification, t *Table, s *Segment) {
	m := c.claims
	if m == nil {
		return
	}
	want := m.SchemaMetadata(t.Schema.Table)
	if m.ID == "" {
		want = append(want, metadataRecording, "")
	}
	for i := 0; i < len(want); i += 2 {
		if got := s.schema.metadata[want[i]]; got != want[i+1] {
			v.add(t.Schema.Table, s.Name, "has %s %q, not %q", want[i], got, want[i+1])
		}
	}
}

// sum returns the SHA-256 of the segment.
func (s *Segment) sum(ctx context.Context, read func(bytes int64)) (string, error) {
	h := sha256.New()
	in := io.NewSectionReader(s.r, 0, s.Bytes)
	for ctx.Err() == nil {
		n, err := io.CopyN(h, in, 4<<20)
		if read != nil {
			read(n)
		}
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", context.Cause(ctx)
}

// verifyGaps returns an error unless the bytes of batches that belong to no buffer are
// zeros: no checksum of a frame covers them.
func (s *Segment) verifyGaps() error {
	var header batchHeader
	var buf []byte
	for _, b := range s.Blocks {
		metadata, next, err := s.readMetadata(&buf, b.at.offset)
		if err == nil {
			err = parseBatch(&flatbuffer{b: metadata}, &header)
		}
		if err != nil {
			return fmt.Errorf("batch at %d: %w", b.at.offset, err)
		}
		body := b.at.offset + int64(b.at.metadata)
		used := body
		for _, e := range append(header.buffers, extent{next - body, 0}) {
			zero, err := isZero(s.r, used, body+e.offset)
			if err != nil {
				return err
			}
			if !zero {
				return fmt.Errorf("batch at %d: something between its buffers", b.at.offset)
			}
			used = max(used, body+e.offset+e.length)
		}
	}
	return nil
}

// verifyFooter returns an error unless the footer lists the batches that are there.
// Other programs read them where it says.
func (s *Segment) verifyFooter() error {
	offset, _ := s.readFooter()
	b := make([]byte, s.Bytes-int64(len(magic)+4)-offset)
	if err := readFull(s.r, b, offset); err != nil {
		return err
	}
	f := &flatbuffer{b: b}
	pos, n := f.root().vector(footerBatches, footerBlockSize)
	if n != len(s.Blocks) {
		return fmt.Errorf("batches without rows: %d", n-len(s.Blocks))
	}
	for i := range n {
		at := pos + footerBlockSize*i
		has := location{f.i64(at), f.i32(at + 8), f.i64(at + 16)}
		if f.invalid || has != s.Blocks[i].at {
			return fmt.Errorf("batch %d is at %d, not where the footer says", i+1, s.Blocks[i].at.offset)
		}
	}
	return nil
}
