// SPDX-License-Identifier: Apache-2.0

package view

import "testing"

func TestDistinct(t *testing.T) {
	var d, o distinct
	if d.count() != 0 {
		t.Errorf("an empty set has %d elements", d.count())
	}
	for _, p := range []uint64{0, 7, 0, 7, 9} {
		d.add(p)
	}
	for _, p := range []uint64{9, 10, 0} {
		o.add(p)
	}
	if d.count() != 3 || o.count() != 3 {
		t.Errorf("got %d and %d, want 3 and 3", d.count(), o.count())
	}
	d.merge(&o)
	d.merge(&distinct{})
	if d.count() != 4 {
		t.Errorf("merged: got %d, want 4", d.count())
	}
}
