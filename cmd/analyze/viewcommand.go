// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// viewCommand is a command that shows a view.
type viewCommand struct {
	cli.Command
	emptyText string // printed if there are no groups
	view      *view.View
	notes     func(r *view.Result) []string                  // on the table, printed below it; nil: none
	omissions func(e *env, in *view.Input) ([]string, error) // what is not in the numbers; nil: nothing
}

func (c *viewCommand) command() command { return command{c.Command, c.run, c.view} }

func (c *viewCommand) run(e *env, args []string) (err error) {
	o := newCommand(c.Command)
	by := o.StringSlice("by", c.view.By, "group by a `LIST` of "+strings.Join(c.view.KeyNames(), ", "))
	o.ListOf("by", cli.Names(c.view.KeyNames()...)...)
	orders := c.orders()
	sort := o.String("sort", c.view.Sort, "sort by `COLUMN`, the most first: "+cli.Or(orders...))
	o.OneOf("sort", orders...)
	n := o.IntP("rows", "n", 0, "at most `N` groups (default 0: all)")
	o.withFilter("only events for which `EXPR` holds").withJSON("an array of one object for each group")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	if *n < 0 {
		return o.Wrong("a table of %d groups shows nothing", *n)
	}
	order := c.view.SortBy(*sort)
	if *sort != "group" && order == nil {
		return o.Wrong("cannot sort by %q", *sort)
	}
	for i, name := range *by {
		if c.view.Key(name) == nil || slices.Contains((*by)[:i], name) {
			return o.Wrong("cannot group by %q: only by %s, each once", name, strings.Join(c.view.KeyNames(), ", "))
		}
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closeCaptures(set, &err)
	if err := set.CheckNames(o.filter, o.expression, c.view.Table); err != nil {
		return err
	}
	in := e.input(o.filter, set...)
	result, err := c.view.Run(e.ctx, in, *by...)
	if err != nil {
		return err
	}
	e.warnNotRecorded(set, c.view.Table)
	groups := result.Top(*n, order)
	omitted := result.Len() - len(groups)
	if other := result.Other(); other != nil {
		groups = append(groups, other)
	}
	if o.json {
		e.notePartial(e.stderr, set, c.view.Table)
		e.noteCrowded(e.stderr, in)
		if err := c.writeOmissions(e, e.stderr, in); err != nil {
			return err
		}
		return c.writeJSON(e.stdout, groups, *by)
	}
	if err := c.writeTable(e.stdout, groups, *by, omitted); err != nil {
		return err
	}
	e.notePartial(e.stdout, set, c.view.Table)
	e.noteCrowded(e.stdout, in)
	return c.writeNotes(e, result, in)
}

// writeNotes prints what there is to know of the table that was printed.
func (c *viewCommand) writeNotes(e *env, result *view.Result, in *view.Input) error {
	if c.notes != nil {
		for _, note := range c.notes(result) {
			e.note(e.stdout, note)
		}
	}
	return c.writeOmissions(e, e.stdout, in)
}

// noteCrowded says that some groups are one row.
func (e *env) noteCrowded(w io.Writer, in *view.Input) {
	if in.Crowded {
		size := cli.Size(e.budget.Limit())
		e.note(w, fmt.Sprintf("there are more groups than fit into --max-memory %v: "+
			"all further ones are the row (other)", &size))
	}
}

// orders returns the values of --sort.
func (c *viewCommand) orders() (terms []cli.Term) {
	for _, m := range c.view.Measures {
		if c.view.SortBy(m.Name) != nil {
			terms = append(terms, cli.Term{Name: m.Name})
		}
	}
	return append(terms, cli.Term{Name: "group", Text: "in the order of its keys"})
}

// writeOmissions prints what is not in the numbers: below the table, or on stderr where the output is JSON.
func (c *viewCommand) writeOmissions(e *env, w io.Writer, in *view.Input) error {
	if c.omissions == nil {
		return nil
	}
	notes, err := c.omissions(e, in)
	for _, note := range notes {
		e.note(w, note)
	}
	return err
}

// writeJSON prints groups as an array of objects.
func (c *viewCommand) writeJSON(w io.Writer, groups []*view.Group, by []string) error {
	return jsonline.WriteArray(w, len(groups), func(i int) any { return c.view.Fields(groups[i], by...) })
}

// writeTable prints groups as a table, and the number of groups that are omitted.
func (c *viewCommand) writeTable(w io.Writer, groups []*view.Group, by []string, omitted int) error {
	if len(groups) == 0 {
		_, err := fmt.Fprintln(w, c.emptyText)
		return err
	}
	columns, row := c.view.Cells(groups, by...)
	var heads []string
	for _, h := range columns {
		if h.AlignRight {
			h.Name = ">" + h.Name
		}
		heads = append(heads, h.Name)
	}
	t := term.NewTable(heads...)
	t.Rows(len(groups), func(i int) []string { return row(groups[i]) })
	if err := t.Write(w, ""); err != nil || omitted == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "%s more groups\n", term.Count(int64(omitted)))
	return err
}
