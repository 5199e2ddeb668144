// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Capture is an open capture with its dimensions, which are loaded when they are first used.
type Capture struct {
	*format.Capture

	ctx    context.Context
	budget *budget.Budget
	calls  *syscalls.Table
	tasks  func() (*Tasks, error)

	mu         sync.Mutex
	dimensions map[string]*Dimension
	counted    map[string]func() (*format.Table, error) // by table, see Counted

	argsRead atomic.Bool // although the recorder was to leave them out
}

// Set is the captures named on one command line.
type Set []*Capture

// Open opens captures by path; "-" is a tar on stdin. Parts of one recording, such as overlapping dumps or a copy,
// become one capture, in which nothing is twice. After an error none stays open.
func Open(ctx context.Context, paths []string, stdin io.Reader) (Set, error) {
	all, err := openAll(ctx, paths, stdin)
	if err != nil {
		return nil, err
	}
	var set Set
	for len(all) > 0 {
		parts := all[:1:1]
		var others []*format.Capture
		for _, c := range all[1:] {
			if format.SameRecording(all[0], c) {
				parts = append(parts, c)
			} else {
				others = append(others, c)
			}
		}
		set = append(set, New(ctx, format.Union(parts...)))
		all = others
	}
	return set, nil
}

// OpenEach is Open for programs that show captures as they are: each path is one capture.
func OpenEach(ctx context.Context, paths []string, stdin io.Reader) (set Set, err error) {
	all, err := openAll(ctx, paths, stdin)
	for _, c := range all {
		set = append(set, New(ctx, c))
	}
	return set, err
}

// OpenRecording opens captures of one recording as one, as they are: without joins, and without columns of this version
// that they lack.
func OpenRecording(ctx context.Context, paths []string, stdin io.Reader) (*format.Capture, error) {
	all, err := openAll(ctx, paths, stdin)
	if err != nil {
		return nil, err
	}
	one := format.Union(all...)
	for _, c := range all[1:] {
		if !format.SameRecording(all[0], c) {
			err := fmt.Errorf("opening %s: of another recording than %s", c.Path, all[0].Path)
			return nil, errors.Join(cli.WithHint(err, "take captures of different recordings one by one"), one.Close())
		}
	}
	return one, nil
}

func openAll(ctx context.Context, paths []string, stdin io.Reader) (all []*format.Capture, err error) {
	if i := slices.Index(paths, "-"); i >= 0 && slices.Contains(paths[i+1:], "-") {
		return nil, cli.Usage("standard input cannot be read twice")
	}
	opener := format.Opener{MaxBatchBytes: budget.Of(ctx).Batch()}
	for _, path := range paths {
		c, err := open(opener, path, stdin)
		if err != nil {
			errs := []error{hint(err)}
			for _, c := range all {
				errs = append(errs, c.Close())
			}
			return nil, errors.Join(errs...)
		}
		all = append(all, c)
	}
	return all, nil
}

func open(opener format.Opener, path string, stdin io.Reader) (*format.Capture, error) {
	if path == "-" {
		return opener.OpenStream(stdin)
	}
	return opener.Open(path)
}

// New adds the dimensions to an open capture, and to its tables the columns that this version knows and they lack.
// Dimensions are loaded until ctx is canceled.
func New(ctx context.Context, f *format.Capture) *Capture {
	c := &Capture{Capture: f, ctx: ctx, budget: budget.Of(ctx), dimensions: map[string]*Dimension{},
		counted: map[string]func() (*format.Table, error){}}
	for _, t := range f.Tables() {
		t.AddColumns(lacking(t.Schema)...)
	}
	c.tasks = sync.OnceValues(func() (*Tasks, error) { return loadTasks(c.Dimension("task")) })
	calls, err := syscalls.ForArch(f.Manifest.Arch)
	if err != nil { // unknown architecture: show calls by number
		calls = new(syscalls.Table)
	}
	c.calls = calls
	return c
}

// hint adds a hint for the user to an error of format.
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

// Warn prints a warning for each damage of the captures. The rest of a damaged capture can be read.
func (s Set) Warn(stderr io.Writer, program string) {
	for _, c := range s {
		for _, damage := range c.Damage() {
			cli.Warn(stderr, program, c.Path+": "+damage.Error())
		}
	}
}

// Close closes all captures.
func (s Set) Close() error {
	var errs []error
	for _, c := range s {
		errs = append(errs, c.Capture.Close())
	}
	return errors.Join(errs...)
}

// Tasks returns the rows of the dimension task.
func (c *Capture) Tasks() (*Tasks, error) { return c.tasks() }

// Calls returns the system calls of the recorded host. If its architecture is unknown, so are all calls.
func (c *Capture) Calls() *syscalls.Table { return c.calls }

// Label returns the text that says which capture a row is from: the path, or "" if there is only one capture.
func (s Set) Label(c *Capture) string {
	if len(s) < 2 {
		return ""
	}
	return c.Path
}
