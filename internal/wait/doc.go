//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package wait is how the drain of a recorder waits between two sweeps: until a time has passed, a ring has passed its
// mark, or the recording is over.
//
// A wait is not only to end in time. It is also to cost next to nothing on the host under observation, where it happens
// eight to two hundred times a second, and to end at once when all CPUs are busy.
package wait
