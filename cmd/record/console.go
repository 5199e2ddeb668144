// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/term"
)

// A console is the recorder.Observer that reports on standard error.
type console struct {
	stderr      io.Writer
	reportDumps bool
}

func (c *console) Dumped(d recorder.Dump) {
	if !c.reportDumps {
		return
	}
	line := fmt.Sprintf("record: dumped %s (%s events of %s, %s)", term.Escape(d.Path), term.Count(d.Rows),
		term.Duration(d.Length.Round(time.Millisecond)), term.Bytes(d.Bytes))
	if term.IsTerminal(c.stderr) {
		line = "\r\x1b[K" + line // replaces the line of progress
	}
	fmt.Fprintln(c.stderr, line)
}

func (c *console) DumpFailed(err error) {
	if c.reportDumps {
		cli.Warn(c.stderr, "record", err.Error())
	}
}

func (c *console) Miscounted(err error) { cli.Warn(c.stderr, "record", err.Error()) }
