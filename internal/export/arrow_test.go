// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/fletch-trace/fletch/format"
)

// TestArrowFile reads a file with the Arrow library: rows in order, compressed with zstd, with joined texts.
func TestArrowFile(t *testing.T) {
	set := openFamilies(t)
	job := &Job{Captures: set, Format: Lookup("arrow"), Dir: filepath.Join(t.TempDir(), "out")}
	if err := job.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	tasks, err := set[0].Tasks()
	if err != nil {
		t.Fatal(err)
	}
	var ts []int64
	var comms []string
	err = set[0].Table("file").Scan(context.Background(), nil, 1, func(_ int, b *format.Batch) error {
		ts = append(ts, b.Column("ts").I64...)
		for _, task := range b.Column("task").I32 {
			comms = append(comms, tasks.Task(task).Comm)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	data, err := os.ReadFile(filepath.Join(job.Dir, "file.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte("\x28\xb5\x2f\xfd")) {
		t.Error("no zstd frame in the file")
	}
	file, err := ipc.NewFileReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if m := file.Schema().Metadata().ToMap(); m["fletch.table"] != "file" || m["fletch.host"] != set[0].Manifest.Host {
		t.Errorf("metadata %v", m)
	}
	var gotTS []int64
	var gotComms []string
	for i := range file.NumRecords() {
		record, err := file.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		comm := record.Column(record.Schema().FieldIndices("comm")[0]).(*array.String)
		for i, at := range record.Column(0).(*array.Timestamp).TimestampValues() {
			gotTS, gotComms = append(gotTS, int64(at)), append(gotComms, comm.Value(i))
		}
	}
	if len(ts) == 0 || !slices.Equal(gotTS, ts) || !slices.Equal(gotComms, comms) {
		t.Errorf("%d rows of %q, want %d of %q", len(gotTS), gotComms, len(ts), comms)
	}
}
