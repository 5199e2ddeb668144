// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"io"
	"path"
)

// tarEnd is the number of zeros at the end of a tar, in bytes.
const tarEnd = 2 * tarBlock

// verifyTar checks what is between the files of a tar: each segment is there once, and
// the rest is zeros. A directory has nothing to check.
func (c *Capture) verifyTar(v *Verification) error {
	if c.tar == nil {
		return nil
	}
	size := c.tar.Size()
	file := io.NewSectionReader(c.tar, 0, size)
	archive := tar.NewReader(file)
	known := map[string]bool{}
	end := int64(0) // of the last entry
	for {
		header, err := archive.Next()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil // which is in c.damage
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		content := offset + header.Size
		end = content + -content&(tarBlock-1)
		if end > size {
			break // cut off
		}
		table, base := path.Split(path.Clean(header.Name))
		table = path.Base(table)
		if base == ManifestName && header.Typeflag == tar.TypeReg && header.Size <= maxManifest {
			if err := c.verifyEarlier(v, offset, header.Size); err != nil {
				return err
			}
		}
		if _, _, ok := segmentName(table, base); ok && header.Typeflag == tar.TypeReg {
			name := table + "/" + base
			if known[name] {
				v.add(table, name, "is in the tar more than once")
			}
			known[name] = true
		}
		if zero, err := isZero(c.tar, content, end); err != nil {
			return err
		} else if !zero {
			v.add("", "", "the tar has something after its entry %s", header.Name)
		}
	}
	if c.claims == nil || !c.claims.Complete {
		return nil
	}
	zero, err := isZero(c.tar, end, size)
	switch {
	case err != nil:
		return err
	case !zero:
		v.add("", "", "the tar has something after its end")
	case size-end < tarEnd:
		v.add("", "", "the tar has no end: it was cut off")
	}
	return nil
}

// verifyEarlier checks the checksum of a capture.json in the tar. Of several, the last
// one counts; all are of the same version.
func (c *Capture) verifyEarlier(v *Verification, offset, size int64) error {
	data := make([]byte, size)
	if err := readFull(c.tar, data, offset); err != nil {
		return err
	}
	last := c.claims != nil && sumText(data) == c.manifestSum
	if last || c.claims == nil || c.claims.Format.Minor < 2 {
		return nil
	}
	if err := checkManifest(data); err != nil {
		v.add("", "", "an earlier one: %v", err)
	}
	return nil
}

// isZero reports whether the bytes of r from one offset to another are zeros.
func isZero(r io.ReaderAt, from, to int64) (bool, error) {
	buf, zeros := make([]byte, 32<<10), make([]byte, 32<<10)
	for from < to {
		part := buf[:min(int64(len(buf)), to-from)]
		if err := readFull(r, part, from); err != nil {
			return false, err
		}
		if !bytes.Equal(part, zeros[:len(part)]) {
			return false, nil
		}
		from += int64(len(part))
	}
	return true, nil
}
