// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io/fs"
)

// Errors of Open and of the methods that read a capture, for errors.Is.
var (
	ErrNotCapture = errors.New("not a capture")
	ErrVersion    = errors.New("capture of a newer version")
	ErrCorrupt    = errors.New("corrupt capture")
)

// ErrRemoved is the error of Writer.CheckPlace.
var ErrRemoved = errors.New("it was removed while it was being written")

// corrupt wraps an error in ErrCorrupt, unless it comes from the file system.
func corrupt(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
