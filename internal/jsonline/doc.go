// SPDX-License-Identifier: Apache-2.0

// Package jsonline writes JSON whose text cannot harm a terminal: what is not seen, controls and what turns the
// direction of text included, is written as \uXXXX.
package jsonline
