// SPDX-License-Identifier: Apache-2.0

package cli

import "io"

// CheckOutput returns nil: where standard output is closed, writing to it fails.
func CheckOutput(io.Writer) error { return nil }
