// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
)

// view is a command that counts the rows of one table in groups. T is what is counted of a group.
type view[T any] struct {
	name, usage string
	table       string
	none        string // what is said where there are no rows
	by          string // the keys that groups have if nothing else is asked for
	sort        string // the measure that they are sorted by
	namesLast   bool   // keys stand behind the numbers, as they may be long
	keys        []dimension
	measures    []measure[T]
	// columns are those that add and the keys need. newAdd makes ready, for one worker, what adds row i of a batch to a
	// group; capture number n is the n-th of the command line.
	columns []format.Column
	newAdd  func(c *capture.Capture, n int) (func(b *format.Batch) func(t *T, i int), error)
	merge   func(t, o *T)
	ordered bool // one worker reads all: keys have a state
	// prepare reads what the keys need to know of the whole table first. It may be missing.
	prepare func(e *env, c *capture.Capture) (any, error)
}

// dimension is a key by name. A number is one in JSON.
type dimension struct {
	name   string
	number bool
	right  bool // in a table it stands on the right
	// bind makes a key ready for a capture, of which prepare gave known. codes sets dst to the codes of all rows of a
	// batch; text is what a person reads of a code.
	bind func(c *capture.Capture, known any) (rowKey, error)
}

type rowKey struct {
	codes func(dst []uint64, b *format.Batch)
	text  func(code uint64) string
}

// measure is one number of a group.
type measure[T any] struct {
	name  string // of --sort; "" cannot be sorted by
	head  string // of the column; "" is only in JSON
	field string // of JSON
	value func(t *T) int64
	text  func(t *T) string
	json  func(t *T) any // nil: the value
}

func counted[T any](name string, value func(*T) int64) measure[T] {
	return measure[T]{name: name, head: ">" + name, field: name, value: value, text: func(t *T) string { return countOrNothing(value(t)) }}
}

func sized[T any](name string, value func(*T) int64) measure[T] {
	return measure[T]{name: name, head: ">" + name, field: name + "_bytes", value: value, text: func(t *T) string { return bytesOrNothing(value(t)) }}
}

func timed[T any](name, head, field string, value func(*T) int64) measure[T] {
	return measure[T]{name: name, head: ">" + head, field: field, value: value, text: func(t *T) string {
		if value(t) == 0 {
			return ""
		}
		return nanoseconds(value(t))
	}}
}

func countOrNothing(n int64) string {
	if n == 0 {
		return ""
	}
	return term.Count(n)
}

func bytesOrNothing(n int64) string {
	if n == 0 {
		return ""
	}
	return term.Bytes(n)
}

// maxKeys is how many keys groups can have at once.
const maxKeys = 9

// maxGroups bounds what a capture can make a view keep.
const maxGroups = 1 << 22

// viewGroup is a group of a view.
type viewGroup[T any] struct {
	texts []string
	sum   T
}

func (v *view[T]) keyNames() []string {
	names := make([]string, len(v.keys))
	for i, k := range v.keys {
		names[i] = k.name
	}
	return names
}

// run is the command.
func (v *view[T]) run(e *env, args []string) (err error) {
	o := newOptions(v.name, v.usage).withFilter()
	by := o.StringSlice("by", strings.Split(v.by, ","), "")
	sort := o.String("sort", v.sort, "")
	n := o.IntP("rows", "n", 0, "")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	order := slices.IndexFunc(v.measures, func(m measure[T]) bool { return m.name == *sort })
	if *sort != "group" && (order < 0 || *sort == "") {
		return o.Wrong("cannot sort by %q", *sort)
	}
	for i, name := range *by {
		if !slices.Contains(v.keyNames(), name) || slices.Contains((*by)[:i], name) {
			return o.Wrong("cannot group by %q: only by %s, each once", name, strings.Join(v.keyNames(), ", "))
		}
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closing(set, &err)
	all, err := v.count(e, o.filter, set, *by)
	if err != nil {
		return err
	}
	value := func(*T) int64 { return 0 }
	if order >= 0 {
		value = v.measures[order].value
	}
	list := sortView(all, value)
	left := 0
	if *n > 0 && *n < len(list) {
		list, left = list[:*n], len(list)-*n
	}
	return v.write(e, o.json, *by, list, left)
}

// count makes the groups of all captures.
func (v *view[T]) count(e *env, only *filter.Program, set capture.Set, by []string) (map[string]*viewGroup[T], error) {
	all := map[string]*viewGroup[T]{}
	for n, c := range set {
		if err := v.countOne(e, only, c, n, by, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (v *view[T]) countOne(e *env, only *filter.Program, c *capture.Capture, n int, by []string, all map[string]*viewGroup[T]) error {
	var known any
	var err error
	if v.prepare != nil {
		if known, err = v.prepare(e, c); err != nil {
			return err
		}
	}
	keys := make([]rowKey, len(by))
	for i, name := range by {
		at := slices.IndexFunc(v.keys, func(d dimension) bool { return d.name == name })
		if keys[i], err = v.keys[at].bind(c, known); err != nil {
			return err
		}
	}
	workers := make([]*viewWorker[T], e.workers())
	for i := range workers {
		add, err := v.newAdd(c, n)
		if err != nil {
			return err
		}
		workers[i] = &viewWorker[T]{keys: keys, codes: make([][]uint64, len(keys)), add: add, groups: map[[maxKeys]uint64]*T{}, most: maxGroups}
	}
	s := e.scan(c, v.table, v.columns, only)
	s.Ordered = v.ordered
	err = s.Run(e.ctx, func(worker int, b *format.Batch) error { return workers[worker].count(b) })
	for _, w := range workers {
		for codes, t := range w.groups {
			texts := make([]string, len(keys))
			for i, k := range keys {
				texts[i] = k.text(codes[i])
			}
			id := strings.Join(texts, "\x00")
			if g := all[id]; g != nil {
				v.merge(&g.sum, t)
			} else {
				all[id] = &viewGroup[T]{texts, *t}
			}
		}
	}
	return err
}

// viewWorker is what one reader of a table counts.
type viewWorker[T any] struct {
	keys   []rowKey
	codes  [][]uint64
	add    func(b *format.Batch) func(t *T, i int)
	groups map[[maxKeys]uint64]*T
	most   int
}

func (w *viewWorker[T]) count(b *format.Batch) error {
	for k := range w.keys {
		w.codes[k] = slices.Grow(w.codes[k][:0], b.Rows)[:b.Rows]
		w.keys[k].codes(w.codes[k], b)
	}
	add := w.add(b)
	var last [maxKeys]uint64
	var t *T
	for i := range b.Rows {
		var at [maxKeys]uint64
		for k := range w.codes {
			at[k] = w.codes[k][i]
		}
		if t == nil || at != last {
			if t = w.groups[at]; t == nil {
				t = new(T)
				w.groups[at] = t
			}
			last = at
		}
		add(t, i)
	}
	if len(w.groups) > w.most {
		return fmt.Errorf("more than %d groups", w.most)
	}
	return nil
}

func sortView[T any](all map[string]*viewGroup[T], value func(*T) int64) []*viewGroup[T] {
	return slices.SortedFunc(maps.Values(all), func(a, b *viewGroup[T]) int {
		return cmp.Or(cmp.Compare(value(&b.sum), value(&a.sum)), slices.Compare(a.texts, b.texts))
	})
}

func (v *view[T]) write(e *env, json bool, by []string, list []*viewGroup[T], left int) error {
	if json {
		return jsonline.Write(e.stdout, v.objects(by, list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(e.stdout, v.none)
		return err
	}
	if err := v.textTable(by, list).Write(e.stdout, ""); err != nil || left == 0 {
		return err
	}
	_, err := fmt.Fprintf(e.stdout, "and %s groups more\n", term.Count(int64(left)))
	return err
}

func (v *view[T]) dimension(name string) *dimension {
	return &v.keys[slices.Index(v.keyNames(), name)]
}

func (v *view[T]) textTable(by []string, list []*viewGroup[T]) *term.Table {
	var heads, numbers []string
	for _, name := range by {
		if v.dimension(name).right {
			name = ">" + name
		}
		heads = append(heads, name)
	}
	for _, m := range v.measures {
		if m.head != "" {
			numbers = append(numbers, m.head)
		}
	}
	t := term.NewTable(v.line(heads, numbers)...)
	for _, g := range list {
		var cells []string
		for _, m := range v.measures {
			if m.head != "" {
				cells = append(cells, m.text(&g.sum))
			}
		}
		t.Row(v.line(g.texts, cells)...)
	}
	return t
}

// line puts keys and numbers in their order.
func (v *view[T]) line(keys, numbers []string) []string {
	if v.namesLast {
		keys, numbers = numbers, keys
	}
	return append(slices.Clone(keys), numbers...)
}

// objects are the groups for machines. A key that is a number is null where it is not known.
func (v *view[T]) objects(by []string, list []*viewGroup[T]) []map[string]any {
	objects := make([]map[string]any, 0, len(list))
	for _, g := range list {
		object := map[string]any{}
		for i, name := range by {
			object[name] = g.texts[i]
			if v.dimension(name).number {
				object[name] = nil
				if n, err := strconv.ParseInt(g.texts[i], 10, 64); err == nil {
					object[name] = n
				}
			}
		}
		for _, m := range v.measures {
			if m.json != nil {
				object[m.field] = m.json(&g.sum)
			} else {
				object[m.field] = m.value(&g.sum)
			}
		}
		objects = append(objects, object)
	}
	return objects
}

// The keys of many tables.

func taskDimension(name string, number bool, text func(*capture.Task) string) dimension {
	return dimension{name, number, number, func(c *capture.Capture, _ any) (rowKey, error) {
		tasks, err := c.Tasks()
		if err != nil {
			return rowKey{}, err
		}
		k := taskKey(tasks, text)
		return rowKey{func(dst []uint64, b *format.Batch) { k.codes(dst, b.Column("task"), nil) }, k.text}, nil
	}}
}

var (
	commDimension = taskDimension("comm", false, func(t *capture.Task) string { return t.Comm })
	pidDimension  = taskDimension("pid", true, func(t *capture.Task) string { return strconv.Itoa(int(t.PID)) })
)

// int32Dimension and int64Dimension group by a column of numbers.
func int32Dimension(name string, text func(int32) string) dimension {
	return dimension{name, true, true, func(*capture.Capture, any) (rowKey, error) {
		return rowKey{func(dst []uint64, b *format.Batch) {
			for i, n := range b.Column(name).I32 {
				dst[i] = uint64(uint32(n))
			}
		}, func(code uint64) string { return text(int32(uint32(code))) }}, nil
	}}
}

func int64Dimension(name string, text func(int64) string) dimension {
	return dimension{name, true, true, func(*capture.Capture, any) (rowKey, error) {
		return rowKey{func(dst []uint64, b *format.Batch) {
			for i, n := range b.Column(name).I64 {
				dst[i] = uint64(n)
			}
		}, func(code uint64) string { return text(int64(code)) }}, nil
	}}
}

// words numbers texts, so that they can be codes. It is for one worker.
type words struct {
	list []string
	code map[string]uint64
}

func (w *words) add(text []byte) uint64 {
	if n, ok := w.code[string(text)]; ok {
		return n
	}
	if w.code == nil {
		w.code = map[string]uint64{}
	}
	n := uint64(len(w.list))
	w.list = append(w.list, string(text))
	w.code[w.list[n]] = n
	return n
}

func (w *words) text(code uint64) string { return w.list[code] }
