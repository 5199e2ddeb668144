// SPDX-License-Identifier: Apache-2.0

package zstd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/zstd"
)

// reference collects columns and compares them with what the reference implementation, in C, decodes from their frames.
type reference struct {
	encoder *zstd.Encoder
	columns []string // names
	values  [][]byte
	frames  [][]byte
}

func newReference(t *testing.T) *reference {
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Skip("no zstd program: install Debian's package zstd")
	}
	return &reference{encoder: zstd.New()}
}

func add[T zstd.Integer](r *reference, name string, column []T) {
	r.columns = append(r.columns, fmt.Sprintf("%s, %T, %d values", name, *new(T), len(column)))
	values, _ := binary.Append(nil, binary.LittleEndian, column)
	r.values = append(r.values, values)
	r.frames = append(r.frames, zstd.Append(r.encoder, nil, column))
}

func addBoth(r *reference, name string, column []int64) {
	add(r, name, column)
	w := make([]int32, len(column))
	for i := range column {
		w[i] = int32(column[i])
	}
	add(r, name, w)
}

// decode decodes frames, one after the other, with the program zstd, which verifies their checksums.
func decode(frames []byte) ([]byte, error) {
	cmd := exec.Command("zstd", "-dcq")
	cmd.Stdin = bytes.NewReader(frames)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, failure.Bytes())
	}
	return out, err
}

// check decodes all frames at once and, if anything differs, each by itself, to name the column.
func (r *reference) check(t *testing.T) {
	t.Helper()
	frames, values := slices.Concat(r.frames...), slices.Concat(r.values...)
	t.Logf("%d columns, %d bytes in %d", len(r.columns), len(values), len(frames))
	got, err := decode(frames)
	if err == nil && bytes.Equal(got, values) {
		return
	}
	t.Errorf("all frames: other values, or %v", err)
	for i, frame := range r.frames {
		if got, err := decode(frame); err != nil || !bytes.Equal(got, r.values[i]) {
			t.Fatalf("%s: other values, or %v", r.columns[i], err)
		}
	}
}

func TestReferenceReadsRandomColumns(t *testing.T) {
	ref := newReference(t)
	r := rand.New(rand.NewPCG(15, 16))
	for i := range 300 {
		addBoth(ref, fmt.Sprintf("script %d", i), zstd.Scripted(zstd.RandomScript(r)))
		addBoth(ref, fmt.Sprintf("structured %d", i), zstd.Structured(r))
	}
	for _, n := range []int{0, 1, 2, 33, 1000, 40_000, 100_000} {
		columns := zstd.Columns(n, r)
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			addBoth(ref, name, columns[name])
		}
	}
	ref.check(t)
}

// TestReferenceReadsRealColumns reads the columns of the sample capture, of a generated one, and of the captures in
// FLETCH_CAPTURES, a list of paths.
func TestReferenceReadsRealColumns(t *testing.T) {
	ref := newReference(t)
	made := filepath.Join(t.TempDir(), "made")
	c := fixture.Small()
	c.AddCalls(100_000, 50_000, 1)
	if err := c.Write(made, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	captures := []string{"../../test/testdata/sample.tar", made}
	for _, path := range append(captures, filepath.SplitList(os.Getenv("FLETCH_CAPTURES"))...) {
		addCapture(t, ref, path)
	}
	ref.check(t)
}

// addCapture adds the integer columns of a capture, block by block, as a recorder encodes them.
func addCapture(t *testing.T, ref *reference, path string) {
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows := int64(0)
	for _, table := range c.Tables() {
		var names []string
		for _, column := range table.Schema.Columns {
			names = append(names, column.Name)
		}
		err := table.Scan(context.Background(), names, 1, func(_ int, b *format.Batch) error {
			rows += int64(b.Rows)
			for i := range b.Columns {
				name := fmt.Sprintf("%s: %s.%s", path, table.Schema.Table, names[i])
				switch v := &b.Columns[i]; v.Type {
				case format.Int32:
					add(ref, name, v.I32)
				case format.Int64, format.Timestamp:
					add(ref, name, v.I64)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if rows == 0 {
		t.Errorf("%s has no rows", path)
	}
}
