// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package format

import "io/fs"

// owned reports whether a file belongs to this user. Here it is not asked: nothing
// that is empty is lost.
func owned(fs.FileInfo) bool { return true }
