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

// maxDepth is the maximum indentation, in levels of the tree.
const maxDepth = 40

// writeTree prints processes, sorted by time, as trees. start is the start of the capture; selected says that there may
// be others.
func writeTree(w io.Writer, list []*process, start time.Time, selected bool) error {
	t := term.NewTable(">pid", ">start", ">lifetime", "status", ">calls", ">cpu", ">memory", "command")
	lines := make([]treeLine, 0, len(list))
	for _, p := range list {
		if p.parent == nil {
			lines = drawTree(lines, p)
		}
	}
	for _, p := range list { // in a forged capture, processes can be each other's parents, so no tree has them yet
		lines = drawTree(lines, p)
	}
	t.Rows(len(lines), func(i int) []string {
		p := lines[i].p
		return []string{strconv.Itoa(int(p.PID)), p.startText(start), p.lifetimeText(), p.status(), p.callsText(),
			p.cpuText(), p.memoryText(), lines[i].indent + lines[i].mark + p.command()}
	})
	if t.Len() == 0 {
		which := "no"
		if selected {
			which = "no such"
		}
		_, err := fmt.Fprintln(w, which+" processes were recorded")
		return err
	}
	return t.Write(w, "")
}

// treeNode is a process to be drawn.
type treeNode struct {
	p      *process
	indent string
	last   bool // of its parent's children
}

// treeLine is a process that was drawn.
type treeLine struct {
	p            *process
	indent, mark string
}

// drawTree appends root and its descendants to lines, each process once. It does not recurse, because a tree may be as
// deep as the capture has processes.
func drawTree(lines []treeLine, root *process) []treeLine {
	for todo := []treeNode{{p: root}}; len(todo) > 0; {
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
		lines = append(lines, treeLine{p, b.indent, mark})
		if len(b.indent) < maxDepth*len(below) {
			b.indent += below
		}
		for i, child := range slices.Backward(p.children) {
			todo = append(todo, treeNode{child, b.indent, i == len(p.children)-1})
		}
	}
	return lines
}
