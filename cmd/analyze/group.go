// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// key turns rows of calls into codes of the group they belong to, below 1<<33, and codes into what a person reads.
type key struct {
	column string // of the table
	codes  func(dst []uint64, v *format.Vector, ret []int64)
	text   func(code uint64) string
}

// keyNames are what calls may be grouped by.
var keyNames = []string{"name", "comm", "pid", "tid", "errno"}

// newKey makes one of keyNames.
func newKey(name string, calls *syscalls.Table, tasks *capture.Tasks) key {
	switch name {
	case "name":
		return callKey(calls)
	case "comm":
		return taskKey(tasks, func(t *capture.Task) string { return t.Comm })
	case "pid":
		return taskKey(tasks, func(t *capture.Task) string { return strconv.Itoa(int(t.PID)) })
	case "tid":
		return taskKey(tasks, func(t *capture.Task) string { return strconv.Itoa(int(t.TID)) })
	}
	return errnoKey()
}

func callKey(calls *syscalls.Table) key {
	return key{
		column: "nr",
		codes: func(dst []uint64, v *format.Vector, _ []int64) {
			for i, nr := range v.I32[:len(dst)] {
				dst[i] = syscalls.Slot(nr)
			}
		},
		text: func(code uint64) string { return calls.Name(syscalls.SlotCall(code)) },
	}
}

// taskKey groups by a text that each identity has.
func taskKey(tasks *capture.Tasks, text func(*capture.Task) string) key {
	codes := make([]uint64, len(tasks.List)) // of each identity
	known := map[string]uint64{}
	texts := []string{}
	for i := range tasks.List {
		s := text(&tasks.List[i])
		if i == 0 {
			s = "?"
		}
		code, ok := known[s]
		if !ok {
			code = uint64(len(texts))
			known[s] = code
			texts = append(texts, s)
		}
		codes[i] = code
	}
	return key{
		column: "task",
		codes: func(dst []uint64, v *format.Vector, _ []int64) {
			for i, task := range v.I32[:len(dst)] {
				dst[i] = codes[tasks.Index(task)]
			}
		},
		text: func(code uint64) string { return texts[code] },
	}
}

// errnoKey groups by error; calls that went well are one group.
func errnoKey() key {
	return key{
		column: "ret",
		codes: func(dst []uint64, _ *format.Vector, ret []int64) {
			for i, r := range ret[:len(dst)] {
				dst[i] = 0
				if failed(r) {
					dst[i] = uint64(-r)
				}
			}
		},
		text: errnoText,
	}
}

func errnoText(code uint64) string {
	if code == 0 {
		return "ok"
	}
	if name := syscalls.Errno(-int64(code)); name != "" {
		return name
	}
	return "errno " + strconv.FormatUint(code, 10)
}

// level numbers the groups of the first few keys: by the number of the group of the keys before, and one more code.
type level struct {
	dense []int32          // of the first denseCodes combinations: number+1
	far   map[uint64]int32 // of the others
	nodes []node           // by number
}

type node struct {
	parent int32
	code   uint64
}

const (
	denseCodes = 1 << 16
	codeBits   = 33
)

func (l *level) find(parent int32, code uint64) int32 {
	at := uint64(parent)<<codeBits | code
	if at < denseCodes {
		if n := l.dense[at]; n > 0 {
			return n - 1
		}
	} else if n, ok := l.far[at]; ok {
		return n
	}
	return l.add(at, parent, code)
}

func (l *level) add(at uint64, parent int32, code uint64) int32 {
	n := int32(len(l.nodes))
	l.nodes = append(l.nodes, node{parent, code})
	if at < denseCodes {
		l.dense[at] = n + 1
	} else {
		l.far[at] = n
	}
	return n
}

// groups are the groups and tallies of one worker.
type groups struct {
	keys    []key
	levels  []level
	tallies []*tally // by the numbers of the last level
	codes   []uint64
	numbers []int32
}

func newGroups(keys []key) *groups {
	g := &groups{keys: keys, levels: make([]level, len(keys))}
	for i := range g.levels {
		g.levels[i] = level{dense: make([]int32, denseCodes), far: map[uint64]int32{}}
	}
	return g
}

// add counts the rows of a batch that has the columns of all keys, ret and duration_ns.
func (g *groups) add(b *format.Batch) {
	ret, duration := b.Column("ret").I64, b.Column("duration_ns").I64
	g.codes = slices.Grow(g.codes[:0], b.Rows)[:b.Rows]
	g.numbers = slices.Grow(g.numbers[:0], b.Rows)[:b.Rows]
	clear(g.numbers)
	for k := range g.keys {
		g.keys[k].codes(g.codes, b.Column(g.keys[k].column), ret)
		l := &g.levels[k]
		for i, code := range g.codes {
			g.numbers[i] = l.find(g.numbers[i], code)
		}
	}
	for len(g.tallies) < len(g.levels[len(g.levels)-1].nodes) {
		g.tallies = append(g.tallies, &tally{})
	}
	for i, n := range g.numbers {
		g.tallies[n].add(ret[i], duration[i])
	}
}

// group is the calls that have the same texts for all keys.
type group struct {
	texts []string
	tally
}

// report adds the groups of g to all, which holds them by their texts.
func (g *groups) report(all map[string]*group) {
	for n, t := range g.tallies {
		texts := make([]string, len(g.keys))
		at := int32(n)
		for k := len(g.keys) - 1; k >= 0; k-- {
			node := g.levels[k].nodes[at]
			texts[k] = g.keys[k].text(node.code)
			at = node.parent
		}
		id := strings.Join(texts, "\x00")
		if all[id] == nil {
			all[id] = &group{texts: texts}
		}
		all[id].merge(t)
	}
}
