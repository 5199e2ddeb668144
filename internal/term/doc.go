// SPDX-License-Identifier: Apache-2.0

// Package term writes for people: text of strangers made harmless, aligned tables, colour and progress where a terminal
// is on the other side, and numbers as a person reads them.
package term
