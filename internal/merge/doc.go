// SPDX-License-Identifier: Apache-2.0

// Package merge puts the rows of many tables in one order of time with bounded memory.
//
// Rows are not sorted where they lie: a call is written when it returns, with the time at which it began, and each
// processor's rows come in one piece. Most rows are late by no more than a block or two; a call that slept for a minute
// is a minute late. So each block is opened twice. Its few late rows, those from before the end of all blocks that lie
// more than a window of rows earlier, are opened at the block's first moment and set aside, in a file beyond a limit.
// The rest is opened when its own time has come. At any moment no more than a window of rows is in memory, whatever the
// capture, and nothing is read before it is needed.
package merge
