//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"io"
	"sync/atomic"
)

// A stream is standard output where the capture goes there. A reader that is slow still reads: it is given small
// pieces, so that whoever waits for it sees the progress.
type stream struct {
	w       io.Writer
	written atomic.Int64
	writing atomic.Bool
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
