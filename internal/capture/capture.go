// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Capture is a capture with its joins, which are loaded when they are first asked for.
type Capture struct {
	*format.Capture

	ctx   context.Context
	calls *syscalls.Table
	tasks func() (*Tasks, error)

	mu         sync.Mutex
	dimensions map[string]*Dimension
}

// Set is the captures of one command line.
type Set []*Capture

// Open opens captures by path; "-" is a tar on stdin. On an error nothing stays open.
func Open(ctx context.Context, paths []string, stdin io.Reader) (Set, error) {
	var set Set
	if i := slices.Index(paths, "-"); i >= 0 && slices.Contains(paths[i+1:], "-") {
		return nil, cli.Usage("standard input cannot be read twice")
	}
	for _, path := range paths {
		c, err := open(ctx, path, stdin)
		if err != nil {
			return nil, errors.Join(err, set.Close())
		}
		set = append(set, c)
	}
	return set, nil
}

func open(ctx context.Context, path string, stdin io.Reader) (*Capture, error) {
	var f *format.Capture
	var err error
	if path == "-" {
		f, err = format.OpenStream(stdin)
	} else {
		f, err = format.Open(path)
	}
	if err != nil {
		return nil, hint(err)
	}
	return New(ctx, f), nil
}

// New adds the joins to an open capture. ctx ends their loading.
func New(ctx context.Context, f *format.Capture) *Capture {
	c := &Capture{Capture: f, ctx: ctx, dimensions: map[string]*Dimension{}}
	c.tasks = sync.OnceValues(func() (*Tasks, error) { return loadTasks(c.Dimension("task")) })
	calls, err := syscalls.ForArch(f.Manifest.Arch)
	if err != nil { // calls without names are still worth seeing
		calls = new(syscalls.Table)
	}
	c.calls = calls
	return c
}

func hint(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cli.WithHint(err,
			"a capture is a directory or a tar that record wrote, or - for a tar on standard input")
	case errors.Is(err, format.ErrNotCapture):
		return cli.WithHint(err,
			"a capture is what record wrote: a directory with "+format.ManifestName+", or a tar of one")
	case errors.Is(err, format.ErrVersion):
		return cli.WithHint(err, "use a version of this program as new as the one that recorded it")
	}
	return err
}

// Warn says on stderr what is damaged; the rest is read all the same.
func (s Set) Warn(stderr io.Writer, program string) {
	for _, c := range s {
		for _, damage := range c.Damage() {
			cli.Warn(stderr, program, c.Path+": "+damage.Error())
		}
	}
}

// Close closes all.
func (s Set) Close() error {
	var errs []error
	for _, c := range s {
		errs = append(errs, c.Capture.Close())
	}
	return errors.Join(errs...)
}

// Tasks are the identities that the column task refers to.
func (c *Capture) Tasks() (*Tasks, error) { return c.tasks() }

// Calls names the system calls of the machine; all are unknown where its architecture is.
func (c *Capture) Calls() *syscalls.Table { return c.calls }

// Label tells the rows of c apart where there are several captures: its path, or nothing where it is the only one.
func (s Set) Label(c *Capture) string {
	if len(s) < 2 {
		return ""
	}
	return c.Path
}
