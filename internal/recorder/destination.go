//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A destination is where the recording is written.
type destination struct {
	w         *format.Writer
	directory *directory // nil: not a flight recorder
	stream    *stream    // nil: not standard output
}

// create creates the capture; for a flight recorder, its directory and the window in it.
func create(cfg *Config, m format.Manifest) (d destination, err error) {
	opt := format.WriterOptions{
		Force: cfg.Force, Memory: cfg.InMemory, Syncs: cfg.Sync > 0, NeverDrops: cfg.rotates() && !cfg.drops(),
	}
	path := cfg.Path
	if path == "-" {
		d.stream = &stream{w: cfg.Stdout}
		opt.Stdout = d.stream
	}
	if cfg.flight() {
		if d.directory, err = openDirectory(path, cfg.Force); err != nil {
			return d, err
		}
		path, opt.Force, opt.Parent = filepath.Join(path, WindowName), false, d.directory.root
		m.Dump = &format.Dump{Reason: format.ReasonWindow, TS: m.Start}
	}
	if d.w, err = format.Create(path, m, opt); err != nil {
		return d, errors.Join(err, d.directory.undo())
	}
	return d, nil
}

// abort removes what create created.
func (d destination) abort() error { return errors.Join(d.w.Abort(), d.directory.undo()) }

// A stream is standard output as the destination of a capture. It writes in small chunks and counts them, to tell a
// slow reader from one that no longer reads.
type stream struct {
	w       io.Writer
	written atomic.Int64 // bytes
	writing atomic.Bool  // a write is in progress: the reader is behind
}

const streamChunk = 16 << 10

func (s *stream) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		m := 0
		s.writing.Store(true)
		m, err = s.w.Write(p[:min(len(p), streamChunk)])
		s.writing.Store(false)
		n, p = n+m, p[m:]
		s.written.Add(int64(m))
	}
	return n, err
}

// A syncer calls fsync at intervals, so that a power failure loses little. It has a goroutine of its own, because an
// fsync may take seconds.
type syncer struct {
	stop    chan struct{}
	running sync.WaitGroup
	failed  firstError
}

// startSync calls sync at this interval until close; not at all if the interval is 0. The first error ends it.
func startSync(every time.Duration, sync func() error) *syncer {
	s := &syncer{stop: make(chan struct{})}
	if every <= 0 {
		return s
	}
	s.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-s.stop:
				return
			}
			if err := sync(); err != nil {
				s.failed.set(err)
				return
			}
		}
	})
	return s
}

// close ends the syncer, after an fsync that has begun.
func (s *syncer) close() {
	close(s.stop)
	s.running.Wait()
}
