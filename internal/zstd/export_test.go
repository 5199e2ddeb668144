// SPDX-License-Identifier: Apache-2.0

package zstd

// What the tests outside the package, which may use package format, take from those inside.
var (
	Scripted     = scripted
	RandomScript = randomScript
	Columns      = columns
	Structured   = structured
)
