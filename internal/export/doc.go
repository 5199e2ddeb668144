// SPDX-License-Identifier: Apache-2.0

// Package export writes the tables of captures as files for other programs. Ids are joined with the dimensions that
// they lead to: next to a column of ids the files have columns of what the ids stand for.
//
// Each file format is one file of this package: a type that implements Format, and a call of register.
package export
