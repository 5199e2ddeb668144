//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Package wait is how a recorder's drain waits between two sweeps: until a time has passed, a ring buffer wakes it up,
// or the recording is over.
//
// Besides ending in time, a wait must cost very little CPU time, because there are eight to two hundred per second on
// the host under observation. And it must end promptly even when all CPUs are busy.
package wait
