// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// checkFuzzed checks what holds for any bytes: opening and reading them gives one of
// the package's errors or consistent values, in memory bounded by their size.
func checkFuzzed(t *testing.T, size int, open func() (*Capture, error)) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := open()
	if (c == nil) == (err == nil) {
		t.Fatalf("a capture and an error, or neither: %v, %v", c, err)
	}
	if err == nil {
		err = readAll(t, c)
		for name, info := range c.Manifest.Tables {
			if !validName(name) || info.Rows < 0 || info.Lost < 0 {
				t.Errorf("table %q: %+v", name, info)
			}
		}
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrNotCapture) {
		t.Errorf("none of the package's errors: %v", err)
	}
	runtime.ReadMemStats(&after)
	// The most that zstd can decode from so many bytes, when a segment is opened and
	// again when it is read, and a constant for the reader.
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20+2*zstdRatio*uint64(size) {
		t.Errorf("%d bytes allocated for %d", n, size)
	}
}

func FuzzManifest(f *testing.F) {
	m := testManifest
	m.Format, m.Tables = Current, map[string]TableInfo{"path": {Rows: 4}}
	m.ID, m.SHA256 = "0123456789abcdef0123456789abcdef", map[string]string{"path/000001.arrow": "00"}
	m.Selection, m.Derived = &Selection{Comm: "x", PIDs: []int64{1}}, &Derived{[]string{"0"}, "slice"}
	data, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format": {"major": 1, "minor": 3}, "complete": true, "tables": null, "clock": []}`))
	f.Add([]byte(`{"format": {"major": 2}}`))
	path, _ := segment(f, Zstd, fill(NewBatch(pathSchema), 4, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkFuzzed(t, len(data)+len(path), func() (*Capture, error) {
			e := segmentFile{"path", "000001", "path/000001.arrow", bytes.NewReader(path), int64(len(path))}
			return Opener{}.newCapture("fuzz", data, []segmentFile{e}, nil, func() error { return nil })
		})
		// What parses can be written back.
		if m, err := parseManifest(data); err == nil {
			again, err := m.encode()
			if err != nil {
				// Zones that RFC 3339 reads and does not write are the one exception.
				return
			}
			if _, err := parseManifest(again); err != nil {
				t.Errorf("written back: %v", err)
			}
		}
	})
}

func FuzzSegment(f *testing.F) {
	for _, codec := range []Codec{None, LZ4, Zstd} {
		for _, s := range []*Schema{syscallSchema, processSchema, LossSchema} {
			b, _ := segment(f, codec, fill(NewBatch(s), 3, 1), fill(NewBatch(s), 7, 2))
			f.Add(b)
			f.Add(b[:len(b)-100])
		}
	}
	names, err := filepath.Glob("testdata/*.arrow")
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// Of the loss table, because opening an unfinished capture reads its rows.
		checkFuzzed(t, len(data), func() (*Capture, error) { return openSegment(LossSchema.Table, data) })
	})
}

// FuzzTar opens tars, alone and as a part of the recording that the intact tar is of.
func FuzzTar(f *testing.F) {
	var intact []byte
	for _, codec := range []Codec{None, Zstd} {
		var out bytes.Buffer
		w, err := Create("-", testManifest, WriterOptions{Stdout: &out})
		if err != nil {
			f.Fatal(err)
		}
		for i := range 2 {
			for _, s := range []*Schema{pathSchema, LossSchema} {
				if err := w.Append(fill(NewBatch(s), 3, uint64(i)), codec); err != nil {
					f.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(nil); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
		f.Add(out.Bytes()[:out.Len()-2000])
		intact = out.Bytes()
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		open := func() (*Capture, error) { return OpenTar(bytes.NewReader(data), int64(len(data))) }
		checkFuzzed(t, len(data), open)
		checkFuzzed(t, len(data)+len(intact), func() (*Capture, error) {
			c, err := open()
			if err != nil {
				return nil, err
			}
			whole, err := OpenTar(bytes.NewReader(intact), int64(len(intact)))
			if err != nil {
				return nil, err
			}
			SameRecording(c, whole)
			u := Union(c, whole)
			for i, table := range u.tables {
				table.AddColumns(Column{"made_up", StringList})
				odd := false
				if u.tables[i], err = table.Select(t.Context(), nil, func(*Batch, int) bool {
					odd = !odd
					return odd
				}); err != nil {
					u.tables[i] = table
				}
			}
			return u, nil
		})
	})
}
