// SPDX-License-Identifier: Apache-2.0

// Command replay plays the events of captures back in the order of time, through a filter.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/merge"
	"github.com/fletch-trace/fletch/internal/term"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run runs the program and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.Interruptible()
	defer stop()
	return cli.Exit(stderr, "replay", replay(ctx, args, stdin, stdout, stderr))
}

// replay writes the events that the command line asks for.
func replay(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stdout)
	if o == nil {
		return err
	}
	b, err := o.memory.Budget()
	if err != nil {
		return err
	}
	ctx, stop := b.Watch(ctx, "replay", stderr)
	defer stop()
	return b.Error(playAll(ctx, o, stdin, stdout, stderr))
}

// playAll opens the captures and writes their events.
func playAll(ctx context.Context, o *options, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	set, err := capture.Open(ctx, o.captures, stdin)
	if err != nil {
		return err
	}
	defer func() {
		set.WarnLacking(stderr, "replay")
		err = errors.Join(err, set.Close())
	}()
	set.Warn(stderr, "replay")
	span, err := set.Window(o.from, o.to, o.zone())
	if err != nil {
		return err
	}
	if o.arrow {
		return writeArrow(ctx, o, set, span, stdout)
	}
	sources, err := newSources(ctx, o, set, span)
	if err != nil {
		return err
	}
	p := newPlayer(ctx, stdout, o.speed, o.rows)
	p.start = span.Start
	if !term.IsTerminal(stdout) && o.speed == 0 {
		defer progress(stderr, sources).Stop()
	}
	err = merge.Merge(ctx, sources, mergeOptions(budget.Of(ctx)), p.play)
	if err = p.finish(err); err == nil && !p.played {
		cli.Warn(stderr, "replay", nothing(o, span))
	}
	return err
}

// mergeOptions divides the memory.
func mergeOptions(b *budget.Budget) merge.Options {
	o := merge.Options{Workers: b.Workers(), Window: 64 << 20, Late: 64 << 20}
	o.Window, o.Late = min(o.Window, b.Share(8)), min(o.Late, b.Share(8))
	o.Run, o.Held = int(b.Share(int64(16*o.Workers))), b.Share(4)
	return o
}

// nothing says why no events were written.
func nothing(o *options, span capture.Window) string {
	if o.filter == "" && span.All() {
		return "no events were recorded"
	}
	return "no event matches"
}

// progress shows on a terminal how many rows have been read, after the first second.
func progress(stderr io.Writer, sources []merge.Source) *term.Progress {
	return term.StartProgress(stderr, time.Second, func(elapsed time.Duration) string {
		all, read := int64(0), int64(0)
		for _, s := range sources {
			all, read = all+s.(*source).table.Rows, read+s.(*source).read.Load()
		}
		return fmt.Sprintf("%d %%, %s rows, %s", 100*read/max(all, 1), term.Count(read), term.Rate(read, elapsed))
	})
}
