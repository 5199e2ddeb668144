//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package recorder moves records from the ring buffers of a BPF session into a capture. It has no flags and prints
// nothing: the input is a Config, events are reported to an Observer, and the kernel side is behind the interface
// Session.
//
// One goroutine, the drain, sweeps the rings, gathers records into batches and sends full batches to one of three
// lanes, which compress and write. If a table has no free batch, its records stay in their rings; when a ring is full,
// the BPF programs count what they cannot write as lost. While it records, the drain never blocks on a lane.
//
// A rotating recording is divided into generations: the segments of all tables with the same number. The keeper, a
// goroutine of its own, finishes, dumps and drops generations as a whole.
//
// The parts; each depends only on those above it:
//
//	Budget               divides --max-memory among rings, batches and the window
//	codecPolicy          chooses the compression of each batch
//	machine              reads the clocks; detects suspends, clock steps and CPU hotplug
//	stream               standard output, with its progress
//	lane, lanes          compress and write batches
//	destination, syncer  where the capture is written; periodic fsync
//	table                the batches of one table
//	dimension, ...       rows that events refer to by id, kept for each generation
//	losses, accounts     produced = recorded + lost
//	gatherer             copies records into batches
//	Trigger, matcher     a condition, and its evaluation on batches
//	schedule             when a flight recorder dumps
//	dumper, keeper       make dumps; finish and drop generations
//	shedder              enforces the limits of CPU and memory
//	reporter             fills in manifests and results
//	rotation             ends generations
//	drain                the loop that calls all of these
//	Recorder             opens, starts, runs and finishes one recording
package recorder
