// SPDX-License-Identifier: Apache-2.0

// Package budget bounds the memory that a program takes to read a capture, whatever the capture contains.
//
// What grows with a capture (dimensions, groups, lists) reserves its memory before it takes it, and has to do with less
// or fail if there is no room. For all else the heap is looked at after each garbage collection. A program that takes
// too much is stopped with an error, before the system stops it without one.
package budget
