// SPDX-License-Identifier: Apache-2.0

package export

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// joiner makes the joined columns of the tables of one capture. Texts are numbers of a dictionary.
type joiner struct {
	dictionary *dictionary
	calls      func(nr int32) string
	tasks      *capture.Tasks
	comms      []int32 // of each task
	near       [syscalls.Slots]int32
	far        map[int32]int32
	paths      *capture.Paths
	files      []int32 // of each path that was met: the number of its name, plus 1
}

func newJoiner(c *capture.Capture, d *dictionary) (*joiner, error) {
	tasks, err := c.Tasks()
	if err != nil {
		return nil, err
	}
	paths, err := c.Paths()
	if err != nil {
		return nil, err
	}
	j := &joiner{dictionary: d, calls: c.Calls().Name, tasks: tasks, comms: make([]int32, len(tasks.List)),
		far: map[int32]int32{}, paths: paths, files: make([]int32, len(paths.List))}
	for i := range tasks.List {
		j.comms[i] = d.add(tasks.List[i].Comm)
	}
	return j, nil
}

// name is the number of the name of a call.
func (j *joiner) name(nr int32) int32 {
	slot := syscalls.Slot(nr)
	if slot >= syscalls.Slots {
		n, ok := j.far[nr]
		if !ok {
			n = j.dictionary.add(j.calls(nr))
			j.far[nr] = n
		}
		return n
	}
	if j.near[slot] == 0 {
		j.near[slot] = j.dictionary.add(j.calls(nr)) + 1
	}
	return j.near[slot] - 1
}

// file is the number of the name of a file.
func (j *joiner) file(path int32) int32 {
	at := j.paths.Index(path)
	if j.files[at] == 0 {
		j.files[at] = j.dictionary.add(j.paths.List[at]) + 1
	}
	return j.files[at] - 1
}

// numbers appends the values of a joined column, whose ids v has: for a text its number.
func (j *joiner) numbers(dst []int32, column capture.Column, v *format.Vector) []int32 {
	switch column.Join {
	case capture.TaskComm:
		for _, id := range v.I32 {
			dst = append(dst, j.comms[j.tasks.Index(id)])
		}
	case capture.TaskPID:
		for _, id := range v.I32 {
			dst = append(dst, j.tasks.Task(id).PID)
		}
	case capture.TaskTID:
		for _, id := range v.I32 {
			dst = append(dst, j.tasks.Task(id).TID)
		}
	case capture.CallName:
		for _, nr := range v.I32 {
			dst = append(dst, j.name(nr))
		}
	case capture.PathName:
		for _, path := range v.I32 {
			dst = append(dst, j.file(path))
		}
	}
	return dst
}
