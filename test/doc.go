// SPDX-License-Identifier: Apache-2.0

// Package test tests the whole programs: it builds them, records known workloads on the running kernel, and reads the
// captures. The folder also has the scripts that make runs.
package test
