// SPDX-License-Identifier: Apache-2.0

package zstd

// For the tests in package zstd_test, which use package format: that imports this one.
var (
	Scripted     = scripted
	RandomScript = randomScript
	Columns      = columns
	Structured   = structured
)
