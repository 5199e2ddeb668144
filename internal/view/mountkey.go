// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// mountNamespace groups the names of files by the mount namespace that they are in, where that matters: a name that
// leads to different files in several namespaces has a group for each. Names of the same file are one group, whatever
// the namespace; and so are those in one namespace, because a file such as a log is replaced by another under its name.
var mountNamespace = &Key{Name: "path_mntns", Number: true, AlignRight: true, Columns: []string{"path"},
	Bind: func(s *Source) (Coder, error) {
		type id struct{}
		labels, err := LoadOnce(s, id{}, func() ([]uint64, error) { return namespaceLabels(s) })
		if err != nil {
			return Coder{}, err
		}
		rows, err := s.Dimension("path").Load()
		if err != nil {
			return Coder{}, err
		}
		return Coder{Codes: func(dst []uint64, b *format.Batch) {
			for i, id := range b.Column("path").I32[:len(dst)] {
				dst[i] = labels[rows.Index(int64(id))]
			}
		}, Text: labelText}, nil
	}}

// labelText is the text of a label: the namespace, or nothing if it does not matter.
func labelText(label uint64) string {
	if label == 0 {
		return ""
	}
	return strconv.FormatUint(label-1, 10)
}

// What a file takes in namespaceLabels, and what its label takes, in bytes.
const (
	placeBytes = 200
	labelBytes = 8
)

// namespaceLabels returns a label for each row of the dimension path: 0, or the mount namespace plus 1 if its name is
// also that of another file in another one. Of several namespaces with the same file, it is the first in the table.
func namespaceLabels(s *Source) ([]uint64, error) {
	rows, err := s.Dimension("path").Load(schema.Of("path").Select("name", "dev", "ino", "mntns")...)
	if err != nil {
		return nil, err
	}
	names, numbers := &rows.Columns[0].Str, map[string]int{}
	taken := placeBytes*int64(rows.Rows) + int64(len(names.Data))
	if err := s.Budget().Reserve("the names of files", taken); err != nil {
		return nil, err
	}
	defer s.Budget().Release(taken - labelBytes*int64(rows.Rows))
	ofName := make([][]int32, 0, rows.Rows)
	for row := range int32(rows.Rows) {
		n, known := numbers[string(names.Bytes(int(row)))]
		if !known {
			n = len(ofName)
			numbers[names.At(int(row))] = n
			ofName = append(ofName, nil)
		}
		ofName[n] = append(ofName[n], row)
	}
	labels := make([]uint64, rows.Rows)
	for _, same := range ofName {
		if len(same) > 1 {
			labelPlaces(labels, same, rows.Columns[1].I64, rows.Columns[2].I64, rows.Columns[3].I64)
		}
	}
	return labels, nil
}

// labelPlaces sets the labels of rows with the same name. It joins those that have the namespace or the file in common.
func labelPlaces(labels []uint64, rows []int32, dev, ino, mntns []int64) {
	type place struct{ dev, ino, mntns int64 } // a file, or with -1 as the other fields a namespace
	first := make(map[place]int, 2*len(rows))
	parents := make([]int, len(rows))
	root := func(i int) int {
		for parents[i] != i {
			parents[i] = parents[parents[i]]
			i = parents[i]
		}
		return i
	}
	groups := len(rows)
	for i, row := range rows {
		parents[i] = i
		for _, p := range []place{{dev[row], ino[row], -1}, {-1, -1, mntns[row]}} {
			j, known := first[p]
			if !known {
				first[p] = i
			} else if a, b := root(i), root(j); a != b {
				parents[max(a, b)] = min(a, b)
				groups--
			}
		}
	}
	if groups == 1 {
		return
	}
	for i, row := range rows {
		labels[row] = uint64(mntns[rows[root(i)]]) + 1
	}
}
