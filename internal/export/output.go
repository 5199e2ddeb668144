// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fletch-trace/fletch/internal/cli"
)

// output is an output directory. Files are created in a temporary directory and moved when all are complete.
type output struct {
	dir, temp string
	mode      fs.FileMode // of files, before the umask
	done      func()      // of cli.AtExit
}

// newOutput makes the temporary directory. It fails if dir has files, unless they may be replaced.
func newOutput(dir string, replace bool, mode fs.FileMode) (*output, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	case len(entries) > 0 && !replace:
		err := fmt.Errorf("creating %s: %w", dir, os.ErrExist)
		return nil, cli.WithHint(err, "choose another directory, or replace files in it with --force")
	}
	// Next to dir, to be on the same file system.
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	o := &output{dir: dir, temp: temp, mode: mode}
	o.done = cli.AtExit(func() { cli.RemoveAll(temp) })
	return o, nil
}

// create creates a file and calls fill to write it, through a buffer.
func (o *output) create(name string, fill func(w io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(o.temp, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, o.mode)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = fill(w); err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.Close())
}

// publish moves the files to the output directory, which it creates if necessary.
func (o *output) publish() error {
	search := o.mode & 0o444 >> 2 // by those who can read the files
	if err := os.MkdirAll(o.dir, o.mode|search); err != nil {
		return fmt.Errorf("creating %s: %w", o.dir, err)
	}
	entries, err := os.ReadDir(o.temp)
	if err != nil {
		return fmt.Errorf("creating %s: %w", o.dir, err)
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(o.temp, e.Name()), filepath.Join(o.dir, e.Name())); err != nil {
			return fmt.Errorf("creating %s: %w", o.dir, err)
		}
	}
	return nil
}

// discard removes the temporary directory, with files that were not published.
func (o *output) discard() {
	os.RemoveAll(o.temp)
	o.done()
}
