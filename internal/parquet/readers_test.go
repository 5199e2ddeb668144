// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// python returns the path of an interpreter with the readers, which test/readers.sh installs.
func python(t *testing.T) string {
	path := os.Getenv("FLETCH_PYTHON")
	if path == "" {
		path = "../../.venv/bin/python"
		if _, err := os.Stat(path); err != nil {
			t.Skip("no pyarrow, pandas, polars and DuckDB: make test-readers installs them in .venv")
		}
	}
	return path
}

// TestReaders writes random tables into a capture and as Parquet files, reads both with pyarrow, pandas, polars and
// DuckDB, and compares.
func TestReaders(t *testing.T) {
	python := python(t)
	dir := t.TempDir()
	capture := filepath.Join(dir, "capture")
	w, err := format.Create(capture, format.Manifest{}, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info := map[string]map[string]map[string]int{"tables": {}}
	for seed := range uint64(24) {
		table := randomTable(rand.New(rand.NewPCG(seed, 7)))
		if seed == 0 {
			table.groups, table.values = nil, nil // no rows
		}
		table.makeTimesReadable()
		name := fmt.Sprintf("random%d", seed)
		rows, err := table.record(w, name)
		if err != nil {
			t.Fatal(err)
		}
		info["tables"][name] = map[string]int{"rows": rows}
		text, err := table.write(2)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".parquet"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	about := filepath.Join(dir, "info.json")
	if err := os.WriteFile(about, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "../../test/readers.py", capture, dir, about).CombinedOutput() // no STREAMS
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// makeTimesReadable changes times to such that all readers can represent: in pandas the least integer means no time,
// and in DuckDB the extremes mean infinity.
func (t *table) makeTimesReadable() {
	for _, values := range t.values {
		for i := range values {
			if values[i].Type != format.Timestamp {
				continue
			}
			for row := range values[i].I64 {
				values[i].I64[row] &= 1<<62 - 1
			}
		}
	}
}

// record appends the table to a capture, a batch for each row group, and returns how many rows it has.
func (t *table) record(w *format.Writer, name string) (rows int, err error) {
	schema := &format.Schema{Table: name, Columns: t.columns}
	for g, n := range t.groups {
		b := format.NewBatch(schema)
		b.Rows = n
		for i, v := range t.values[g] {
			b.Columns[i] = *v.Vector
			for _, number := range v.Numbers {
				b.Columns[i].Str.Append(v.Texts[number])
			}
		}
		if err := w.Append(b, format.Zstd); err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}
