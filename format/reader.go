// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Capture is an open capture. Its methods are safe for concurrent use.
type Capture struct {
	// Manifest is capture.json. When the recording was never finished, or the
	// capture holds other rows than the manifest says, Complete is false, and
	// Tables and End are what the segments and the loss table show.
	Manifest Manifest
	Path     string // as given to Open

	tables []*Table
	damage []error
	close  func() error
}

// Table is one table of a capture.
type Table struct {
	Schema   *Schema
	Segments []Segment // in the order they were written
	Rows     int64     // of all segments
	Bytes    int64     // of all segments
}

// Open opens the capture at path: a directory, a tar, or "-", which is a tar on
// standard input. A capture that was never finished, or was cut off, opens with
// the record batches that are whole; see Manifest and Damage.
// Errors are ErrNotCapture, ErrVersion, ErrCorrupt or those of the file system.
func Open(path string) (*Capture, error) {
	if path == "-" {
		return OpenStream(os.Stdin)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		return openCaptureDirectory(path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: neither a directory nor a file", ErrNotCapture)
	default:
		return openTarFile(path)
	}
	return nil, fmt.Errorf("opening capture %s: %w", path, err)
}

// segmentFile is a segment in a directory or a tar.
type segmentFile struct {
	table, number string
	name          string // in the capture
	r             io.ReaderAt
	size          int64
}

// newCapture puts a capture together of its capture.json, nil when there is
// none, and its segments. It owns closer, and calls it on an error.
func newCapture(path string, manifest []byte, entries []segmentFile, damage []error, closer func() error) (*Capture, error) {
	c := &Capture{Path: path, damage: damage, close: closer}
	if err := c.load(manifest, entries); err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return c, nil
}

func (c *Capture) load(manifest []byte, entries []segmentFile) error {
	if !littleEndian {
		return fmt.Errorf("on a big-endian machine: %w", errors.ErrUnsupported)
	}
	m, manifestErr := parseManifest(manifest)
	if errors.Is(manifestErr, ErrVersion) || manifestErr != nil && len(entries) == 0 {
		return manifestErr
	}
	c.Manifest = m
	slices.SortFunc(entries, func(a, b segmentFile) int {
		return cmp.Or(strings.Compare(a.table, b.table), len(a.number)-len(b.number), strings.Compare(a.number, b.number))
	})
	var described map[string]string
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].table == entries[0].table {
			n++
		}
		t := &Table{}
		for _, e := range entries[:n] {
			s := readSegment(e.r, e.size, e.name, e.table)
			if s.schema != nil {
				if v, err := parseVersion(s.schema.metadata["fletch.format"]); err == nil && v.check() != nil {
					return v.check()
				}
				if described == nil {
					described = s.schema.metadata
				}
			}
			t.addSegment(s)
		}
		// A table of which there is not even the schema cannot be shown.
		if t.Schema != nil {
			t.dropUndecodable()
			c.tables = append(c.tables, t)
		} else {
			for _, s := range t.Segments {
				if s.Damage != nil {
					c.damage = append(c.damage, s.Damage)
				}
			}
		}
		entries = entries[n:]
	}
	if manifestErr != nil {
		c.damage = append(c.damage, manifestErr)
		// Each segment says of the host what the manifest would.
		c.Manifest.Host, c.Manifest.BootID = described["fletch.host"], described["fletch.boot_id"]
		c.Manifest.Kernel, c.Manifest.Arch = described["fletch.kernel"], described["fletch.arch"]
		c.Manifest.Format, _ = parseVersion(described["fletch.format"])
	}
	c.reconcileManifest()
	return nil
}

// addSegment appends a segment, which must have the columns of those before.
func (t *Table) addSegment(s Segment) {
	if s.schema != nil {
		if t.Schema == nil {
			t.Schema = &s.schema.Schema
		}
		if !s.schema.equal(t.Schema) {
			s.Damage = fmt.Errorf("segment %s: %w: other columns than the segments before", s.Name, ErrCorrupt)
			s.Blocks, s.Rows, s.Complete = nil, 0, false
		}
	}
	for i := range s.Blocks {
		s.Blocks[i].Segment = len(t.Segments)
	}
	t.Segments = append(t.Segments, s)
	t.Rows += s.Rows
	t.Bytes += s.Bytes
}

// dropUndecodable drops blocks that cannot be decoded from the end of segments that were
// not finished: after a loss of power a file can be longer than what of it had
// reached the disk.
func (t *Table) dropUndecodable() {
	var b Batch
	for i := range t.Segments {
		s := &t.Segments[i]
		for !s.Complete && len(s.Blocks) > 0 {
			last := len(s.Blocks) - 1
			err := t.Read(&b, s.Blocks[last], nil)
			if err == nil {
				break
			}
			s.Damage = err
			s.Rows -= int64(s.Blocks[last].Rows)
			t.Rows -= int64(s.Blocks[last].Rows)
			s.Blocks = s.Blocks[:last]
		}
	}
}

// reconcileManifest compares the manifest with what is there, and if that is not all of a
// finished recording, makes the manifest say what is.
func (c *Capture) reconcileManifest() {
	m := &c.Manifest
	if m.Complete {
		for _, t := range c.tables {
			for _, s := range t.Segments {
				m.Complete = m.Complete && s.Complete
			}
		}
		for name, rows := range c.rowCounts() {
			if has := m.Tables[name].Rows; has != rows {
				m.Complete = false
				c.damage = append(c.damage, fmt.Errorf("table %s: %w: %d rows, %d when it was recorded", name, ErrCorrupt, rows, has))
			}
		}
	}
	if m.Complete {
		return
	}
	lost := c.countLost()
	tables := map[string]TableInfo{}
	for name, info := range m.Tables {
		// The recorder may have known of losses that it could not write down.
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
		m.Tables[t.Schema.Table] = TableInfo{Rows: t.Rows, Lost: lost[t.Schema.Table], Bytes: t.Bytes, Segments: len(t.Segments)}
		for _, s := range t.Segments {
			for _, b := range s.Blocks {
				if b.MinTS != 0 || b.MaxTS != 0 {
					first, last = min(first, b.MinTS), max(last, b.MaxTS)
				}
			}
		}
	}
	if kept := c.oldestGenerationStart(); kept.After(m.Start) {
		m.Start = kept
	}
	m.End = time.Time{}
	if first <= last {
		m.End = time.Unix(0, last).UTC()
		if m.Start.IsZero() {
			m.Start = time.Unix(0, first).UTC()
		}
	}
}

// oldestGenerationStart returns when the oldest generation began that is still there; the zero
// time when the segments do not say it.
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

// rowCounts returns the rows that are there, for each table there or in the manifest.
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

// countLost adds up the loss table, as far as it can be read.
func (c *Capture) countLost() map[string]int64 {
	lost := map[string]int64{}
	t := c.Table(LossSchema.Table)
	if t == nil || t.Schema.Check(Column{"family", String}, Column{"count", Int64}) != nil {
		return lost
	}
	err := t.Scan(context.Background(), []string{"family", "count"}, 1, func(_ int, b *Batch) error {
		addLost(lost, b)
		return nil
	})
	if err != nil {
		c.damage = append(c.damage, err)
	}
	return lost
}

// addLost adds a batch of the loss table to the counts by family.
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

// Close releases the files of the capture. Nothing of it can be read after.
func (c *Capture) Close() error { return c.close() }

// Tables returns the tables that are there, sorted by name.
func (c *Capture) Tables() []*Table { return c.tables }

// Table returns the table called name, nil when it is not there.
func (c *Capture) Table(name string) *Table {
	for _, t := range c.tables {
		if t.Schema.Table == name {
			return t
		}
	}
	return nil
}

// Lost returns how many events of each family were lost; families that lost
// none are not in it.
func (c *Capture) Lost() map[string]int64 {
	lost := map[string]int64{}
	for name, t := range c.Manifest.Tables {
		if t.Lost > 0 {
			lost[name] = t.Lost
		}
	}
	return lost
}

// Damage returns what is wrong with the capture beyond being unfinished: a
// manifest that is missing or at odds with the segments, segments that end in
// what is no record batch. Nothing of it keeps the rest from being read.
func (c *Capture) Damage() []error {
	damage := slices.Clone(c.damage)
	for _, t := range c.tables {
		for _, s := range t.Segments {
			if s.Damage != nil {
				damage = append(damage, s.Damage)
			}
		}
	}
	return damage
}

// Blocks returns the record batches of all segments, in order.
func (t *Table) Blocks() []Block {
	var blocks []Block
	for _, s := range t.Segments {
		blocks = append(blocks, s.Blocks...)
	}
	return blocks
}

// projection is some of a table's columns, in the table's order.
type projection struct {
	schema *Schema
	index  []int // of schema.Columns in the table
}

func (t *Table) project(columns []string) projection {
	p := projection{schema: t.Schema}
	for i, c := range t.Schema.Columns {
		if columns == nil || slices.Contains(columns, c.Name) {
			p.index = append(p.index, i)
		}
	}
	if len(p.index) < len(t.Schema.Columns) {
		p.schema = &Schema{Table: t.Schema.Table, Columns: make([]Column, len(p.index))}
		for i, from := range p.index {
			p.schema.Columns[i] = t.Schema.Columns[from]
		}
	}
	return p
}

// Read decodes one block into dst, whose memory it reuses: the columns named,
// nil being all, in the order they have in the table. dst.Schema becomes the
// schema of just these; a name that the table lacks is left out. Several Reads
// may run at once. On an error, ErrCorrupt or the file's, dst is empty.
func (t *Table) Read(dst *Batch, b Block, columns []string) error {
	p := t.project(columns)
	if dst.Schema != nil && dst.Schema.equal(p.schema) {
		p.schema = dst.Schema
	}
	return t.read(dst, b, p, make([]layout, len(p.index)))
}

func (t *Table) read(dst *Batch, b Block, p projection, where []layout) error {
	dst.setSchema(p.schema)
	if b.Segment < 0 || b.Segment >= len(t.Segments) || t.Segments[b.Segment].schema == nil || b.at.metadata < 8 {
		return fmt.Errorf("reading table %s: a block of another table", t.Schema.Table)
	}
	s := &t.Segments[b.Segment]
	for i, from := range p.index {
		where[i] = s.schema.layouts[from]
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	if err := d.decode(s.r, b.at, where, dst); err != nil {
		dst.Reset()
		return fmt.Errorf("reading segment %s: batch at %d: %w", s.Name, b.at.offset, corrupt(err))
	}
	return nil
}

// Scan reads all blocks, as Read does, and calls fn with each. It runs workers
// (0 is GOMAXPROCS) at once, each with one batch that it reuses: b is valid
// until fn returns. worker, in [0, workers), says which; calls of the same
// worker never overlap. With one worker blocks come in order. The first error,
// of a block or of fn, or the end of ctx, stops the scan and is returned.
func (t *Table) Scan(ctx context.Context, columns []string, workers int, fn func(worker int, b *Batch) error) error {
	blocks := t.Blocks()
	p := t.project(columns)
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, len(blocks))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	work := func(worker int) {
		var b Batch
		where := make([]layout, len(p.index))
		for ctx.Err() == nil {
			i := next.Add(1) - 1
			if i >= int64(len(blocks)) {
				return
			}
			err := t.read(&b, blocks[i], p, where)
			if err == nil {
				err = fn(worker, &b)
			}
			if err != nil {
				cancel(err)
			}
		}
	}
	if workers == 1 {
		work(0)
	} else {
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() { work(worker) })
		}
		wg.Wait()
	}
	return context.Cause(ctx)
}
