// SPDX-License-Identifier: Apache-2.0

package resident

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"
)

// Memory that was written to is resident, and is not counted as rings.
func TestOf(t *testing.T) {
	before, err := Of(os.Getpid())
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("this system has no smaps: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	touched := make([]byte, 64<<20)
	for i := range touched {
		touched[i] = 1
	}
	after, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.Rings+after.Rings != 0 || before.Rest < 1<<20 || after.Rest < before.Rest+int64(len(touched))/2 {
		t.Errorf("%+v, and with %d bytes more %+v", before, len(touched), after)
	}
	runtime.KeepAlive(touched)
}
