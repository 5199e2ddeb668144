// SPDX-License-Identifier: Apache-2.0

// Package cli is the common part of all command lines: flags, help and version, errors with hints, exit codes, signals,
// and flag values such as sizes and times.
package cli
