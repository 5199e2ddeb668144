// SPDX-License-Identifier: Apache-2.0

// Package merge merges the rows of several tables in order of time, in bounded memory.
//
// Rows are not sorted in the files. A call is written when it returns, but its time is that of its entry; and within a
// block the rows of each CPU come one after the other. Most rows are in a block close to others of their time, but a
// call that took a minute is in a block that was written a minute after its entry. So each block is read in two parts.
// The late rows are those with a time before the end of all blocks that were written more than a window of rows before.
// They are few. They are read when the merge reaches the first of them, and are kept in memory up to a limit, beyond
// that in temporary files. The other rows of the block are read when the merge reaches them. So memory holds about one
// window of rows and the limit of late rows, whatever the size of the capture, and no block is read before it is
// needed.
package merge
