// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// reconcileManifest compares the manifest with the segments. Unless the recording
// was finished and all segments are there, it computes Tables, Start and End from
// the segments and the loss table.
func (c *Capture) reconcileManifest() {
	m := &c.Manifest
	if m.Complete {
		for _, t := range c.tables {
			for _, s := range t.Segments {
				m.Complete = m.Complete && s.Complete
			}
		}
		for name, rows := range c.rowCounts() {
			if recorded := m.Tables[name].Rows; recorded != rows {
				m.Complete = false
				err := fmt.Errorf("table %s: %w: %d rows, %d when it was recorded", name, ErrCorrupt, rows, recorded)
				c.damage = append(c.damage, err)
			}
		}
	}
	if m.Complete {
		return
	}
	lost := c.countLost()
	tables := map[string]TableInfo{}
	for name, info := range m.Tables {
		// The recorder may have counted losses whose rows it could not write.
		lost[name] = max(lost[name], info.Lost)
		tables[name] = TableInfo{}
	}
	m.Tables = tables
	for name, n := range lost {
		if n > 0 {
			m.Tables[name] = TableInfo{Lost: n}
		}
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, t := range c.tables {
		name := t.Schema.Table
		m.Tables[name] = TableInfo{Rows: t.Rows, Lost: lost[name], Bytes: t.Bytes, Segments: len(t.Segments)}
		for _, s := range t.Segments {
			for _, b := range s.Blocks {
				if b.MinTS != 0 || b.MaxTS != 0 {
					first, last = min(first, b.MinTS), max(last, b.MaxTS)
				}
			}
		}
	}
	if start := c.oldestGenerationStart(); start.After(m.Start) {
		m.Start = start
	}
	m.End = time.Time{}
	if first <= last {
		m.End = time.Unix(0, last).UTC()
		if m.Start.IsZero() {
			m.Start = time.Unix(0, first).UTC()
		}
	}
}

// oldestGenerationStart returns when the oldest generation began that was not
// dropped; the zero time if a segment has no generation.
func (c *Capture) oldestGenerationStart() time.Time {
	least := int64(math.MaxInt64)
	for _, t := range c.tables {
		for _, s := range t.Segments {
			if s.schema == nil {
				continue
			}
			ns, err := strconv.ParseInt(s.schema.metadata[metadataStart], 10, 64)
			if err != nil {
				return time.Time{}
			}
			least = min(least, ns)
		}
	}
	if least == math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, least).UTC()
}

// rowCounts returns the number of rows that the segments have, for each table that
// has segments or is in the manifest.
func (c *Capture) rowCounts() map[string]int64 {
	rows := map[string]int64{}
	for name := range c.Manifest.Tables {
		rows[name] = 0
	}
	for _, t := range c.tables {
		rows[t.Schema.Table] = t.Rows
	}
	return rows
}

// countLost returns the sums of the loss table by family, as far as it can be read.
func (c *Capture) countLost() map[string]int64 {
	lost := map[string]int64{}
	t := c.Table(LossSchema.Table)
	if t == nil || t.Schema.Check(Column{"family", String}, Column{"count", Int64}) != nil {
		return lost
	}
	err := t.Scan(context.Background(), []string{"family", "count"}, 1, func(_ int, b *Batch) error {
		addLost(lost, b)
		if len(lost) > maxFamilies {
			return fmt.Errorf("table %s: %w: more than %d families", t.Schema.Table, ErrCorrupt, maxFamilies)
		}
		return nil
	})
	if err != nil {
		c.damage = append(c.damage, err)
	}
	return lost
}

// maxFamilies is the greatest number of families that the loss table of a capture has losses of.
const maxFamilies = 1 << 12

// addLost adds a batch of the loss table to the sums by family.
func addLost(lost map[string]int64, b *Batch) {
	family, count := b.Column("family"), b.Column("count")
	for i, n := range count.I64 {
		name := family.Str.Bytes(i)
		if n > 0 && validName(string(name)) {
			sum := lost[string(name)]
			lost[string(name)] = sum + min(n, math.MaxInt64-sum)
		}
	}
}
