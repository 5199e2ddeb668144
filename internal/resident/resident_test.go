// SPDX-License-Identifier: Apache-2.0

package resident

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// What is touched is resident, and no ring.
func TestOf(t *testing.T) {
	before, err := Of(os.Getpid())
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no smaps here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	after, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.Rings+after.Rings != 0 || before.Rest < 1<<20 || after.Rest < before.Rest+int64(len(held))/2 {
		t.Errorf("%+v, and with %d bytes more %+v", before, len(held), after)
	}
	_ = held[0]
}
