// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Interval is a part of the time that a recording took.
type Interval struct{ From, To time.Time }

// SameRecording reports whether two captures are of the same recording: copies,
// dumps or other parts of it. The id tells. Captures before version 1.2 have none:
// they must be of the same boot and begin at the same reading of the clock, and have
// segments in common that look the same.
func SameRecording(a, b *Capture) bool {
	if a.Manifest.ID != "" || b.Manifest.ID != "" {
		return a.Manifest.ID == b.Manifest.ID
	}
	if a.Manifest.BootID == "" || a.Manifest.BootID != b.Manifest.BootID || len(a.Manifest.Clock) == 0 ||
		len(b.Manifest.Clock) == 0 || a.Manifest.Clock[0] != b.Manifest.Clock[0] {
		return false
	}
	common := 0
	for _, t := range a.tables {
		other := b.Table(t.Schema.Table)
		if other == nil {
			continue
		}
		for i := range t.Segments {
			s := &t.Segments[i]
			at := slices.IndexFunc(other.Segments, func(o Segment) bool { return number(o.Name) == number(s.Name) })
			if at < 0 {
				continue
			}
			if !looksLike(s, &other.Segments[at]) {
				return false
			}
			common++
		}
	}
	return common > 0
}

// looksLike reports whether one segment has the batches of the other, and maybe more
// if that is not finished.
func looksLike(a, b *Segment) bool {
	n := min(len(a.Blocks), len(b.Blocks))
	if a.Complete && b.Complete && (a.Bytes != b.Bytes || len(a.Blocks) != len(b.Blocks)) {
		return false
	}
	return slices.EqualFunc(a.Blocks[:n], b.Blocks[:n], func(a, b Block) bool {
		return a.Rows == b.Rows && a.MinTS == b.MinTS && a.MaxTS == b.MaxTS && a.at == b.at
	})
}

// number is the number of a segment without leading zeros.
func number(name string) string {
	_, base, _ := strings.Cut(name, "/")
	return strings.TrimLeft(strings.TrimSuffix(base, ".arrow"), "0")
}

// Union makes one capture of several of the same recording, such as overlapping
// dumps or a copy: a segment that several of them have, which is one of the same
// table and number, is in it once. If they differ, because one is a part of another,
// it is the one with the most rows. The manifest is that of all of them: from the
// first start to the last end. Close closes them.
func Union(captures ...*Capture) *Capture {
	if len(captures) == 1 {
		return captures[0]
	}
	u := &Capture{Manifest: unionManifest(captures), parts: captures}
	var paths []string
	for _, c := range captures {
		paths = append(paths, c.Path)
		for _, damage := range c.damage {
			u.damage = append(u.damage, fmt.Errorf("%s: %w", c.Path, damage))
		}
	}
	u.Path = strings.Join(paths, ", ")
	u.close = func() error {
		var errs []error
		for _, c := range captures {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	u.unionTables(captures)
	u.unionLosses(captures)
	return u
}

// unionTables sets the tables of u to the segments of all captures.
func (u *Capture) unionTables(captures []*Capture) {
	type segment struct {
		*Segment
		of     *Capture
		number string
	}
	found := map[string]map[string]segment{} // by table and number
	for _, c := range captures {
		for _, t := range c.tables {
			if found[t.Schema.Table] == nil {
				found[t.Schema.Table] = map[string]segment{}
			}
			for i := range t.Segments {
				s := segment{&t.Segments[i], c, number(t.Segments[i].Name)}
				known, ok := found[t.Schema.Table][s.number]
				if ok && s.Complete && known.Complete && s.Rows != known.Rows {
					u.damage = append(u.damage, fmt.Errorf(
						"segment %s: %d rows in %s, %d in %s: it is read where it has more",
						s.Name, known.Rows, known.of.Path, s.Rows, c.Path))
				}
				if !ok || s.Rows > known.Rows || s.Rows == known.Rows && s.Complete && !known.Complete {
					found[t.Schema.Table][s.number] = s
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		t := &Table{}
		segments := slices.SortedFunc(maps.Values(found[name]), func(a, b segment) int {
			return cmp.Or(cmp.Compare(len(a.number), len(b.number)), strings.Compare(a.number, b.number))
		})
		for _, s := range segments {
			s := *s.Segment
			s.Blocks = slices.Clone(s.Blocks)
			t.addSegment(s)
		}
		if t.Schema != nil {
			u.tables = append(u.tables, t)
		}
	}
}

// unionLosses sets the sizes of the tables of u.
func (u *Capture) unionLosses(captures []*Capture) {
	lost := u.countLost()
	beyond := map[string]int64{} // losses that are in no row, because that could not be written either
	for _, c := range captures {
		counted := c.countLost()
		for name, info := range c.Manifest.Tables {
			beyond[name] = max(beyond[name], info.Lost-counted[name])
		}
	}
	u.Manifest.Tables = map[string]TableInfo{}
	for name, n := range beyond {
		u.Manifest.Tables[name] = TableInfo{Lost: lost[name] + min(n, math.MaxInt64-lost[name])}
	}
	for _, t := range u.tables {
		info := u.Manifest.Tables[t.Schema.Table]
		u.Manifest.Tables[t.Schema.Table] = TableInfo{Rows: t.Rows, Lost: info.Lost, Bytes: t.Bytes,
			Segments: len(t.Segments)}
	}
}

// Intervals returns the times that the capture covers, in order: from its start to its
// end, or those of the parts of a Union that do not follow each other. There are none
// if start or end is unknown.
func (c *Capture) Intervals() (intervals []Interval) {
	parts := c.parts
	if parts == nil {
		parts = []*Capture{c}
	}
	for _, p := range parts {
		if m := &p.Manifest; !m.Start.IsZero() && m.End.After(m.Start) {
			intervals = append(intervals, Interval{m.Start, m.End})
		}
	}
	slices.SortFunc(intervals, func(a, b Interval) int { return a.From.Compare(b.From) })
	n := 0
	for _, i := range intervals {
		if n > 0 && !i.From.After(intervals[n-1].To) {
			if i.To.After(intervals[n-1].To) {
				intervals[n-1].To = i.To
			}
			continue
		}
		intervals[n] = i
		n++
	}
	return intervals[:n]
}

// unionManifest returns the manifest of several captures of one recording, without
// the sizes of tables.
func unionManifest(captures []*Capture) Manifest {
	byEnd := func(a, b *Capture) int { return a.Manifest.End.Compare(b.Manifest.End) }
	m := slices.MaxFunc(captures, byEnd).Manifest // it has most of the clock and of the changes
	m.Complete, m.Dump, m.SHA256, m.Checksum, m.Changes, m.Notes = true, nil, nil, "", nil, nil
	for _, c := range captures {
		o := &c.Manifest
		m.Complete = m.Complete && o.Complete
		if !o.Start.IsZero() && (m.Start.IsZero() || o.Start.Before(m.Start)) {
			m.Start = o.Start
		}
		if m.ExitStatus == nil {
			m.ExitStatus = o.ExitStatus
		}
		if m.Selection == nil {
			m.Selection = o.Selection
		}
		if m.Derived == nil {
			m.Derived = o.Derived
		}
		for _, change := range o.Changes {
			if !slices.Contains(m.Changes, change) {
				m.Changes = append(m.Changes, change)
			}
		}
		for _, note := range o.Notes {
			if !slices.Contains(m.Notes, note) {
				m.Notes = append(m.Notes, note)
			}
		}
	}
	slices.SortStableFunc(m.Changes, func(a, b Change) int { return a.TS.Compare(b.TS) })
	return m
}
