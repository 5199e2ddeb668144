// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fletch-trace/fletch/internal/cli"
)

// output is a directory that appears when all its files are there.
type output struct {
	dir, temp string
}

// newOutput begins an output directory. One that has files is refused, unless force allows to add to it.
func newOutput(dir string, force bool) (*output, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	case len(entries) > 0 && !force:
		return nil, cli.WithHint(fmt.Errorf("creating %s: %w", dir, os.ErrExist), "choose another directory, or replace files in it with --force")
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*") // beside it, to be of the same file system
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", dir, err)
	}
	return &output{dir, temp}, nil
}

// path is where a file is until it is published.
func (o *output) path(name string) string { return filepath.Join(o.temp, name) }

// writeFile makes a file, which fill writes.
func writeFile(path string, fill func(w io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}

// publish moves the files to where they belong.
func (o *output) publish() error {
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
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

// discard removes what was not published.
func (o *output) discard() { os.RemoveAll(o.temp) }
