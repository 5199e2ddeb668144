// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Errors of Open and of the methods that read a capture, for errors.Is.
var (
	ErrNotCapture = errors.New("not a capture")
	ErrVersion    = errors.New("capture of a newer version")
	ErrCorrupt    = errors.New("corrupt capture")
)

// ErrRemoved is the error of Writer.CheckPlace, and of a Writer whose files another program has removed. It is an
// os.ErrNotExist too.
var ErrRemoved error = removedError{}

type removedError struct{}

func (removedError) Error() string        { return "it was removed while it was being written" }
func (removedError) Is(target error) bool { return target == os.ErrNotExist }

// ErrTooLarge is the error for a batch with more bytes than Opener.MaxBatchBytes.
var ErrTooLarge = errors.New("a batch is larger than it may be")

// corrupt wraps an error in ErrCorrupt, unless it comes from the file system or from a limit
// of this program.
func corrupt(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}
