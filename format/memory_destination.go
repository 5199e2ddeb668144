// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"sync"
)

// memoryChunk is the unit in which segments grow in memory, in bytes. Each table and
// generation wastes half a chunk on average, and a dump writes each with one write.
const memoryChunk = 64 << 10

// memoryDestination keeps a capture in memory, for dumps.
type memoryDestination struct {
	parent   directory // in which dumps are made
	mu       sync.Mutex
	segments map[string]*memorySegment // by name, until they are removed
	free     [][]byte                  // chunks to be reused
	used     int64                     // bytes of the chunks of segments
}

func newMemoryDestination(parent directory) *memoryDestination {
	return &memoryDestination{parent: parent, segments: map[string]*memorySegment{}}
}

func (m *memoryDestination) parentDirectory() directory { return m.parent }

func (m *memoryDestination) createSegment(table string, n int) (segmentWriter, error) {
	s := &memorySegment{destination: m}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.segments[segmentPath(table, n)] = s
	return s, nil
}

// newChunk returns an empty chunk.
func (m *memoryDestination) newChunk() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used += memoryChunk
	if n := len(m.free); n > 0 {
		c := m.free[n-1]
		m.free = m.free[:n-1]
		return c[:0]
	}
	return make([]byte, 0, memoryChunk)
}

func (m *memoryDestination) removeSegment(table string, n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := segmentPath(table, n)
	if s := m.segments[name]; s != nil {
		m.used -= int64(len(s.chunks)) * memoryChunk
		m.free = append(m.free, s.chunks...)
		delete(m.segments, name)
	}
	return nil
}

func (m *memoryDestination) exportSegment(table string, n int, to *directoryDestination) error {
	m.mu.Lock()
	s := m.segments[segmentPath(table, n)]
	m.mu.Unlock()
	f, err := to.createSegment(table, n)
	if err != nil {
		return err
	}
	for _, c := range s.chunks {
		if _, err = f.Write(c); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

// usedBytes returns the size of all segments in memory.
func (m *memoryDestination) usedBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

func (m *memoryDestination) writeManifest([]byte, bool) error { return nil }

func (m *memoryDestination) buffered() bool { return false }

func (m *memoryDestination) syncSegment(string, int) error { return nil }

func (m *memoryDestination) sync() error { return nil }

func (m *memoryDestination) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.segments, m.free, m.used = nil, nil, 0
	return m.parent.close()
}

func (m *memoryDestination) abort() error { return m.close() }

// memorySegment is one segment. Once it is closed it does not change.
type memorySegment struct {
	destination *memoryDestination
	chunks      [][]byte // all but the last are full
	size        int64
}

func (s *memorySegment) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		last := len(s.chunks) - 1
		if last < 0 || len(s.chunks[last]) == memoryChunk {
			s.chunks = append(s.chunks, s.destination.newChunk())
			last++
		}
		n := min(len(p), memoryChunk-len(s.chunks[last]))
		s.chunks[last] = append(s.chunks[last], p[:n]...)
		p = p[n:]
	}
	s.size += int64(written)
	return written, nil
}

// Truncate is never called, because Write never fails.
func (s *memorySegment) Truncate(size int64) error { return errors.ErrUnsupported }

func (s *memorySegment) Close() error { return nil }

func (s *memorySegment) discard() {}
