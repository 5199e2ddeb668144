// SPDX-License-Identifier: Apache-2.0

// Package term formats output for people: it escapes untrusted text, aligns tables, shows colour and progress on a
// terminal, and formats numbers with units.
package term
