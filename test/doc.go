// SPDX-License-Identifier: Apache-2.0

// Package test proves the programs as their users run them: it builds the binaries, records known workloads on the
// running kernel, and reads the captures back. Its scripts are what make runs.
package test
