// SPDX-License-Identifier: Apache-2.0

// Package cli is what the command lines of all programs have in common: how errors and hints are printed, exit codes,
// help and version, and the values that flags take.
package cli
