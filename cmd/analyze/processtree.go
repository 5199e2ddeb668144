// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// maxDepth bounds how far a tree is indented.
const maxDepth = 40

// writeTree prints processes, which come in the order of time.
func writeTree(w io.Writer, list []*process, start time.Time) error {
	t := term.NewTable(">pid", ">start", ">lifetime", "status", ">calls", "command")
	for _, p := range list {
		if p.parent == nil {
			drawTree(t, p, start)
		}
	}
	for _, p := range list { // in a capture that somebody made up processes can be each other's parents
		drawTree(t, p, start)
	}
	if t.Len() == 0 {
		_, err := fmt.Fprintln(w, "no processes were recorded")
		return err
	}
	return t.Write(w, "")
}

// branch is a process that is to be drawn.
type branch struct {
	p      *process
	indent string
	last   bool // of its parent's children
}

// drawTree draws root and its descendants, each process once. It does not recurse: a tree can be as deep as a capture
// is long.
func drawTree(t *term.Table, root *process, start time.Time) {
	for todo := []branch{{p: root}}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p := b.p
		if p.drawn {
			continue
		}
		p.drawn = true
		mark, below := "", ""
		switch {
		case p == root:
		case b.last:
			mark, below = "└─ ", "   "
		default:
			mark, below = "├─ ", "│  "
		}
		t.Row(strconv.Itoa(int(p.PID)), p.startText(start), p.lifetimeText(), p.status(), term.Count(p.Calls),
			b.indent+mark+p.command())
		if len(b.indent) < maxDepth*len(below) {
			b.indent += below
		}
		for i, child := range slices.Backward(p.children) {
			todo = append(todo, branch{child, b.indent, i == len(p.children)-1})
		}
	}
}
