//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"path/filepath"

	"github.com/fletch-trace/fletch/format"
)

// A destination is where the recording goes.
type destination struct {
	w         *format.Writer
	directory *directory // nil: it is no flight recorder
	stream    *stream    // nil: nothing goes to standard output
}

// create begins the capture; a flight recorder's is its window.
func create(cfg *Config, m format.Manifest) (to destination, err error) {
	opt := format.WriterOptions{Force: cfg.Force, UID: cfg.UID, GID: cfg.GID, Memory: cfg.InMemory}
	path := cfg.Path
	if path == "-" {
		to.stream = &stream{w: cfg.Stdout}
		opt.Stdout = to.stream
	}
	if cfg.flight() {
		if to.directory, err = openDirectory(path, cfg.Force, cfg.UID, cfg.GID); err != nil {
			return to, err
		}
		path, opt.Force = filepath.Join(path, WindowName), false
	}
	if to.w, err = format.Create(path, m, opt); err != nil {
		return to, errors.Join(err, to.directory.undo())
	}
	return to, nil
}

// abort takes back what create made.
func (to destination) abort() error { return errors.Join(to.w.Abort(), to.directory.undo()) }
