// SPDX-License-Identifier: Apache-2.0

//go:build race

package format

// raceDetector: this was built with -race.
const raceDetector = true
