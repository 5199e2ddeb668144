// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
)

// maxChecksums limits the segments of a capture that have a checksum in the
// manifest, to keep that far below maxManifest. The tar of a long recording has more.
const maxChecksums = 1 << 16

// setChecksum sets the checksum of a finished segment. w.mu must be held.
func (w *Writer) setChecksum(name string, sum []byte) {
	if len(w.sha256) < maxChecksums {
		w.sha256[name] = hex.EncodeToString(sum)
	}
}

// Verify compares the segments with the checksums in the manifest, and returns how
// many are as they were written, and an error for each that differs, is missing, which
// both are ErrCorrupt, or cannot be read. Segments without a checksum, such as those
// of a recording that was never finished, are not read. It stops when ctx ends.
func (c *Capture) Verify(ctx context.Context) (segments int, problems []error) {
	files := map[string]*Segment{}
	for _, t := range c.tables {
		for i := range t.Segments {
			files[t.Segments[i].Name] = &t.Segments[i]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.SHA256)) {
		if ctx.Err() != nil {
			return segments, append(problems, context.Cause(ctx))
		}
		if err := files[name].verify(c.Manifest.SHA256[name]); err != nil {
			problems = append(problems, fmt.Errorf("segment %s: %w", name, err))
			continue
		}
		segments++
	}
	return segments, problems
}

// verify returns an error unless the file has this checksum. s is nil if it is missing.
func (s *Segment) verify(want string) error {
	if s == nil {
		return fmt.Errorf("%w: it is missing", ErrCorrupt)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s.r, 0, s.Bytes)); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%w: its SHA-256 is %s, not %s", ErrCorrupt, got, want)
	}
	return nil
}
