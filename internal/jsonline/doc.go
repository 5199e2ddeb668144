// SPDX-License-Identifier: Apache-2.0

// Package jsonline formats JSON that is safe to print on a terminal: characters that are invisible, control the
// terminal or change the direction of text are written as \uXXXX.
package jsonline
