// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Keys of what ids stand for. What is not known is one group, "?".
var (
	Comm = taskKey("comm", func(t *capture.Task) string { return t.Comm })
	PID  = numberKey(taskKey("pid", func(t *capture.Task) string { return strconv.Itoa(int(t.PID)) }))
	TID  = numberKey(taskKey("tid", func(t *capture.Task) string { return strconv.Itoa(int(t.TID)) }))
)

func numberKey(k *Key) *Key {
	k.Number, k.Right = true, true
	return k
}

// taskKey groups by a text that each identity has.
func taskKey(name string, text func(*capture.Task) string) *Key {
	type id struct{ name string }
	return &Key{Name: name, Columns: []string{"task"}, Bind: func(s *Source) (Coder, error) {
		t, err := Once(s, id{name}, func() (*taskTexts, error) { return newTaskTexts(s, text) })
		if err != nil {
			return Coder{}, err
		}
		return Coder{t.code, func(code uint64) string { return t.words.list[code] }}, nil
	}}
}

// taskTexts are the texts of all identities of a capture.
type taskTexts struct {
	tasks *capture.Tasks
	codes []uint64 // of each identity
	words words
}

func newTaskTexts(s *Source, text func(*capture.Task) string) (*taskTexts, error) {
	tasks, err := s.Tasks()
	if err != nil {
		return nil, err
	}
	t := &taskTexts{tasks: tasks, words: words{code: map[string]uint64{}}}
	for i := range tasks.List {
		word := "?"
		if i > 0 {
			word = text(&tasks.List[i])
		}
		t.codes = append(t.codes, t.words.add([]byte(word)))
	}
	return t, nil
}

func (t *taskTexts) code(dst []uint64, b *format.Batch) {
	for i, task := range b.Column("task").I32[:len(dst)] {
		dst[i] = t.codes[t.tasks.Index(task)]
	}
}

// Call groups by the name of the system call in column nr.
var Call = &Key{Name: "name", Columns: []string{"nr"}, Bind: func(s *Source) (Coder, error) {
	calls := s.Calls()
	return Coder{func(dst []uint64, b *format.Batch) {
		for i, nr := range b.Column("nr").I32[:len(dst)] {
			dst[i] = syscalls.Slot(nr)
		}
	}, func(code uint64) string { return calls.Name(syscalls.SlotCall(code)) }}, nil
}}

// Path groups by the name of the file in column path.
var Path = &Key{Name: "path", Columns: []string{"path"}, Bind: func(s *Source) (Coder, error) {
	paths, err := s.Texts("path", "name")
	if err != nil {
		return Coder{}, err
	}
	return Coder{func(dst []uint64, b *format.Batch) {
		for i, path := range b.Column("path").I32[:len(dst)] {
			dst[i] = uint64(paths.Index(int64(path)))
		}
	}, func(code uint64) string {
		if code == 0 {
			return "?"
		}
		return paths.At(int32(code))
	}}, nil
}}
