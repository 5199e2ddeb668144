//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/internal/resident"

	"github.com/klauspost/compress/zstd"
)

// perfRecord is one record of a perf.data.
func perfRecord(kind uint32, body []byte) []byte {
	out := binary.NativeEndian.AppendUint32(nil, kind)
	out = binary.NativeEndian.AppendUint16(out, 0)
	out = binary.NativeEndian.AppendUint16(out, uint16(8+len(body)))
	return append(out, body...)
}

func perfFile(t *testing.T, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	binary.Write(&b, binary.NativeEndian, [7]uint64{0x32454c4946524550, 104, 0, 0, 0, 56, uint64(len(data))})
	b.Write(data)
	path := filepath.Join(t.TempDir(), "perf.data")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPerfData(t *testing.T) {
	lost := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, 1), 40)
	events := bytes.Join([][]byte{
		perfRecord(1, make([]byte, 32)), perfRecord(perfSample, make([]byte, 64)), perfRecord(perfLost, lost), perfRecord(perfSample, make([]byte, 96)),
	}, nil)
	// perf flushes its stream now and then, in the middle of a record too, and does not end it.
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	var compressed []byte
	for _, part := range [][]byte{events[:50], events[50:], events} {
		w.Write(part)
		w.Flush()
		compressed = append(compressed, perfRecord(perfCompressed, packed.Bytes())...)
		packed.Reset()
	}
	for _, c := range []struct {
		name          string
		data          []byte
		samples, lost int64
	}{
		{"nothing", nil, 0, 0},
		{"plain", events, 2, 40},
		{"compressed", compressed, 4, 80},
		{"both", append(bytes.Clone(events), compressed...), 6, 120},
	} {
		samples, lost, err := perfData(perfFile(t, c.data))
		if err != nil || samples != c.samples || lost != c.lost {
			t.Errorf("%s: %d samples, %d lost, %v, want %d and %d", c.name, samples, lost, err, c.samples, c.lost)
		}
	}
	for name, data := range map[string][]byte{
		"cut off":                   events[:len(events)-1],
		"a record without size":     {9, 0, 0, 0, 0, 0, 0, 0},
		"compressed, but it is not": perfRecord(perfCompressed, []byte("12345678")),
	} {
		if _, _, err := perfData(perfFile(t, data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestLines(t *testing.T) {
	mine := sample{values: []float64{300, 100, 200}}
	for _, c := range []struct {
		name string
		line line
		want string
	}{
		{"met", line{unit: ns}.ratio(mine, sample{values: []float64{100, 100, 100}}, 2), "200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 2.00 ×|yes"},
		{"not met", line{unit: ns}.ratio(mine, sample{values: []float64{100, 100, 100}}, 1.9), "200 ns|100 ns|2.00 (1.00 to 3.00)|≤ 1.90 ×|no"},
		{"missing", line{unit: ns}.ratio(mine, sample{missing: "not installed"}, 2), "200 ns|not installed||≤ 2.00 ×|not measured"},
		{"ours missing", line{unit: ns}.limit(sample{}, 2), "not measured|||≤ 2 ns|not measured"},
		{"informative", line{unit: ns}.ratio(mine, mine, 0), "200 ns|200 ns|1.00 (1.00 to 1.00)||"},
		{"a limit", line{unit: byteUnit}.limit(sample{values: []float64{7, 6, 8, 9}}, 7), "7.50 B (6.00 B to 9.00 B)|||≤ 7.00 B|no"},
	} {
		l := c.line
		if got := strings.Join([]string{l.Ours, l.Theirs, l.Ratio, l.Reach, l.Met}, "|"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// What a side added is beside what the work took before and after it.
func TestAdded(t *testing.T) {
	r := &trial{report: report{Typical: 400}, Plain: []report{{Typical: 100}, {Typical: 200}}}
	disturbed := &trial{report: report{Typical: 9000}, Plain: r.Plain, Disturbed: true}
	dd := &trial{report: report{CPU: 3000}, Made: 10, Plain: []report{{CPU: 500, Calls: 5}, {CPU: 500, Calls: 5}}}
	a := results{Works: map[string]map[string][]*trial{
		calls: {ours: {disturbed, r, disturbed}, perf: {disturbed}}, small: {ours: {dd}},
	}}
	for _, c := range []struct {
		work, side string
		want       float64
	}{{calls, ours, 250}, {calls, perf, 8850}, {small, ours, 200}} {
		if got := a.added(c.work, c.side).median(); got != c.want {
			t.Errorf("%s, %s: %v ns, want %v", c.work, c.side, got, c.want)
		}
	}
}

func TestMemory(t *testing.T) {
	var all []memory
	for _, held := range []int64{10, 30, 50, 40, 60, 70, 65, 62} {
		all = append(all, memory{Memory: resident.Memory{Rest: held}})
	}
	if peak, early, late := flat(all); peak != 70 || early != 50 || late != 65 {
		t.Errorf("got %d, %d and %d", peak, early, late)
	}
}
