//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package recorder moves records out of a session's rings into a capture. It knows no flags and prints nothing: a
// Config says what to do, an Observer is told what happens, and a Session is the kernel's side.
//
// One goroutine drains: it sweeps the rings, gathers records into batches and hands full ones to a lane. Two lanes
// compress and write. Where no batch is empty, records stay in their rings, and what the rings cannot hold until then
// is counted as lost by the programs. The drain waits for nothing, until the recording is over.
//
// A recording that rotates is cut into generations: the segments of all tables that have one number. They are finished,
// dumped and dropped as a whole, by the keeper, which has a goroutine of its own.
//
// The parts, each after what it knows of:
//
//	budget               how much memory each part may take
//	codecPolicy          which compression a batch gets
//	machine              clocks, and what happens to the machine meanwhile
//	stream, syncer       standard output; fsync every so often
//	lane, lanes          compress and write batches
//	table                the batches of one table
//	dimension, ...       rows that others refer to, kept for each generation
//	losses, accounts     produced = recorded + lost
//	gatherer             records to batches
//	Trigger, matcher     a condition, and the search for it in batches
//	schedule             which dumps are due
//	dumper, keeper       make dumps, finish and drop generations
//	shedder              keeps to the limits of CPU and memory
//	reporter             what a manifest tells of the recording
//	rotation             when a generation ends, and what happens then
//	drain                the loop over all of it
//	Recorder             opens, starts, runs and finishes one recording
package recorder
