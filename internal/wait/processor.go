//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import "runtime"

// AddProcessor lets one goroutine more run at the same time, until remove is called: when the drain is to wake up,
// others may have taken all processors.
func AddProcessor() (remove func()) {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + 1)
	return func() { runtime.GOMAXPROCS(n) }
}
