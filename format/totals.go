// SPDX-License-Identifier: Apache-2.0

package format

import "maps"

// totals is the size of a segment, or of several.
type totals struct {
	rows, bytes int64
	segments    int
	lastTS      int64            // the greatest ts of an event; 0 if there is none
	lost        map[string]int64 // by family, of the loss table
}

func (t *totals) add(o totals) {
	t.rows += o.rows
	t.bytes += o.bytes
	t.segments += o.segments
	t.lastTS = max(t.lastTS, o.lastTS)
	for family, n := range o.lost {
		if t.lost == nil {
			t.lost = map[string]int64{}
		}
		t.lost[family] += n
	}
}

// tableInfos converts totals by table into the tables of a manifest.
func tableInfos(sums map[string]*totals) map[string]TableInfo {
	infos := map[string]TableInfo{}
	lost := map[string]int64{}
	for name, sum := range sums {
		infos[name] = TableInfo{Rows: sum.rows, Bytes: sum.bytes, Segments: sum.segments}
		maps.Copy(lost, sum.lost)
	}
	for name, n := range lost {
		info := infos[name]
		info.Lost = n
		infos[name] = info
	}
	return infos
}
