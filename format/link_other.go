// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package format

import (
	"errors"
	"io/fs"
	"os"
)

// linkat is not implemented; files are copied instead.
func linkat(from, to *os.File, name string) error { return errors.ErrUnsupported }

// unlinked is not implemented: an open file cannot be removed here.
func unlinked(fs.FileInfo) bool { return false }
