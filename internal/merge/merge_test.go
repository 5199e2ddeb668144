// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// blocks is a Source for tests. The bytes of a row are the numbers of its block and of the row, and padding.
type blocks struct {
	ts     [][]int64 // of each row of each block
	width  int       // bytes of a row
	eager  bool      // reads small blocks whole when only their late rows are asked for
	broken int       // number of the block that cannot be read, -1 for none
}

func (b *blocks) Spans() []Span {
	var spans []Span
	for _, ts := range b.ts {
		s := Span{Rows: len(ts)}
		if len(ts) > 0 {
			s.Min, s.Max = slices.Min(ts), slices.Max(ts)
		}
		spans = append(spans, s)
	}
	return spans
}

func (b *blocks) Width() int { return b.width }

var errBroken = errors.New("broken block")

func (b *blocks) Read(_, block int, from, last int64, run *Run) (bool, error) {
	if block == b.broken {
		return false, errBroken
	}
	all := b.eager && len(b.ts[block]) < 8
	if all {
		last = math.MaxInt64
	}
	var rows []int32
	for i, t := range b.ts[block] {
		if t >= from && t <= last {
			rows = append(rows, int32(i))
		}
	}
	new(Order).Sort(b.ts[block], rows)
	for _, row := range rows {
		wanted, full := run.Wants(b.ts[block][row], row)
		if full {
			break
		}
		if !wanted {
			continue
		}
		run.Data = binary.LittleEndian.AppendUint32(run.Data, uint32(block))
		run.Data = binary.LittleEndian.AppendUint32(run.Data, uint32(row))
		run.Data = append(run.Data, make([]byte, b.width-8)...)
		run.End(b.ts[block][row], row)
	}
	return all, nil
}

// table makes a table of about size rows as a recorder would: in each block the rows of one CPU come after those of the
// other, in the order of their ends. Most calls are short; the share long of them is up to as long as the recording.
// With strays, some blocks have random times.
func table(r *rand.Rand, size, perBlock int, long float64, strays bool) *blocks {
	b := &blocks{width: 32, broken: -1, eager: r.IntN(2) == 0}
	now := int64(1_700_000_000_000_000_000)
	for rows := 0; rows < size; {
		n := r.IntN(perBlock + 1)
		var ts []int64
		end := now
		for cpu := 0; cpu < 3; cpu++ {
			t := now
			for i := 0; i < n/3; i++ {
				t += r.Int64N(1000)
				length := r.Int64N(100)
				if r.Float64() < long {
					length = r.Int64N(1 + t - 1_700_000_000_000_000_000)
				}
				ts = append(ts, t-length)
			}
			end = max(end, t)
		}
		if strays && r.IntN(4) == 0 {
			for i := range ts {
				ts[i] = r.Int64() - r.Int64()
			}
			if len(ts) > 2 {
				ts[0], ts[1] = math.MinInt64, math.MaxInt64
			}
		}
		now = end
		b.ts = append(b.ts, ts)
		rows += max(len(ts), 1)
	}
	return b
}

type row struct {
	ts                 int64
	source, block, row int
}

func (a row) compare(b row) int {
	return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.source, b.source), cmp.Compare(a.block, b.block),
		cmp.Compare(a.row, b.row))
}

func TestMergeIsSortedAndComplete(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sources []Source
		var want []row
		for s := range 1 + r.IntN(4) {
			b := table(r, r.IntN(5000), 1+r.IntN(300), []float64{0, 0.001, 0.05, 0.9}[r.IntN(4)], r.IntN(3) == 0)
			b.width += s // so that a row's length shows its source
			sources = append(sources, b)
			for i, block := range b.ts {
				for j, ts := range block {
					want = append(want, row{ts, s, i, j})
				}
			}
		}
		slices.SortFunc(want, row.compare)
		opt := Options{Workers: 1 + r.IntN(4), Window: 1 + r.Int64N(20000), Late: 1 + r.Int64N(50000),
			TempDir: t.TempDir()}
		if r.IntN(2) == 0 { // blocks are read in parts, and too many of them are needed at once
			opt.Run, opt.Held = 1+r.IntN(5000), 1+r.Int64N(50000)
		}
		var got []row
		err := Merge(context.Background(), sources, opt, func(ts int64, bytes []byte) error {
			got = append(got, row{ts, len(bytes) - 32, int(binary.LittleEndian.Uint32(bytes)),
				int(binary.LittleEndian.Uint32(bytes[4:]))})
			return nil
		})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d rows, want %d; first difference: %s", seed, len(got), len(want),
				difference(got, want))
		}
		if files, _ := filepath.Glob(filepath.Join(opt.TempDir, "*")); len(files) > 0 {
			t.Fatalf("seed %d: temporary files were not removed: %v", seed, files)
		}
	}
}

func difference(got, want []row) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("row %d: %v, want %v", i, got[i], want[i])
		}
	}
	return "the length"
}

// TestMergeHoldsOneWindow measures what the merge has in memory, every 64 rows.
func TestMergeHoldsOneWindow(t *testing.T) {
	for _, long := range []float64{0, 0.01, 1} {
		r := rand.New(rand.NewPCG(7, 7))
		b := table(r, 200_000, 500, long, false)
		opt := Options{Workers: 2, Window: 64 << 10, Late: 32 << 10, TempDir: t.TempDir()}
		opt.defaults()
		m := &merger{sources: []Source{b}, opt: opt}
		m.parts = plan(m.sources, opt.Window)
		most, rows, files := int64(0), 0, 0
		m.emit = func(int64, []byte) error {
			if rows++; rows%64 == 0 {
				held, open := int64(0), 0
				for _, c := range m.heap {
					if c.run != nil {
						held += c.run.bytes()
					} else {
						open++
					}
				}
				most, files = max(most, held), max(files, open)
			}
			return nil
		}
		m.start()
		err := m.run(context.Background())
		m.stop()
		if err != nil || rows < 190_000 {
			t.Fatalf("%d rows, %v", rows, err)
		}
		block := int64(500 * (32 + keyBytes))
		if limit := 2*(opt.Window+block) + opt.Late + block; most > limit {
			t.Errorf("with %.0f%% of rows late: %d bytes held, more than %d", 100*long, most, limit)
		}
		late := int64(long * 200_000 * (32 + keyBytes))
		if limit := int(min(2*late/opt.Late+1, maxFiles+1)); files > limit {
			t.Errorf("with %.0f%% of rows late: %d files, more than %d", 100*long, files, limit)
		}
	}
}

// Rows can be much longer than a source says, and all blocks can have the same times: neither takes more memory.
func TestMergeHoldsNoMoreThanItMay(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	const width = 2000
	b := &blocks{width: width, broken: -1}
	for range 100 {
		var ts []int64
		for range 500 {
			ts = append(ts, r.Int64N(1e9))
		}
		b.ts = append(b.ts, ts)
	}
	opt := Options{Workers: 2, Run: 100 << 10, Held: 1 << 20, TempDir: t.TempDir()}
	opt.defaults()
	m := &merger{sources: []Source{b}, opt: opt}
	m.parts = plan(m.sources, opt.Window)
	most, rows, last := int64(0), 0, int64(0)
	m.emit = func(ts int64, _ []byte) error {
		held := int64(0)
		for _, c := range m.heap {
			if c.run != nil {
				held += c.run.bytes()
			}
		}
		if rows++; ts < last {
			return ErrOrder
		}
		most, last = max(most, held), ts
		return nil
	}
	m.start()
	err := m.run(context.Background())
	m.stop()
	if err != nil || rows != 50_000 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	if limit := opt.Held + int64(opt.Run) + width + keyBytes; most > limit {
		t.Errorf("%d bytes held, more than %d", most, limit)
	}
}

func TestMergeJoinsFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	b := table(r, 20_000, 50, 1, false)
	rows, last := 0, int64(math.MinInt64)
	err := Merge(context.Background(), []Source{b}, Options{Window: 1, Late: 1, TempDir: t.TempDir()},
		func(ts int64, _ []byte) error {
			if ts < last {
				return ErrOrder
			}
			last = ts
			rows++
			return nil
		})
	want := 0
	for _, ts := range b.ts {
		want += len(ts)
	}
	if err != nil || rows != want {
		t.Errorf("%d rows of %d, %v", rows, want, err)
	}
}

func TestMergeReadsNoMoreThanItNeeds(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	b := table(r, 100_000, 100, 0, false)
	b.broken = len(b.ts) - 1
	enough := errors.New("enough")
	n := 0
	err := Merge(context.Background(), []Source{b}, Options{Workers: 2, Window: 4096}, func(int64, []byte) error {
		if n++; n == 1000 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v: the last block was read for the first rows", err)
	}
}

func TestMergeErrors(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	b := table(r, 5000, 100, 0.1, false)
	ignore := func(int64, []byte) error { return nil }

	b.broken = len(b.ts) / 2
	if err := Merge(context.Background(), []Source{b}, Options{}, ignore); !errors.Is(err, errBroken) {
		t.Errorf("a block that cannot be read: got %v", err)
	}
	b.broken = -1

	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("interrupted")
	n := 0
	err := Merge(ctx, []Source{b}, Options{Window: 1}, func(int64, []byte) error {
		if n++; n == 100 {
			cancel(cause)
		}
		return nil
	})
	if !errors.Is(err, cause) || n > 4000 {
		t.Errorf("cancelled: got %v after %d rows", err, n)
	}

	missing := filepath.Join(t.TempDir(), "missing")
	err = Merge(context.Background(), []Source{table(r, 5000, 100, 1, false)},
		Options{Window: 1, Late: 1, TempDir: missing}, ignore)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "writing late rows") {
		t.Errorf("no directory for temporary files: got %v", err)
	}

	err = Merge(context.Background(), []Source{table(r, 5000, 100, 1, false)},
		Options{Window: 1, Late: 1, Disk: 100, TempDir: t.TempDir()}, ignore)
	if !errors.Is(err, ErrTooLate) {
		t.Errorf("no room for temporary files: got %v", err)
	}
	if err := Merge(context.Background(), []Source{unsorted{}}, Options{}, ignore); !errors.Is(err, ErrOrder) {
		t.Errorf("a source out of order: got %v", err)
	}
	if err := Merge(context.Background(), nil, Options{}, ignore); err != nil {
		t.Errorf("nothing to merge: got %v", err)
	}
}

// TestMergeReadsABlockOnce has late rows that take so long to read that another worker could read the other rows of the
// block in the meantime. It must not, because the slow read returns the whole block.
func TestMergeReadsABlockOnce(t *testing.T) {
	b := &slow{blocks{ts: [][]int64{{100}, {1, 101}}, width: 8, eager: true, broken: -1}}
	var got []int64
	err := Merge(context.Background(), []Source{b}, Options{Workers: 3, Window: 1}, func(ts int64, _ []byte) error {
		got = append(got, ts)
		return nil
	})
	if err != nil || !slices.Equal(got, []int64{1, 100, 101}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// slow is a Source that takes long to read late rows.
type slow struct{ blocks }

func (s *slow) Read(worker, block int, from, last int64, run *Run) (bool, error) {
	if last != math.MaxInt64 {
		time.Sleep(20 * time.Millisecond)
	}
	return s.blocks.Read(worker, block, from, last, run)
}

// unsorted is a Source whose rows are out of order.
type unsorted struct{}

func (unsorted) Spans() []Span { return []Span{{Rows: 2, Min: 5, Max: 9}} }
func (unsorted) Width() int    { return 1 }
func (unsorted) Read(_, _ int, _, _ int64, run *Run) (bool, error) {
	run.End(9, 0)
	run.End(5, 1)
	return false, nil
}

func TestOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var o Order
	for range 500 {
		n := r.IntN(3000)
		ts := make([]int64, n)
		spread := int64(1) << r.IntN(63)
		for i := range ts {
			ts[i] = r.Int64N(spread) - spread/2
		}
		if n > 0 && r.IntN(5) == 0 {
			ts[r.IntN(n)] = math.MinInt64
		}
		var rows []int32
		for i := range ts {
			if r.IntN(4) > 0 {
				rows = append(rows, int32(i))
			}
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b int32) int { return cmp.Compare(ts[a], ts[b]) })
		o.Sort(ts, rows)
		if !slices.Equal(rows, want) {
			t.Fatalf("%d rows over %d ns: wrong order", n, spread)
		}
	}
}

func TestFileKeepsRows(t *testing.T) {
	f, err := newFile(t.TempDir(), new(int64))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	long := bytes.Repeat([]byte("x"), 3*fileBuffer)
	rows := [][]byte{[]byte("a"), nil, long, []byte("b")}
	for i, row := range rows {
		if err := f.append(key{math.MinInt64 + int64(i), uint64(i)}, row); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.rewind(); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		k, more, err := f.next()
		if err != nil || !more || k != (key{math.MinInt64 + int64(i), uint64(i)}) || !bytes.Equal(f.row, row) {
			t.Fatalf("row %d: got %v, %d bytes, %v, %v", i, k, len(f.row), more, err)
		}
	}
	if _, more, err := f.next(); more || err != nil {
		t.Errorf("after the last row: %v, %v", more, err)
	}
}

func BenchmarkMerge(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	t := table(r, 1_000_000, 64<<10, 0.001, false)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		rows = 0
		if err := Merge(context.Background(), []Source{t}, Options{},
			func(int64, []byte) error { rows++; return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkOrder(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	ts := table(r, 64<<10, 64<<10, 0.001, false).ts[0]
	rows := make([]int32, len(ts))
	var o Order
	for b.Loop() {
		for i := range rows {
			rows[i] = int32(i)
		}
		o.Sort(ts, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ts)), "ns/row")
}
