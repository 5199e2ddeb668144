// SPDX-License-Identifier: Apache-2.0

package format

import "testing"

// thin is the step in which a test of each operation or byte goes through them: 1, or with -short, as under the race
// detector, few of them, by a prime, so that all kinds have their turn.
func thin(few int) int {
	if testing.Short() {
		return few
	}
	return 1
}
