// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"errors"
	"testing"
)

// An account reserves what is more than before, keeps it after an error, and gives it back once.
func TestAccount(t *testing.T) {
	b := New(Least)
	room := b.heap() / 8 * 5
	a := b.Account("the rows")
	for _, bytes := range []int64{room / 2, room / 4, room} {
		if err := a.Set(bytes); err != nil {
			t.Errorf("%d bytes: %v", bytes, err)
		}
	}
	if err := a.Set(room + 1); !errors.Is(err, ErrExceeded) {
		t.Errorf("more than there is: %v", err)
	}
	if b.TryReserve(1) {
		t.Error("there is room beside an account of all of it")
	}
	a.Release()
	if !b.TryReserve(room) {
		t.Error("no room after the account was released")
	}
}
