// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io/fs"
)

// CheckPlace returns ErrRemoved if another program has removed the capture. A program
// that calls it once a second does not record for long what nobody will find.
func (w *Writer) CheckPlace() error {
	if w.destination.removed() {
		return ErrRemoved
	}
	return nil
}

func (d *directoryDestination) removed() bool {
	_, err := d.dir.lstat(ManifestName)
	return errors.Is(err, fs.ErrNotExist)
}

// statable is what can be asked whether it still has a name.
type statable interface{ Stat() (fs.FileInfo, error) }

func (t *tarDestination) removed() bool {
	f, ok := t.file.(statable)
	if !ok {
		return false // a stream, or a simulated disk
	}
	info, err := f.Stat()
	return err == nil && unlinked(info)
}

func (m *memoryDestination) removed() bool {
	info, err := m.parent.lstat(".")
	return err == nil && unlinked(info)
}
