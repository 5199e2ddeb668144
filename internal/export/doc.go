// SPDX-License-Identifier: Apache-2.0

// Package export writes the tables of captures, with the columns that their ids stand for, as files for other programs.
//
// A file format is one file of this package: a type that is a Format, and the call of register that makes it known.
package export
