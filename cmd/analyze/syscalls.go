// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
)

const systemCallsUsage = `example:
    analyze syscalls incident
    analyze syscalls incident --by comm,name --sort errors -n 20
    analyze syscalls incident -Y 'comm == "nginx" && duration_ns > 1000000'

Counts calls and errors of each system call, and how long they took: in all, on
average, at most, and the time that half and 99 of 100 calls did not exceed.

usage:
    analyze syscalls CAPTURE... [flags]

flags:
        --by LIST        group by name, comm, pid, tid, errno or several of them
                         (default name)
        --sort COLUMN    calls, errors, total, mean, max, p50 or p99, the most
                         first, or group (default total)
    -n, --rows N         at most N groups (default 0: all)
    -Y, --filter EXPR    only calls for which EXPR holds
        --json           an array of one object for each group
`

// sorts are the orders of groups; those that are equal come by their texts.
var sorts = map[string]func(g *group) int64{
	"calls":  func(g *group) int64 { return g.calls },
	"errors": func(g *group) int64 { return g.errors },
	"total":  func(g *group) int64 { return g.total },
	"mean":   func(g *group) int64 { return g.mean() },
	"max":    func(g *group) int64 { return g.max },
	"p50":    func(g *group) int64 { return g.quantile(0.5) },
	"p99":    func(g *group) int64 { return g.quantile(0.99) },
	"group":  func(*group) int64 { return 0 },
}

func systemCalls(e *env, args []string) (err error) {
	o := newOptions("syscalls", systemCallsUsage).withFilter()
	by := o.StringSlice("by", []string{"name"}, "")
	sort := o.String("sort", "total", "")
	n := o.IntP("rows", "n", 0, "")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	if sorts[*sort] == nil {
		return o.Wrong("cannot sort by %q", *sort)
	}
	for i, name := range *by {
		if !slices.Contains(keyNames, name) || slices.Contains((*by)[:i], name) {
			return o.Wrong("cannot group by %q: only by %s, each once", name, strings.Join(keyNames, ", "))
		}
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closing(set, &err)
	all := map[string]*group{}
	for _, c := range set {
		if err := countCalls(e, o, c, *by, all); err != nil {
			return err
		}
	}
	list := sortGroups(all, *sort)
	left := 0
	if *n > 0 && *n < len(list) {
		list, left = list[:*n], len(list)-*n
	}
	if o.json {
		return jsonline.Write(e.stdout, groupObjects(*by, list))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(e.stdout, "no such calls were recorded")
		return err
	}
	if err := groupTable(*by, list).Write(e.stdout, ""); err != nil || left == 0 {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "and %s groups more\n", term.Count(int64(left)))
	return err
}

// countCalls adds the groups of one capture to all.
func countCalls(e *env, o *options, c *capture.Capture, by []string, all map[string]*group) error {
	columns := []format.Column{{Name: "nr", Type: format.Int32}, {Name: "task", Type: format.Int32},
		{Name: "ret", Type: format.Int64}, {Name: "duration_ns", Type: format.Int64}}
	keys := make([]key, len(by))
	for i, name := range by {
		tasks := &capture.Tasks{}
		if name != "name" && name != "errno" {
			var err error
			if tasks, err = c.Tasks(); err != nil {
				return err
			}
		}
		keys[i] = newKey(name, c.Calls(), tasks)
	}
	columns = slices.DeleteFunc(columns, func(c format.Column) bool {
		return (c.Name == "nr" || c.Name == "task") && !slices.ContainsFunc(keys, func(k key) bool { return k.column == c.Name })
	})
	workers := make([]*groups, e.workers())
	s := e.scan(c, "syscall", columns, o.filter)
	err := s.Run(e.ctx, func(worker int, b *format.Batch) error {
		if workers[worker] == nil {
			workers[worker] = newGroups(keys)
		}
		workers[worker].add(b)
		return nil
	})
	for _, g := range workers {
		if g != nil {
			g.report(all)
		}
	}
	return err
}

func sortGroups(all map[string]*group, order string) []*group {
	list := make([]*group, 0, len(all))
	for _, g := range all {
		list = append(list, g)
	}
	value := sorts[order]
	slices.SortFunc(list, func(a, b *group) int {
		if c := cmp.Compare(value(b), value(a)); c != 0 {
			return c
		}
		return slices.Compare(a.texts, b.texts)
	})
	return list
}

func groupTable(by []string, list []*group) *term.Table {
	t := term.NewTable(append(slices.Clone(by), ">calls", ">errors", ">total", ">mean", ">p50", ">p99", ">max")...)
	for _, g := range list {
		errors := ""
		if g.errors > 0 {
			errors = term.Count(g.errors)
		}
		t.Row(append(slices.Clone(g.texts), term.Count(g.calls), errors, nanoseconds(g.total), nanoseconds(g.mean()),
			nanoseconds(g.quantile(0.5)), nanoseconds(g.quantile(0.99)), nanoseconds(g.max))...)
	}
	return t
}

func nanoseconds(ns int64) string { return term.Duration(time.Duration(ns)) }

// groupObjects are the groups for machines: the keys are text, but pid and tid are numbers, and null if not known.
func groupObjects(by []string, list []*group) []map[string]any {
	objects := make([]map[string]any, 0, len(list))
	for _, g := range list {
		object := map[string]any{"calls": g.calls, "errors": g.errors, "total_ns": g.total, "mean_ns": g.mean(),
			"max_ns": g.max, "p50_ns": g.quantile(0.5), "p99_ns": g.quantile(0.99)}
		for i, name := range by {
			object[name] = g.texts[i]
			if name == "pid" || name == "tid" {
				object[name] = nil
				if id, err := strconv.Atoi(g.texts[i]); err == nil {
					object[name] = id
				}
			}
		}
		objects = append(objects, object)
	}
	return objects
}
