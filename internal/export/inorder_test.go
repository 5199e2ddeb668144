// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestInOrder(t *testing.T) {
	for _, workers := range []int{1, 3, 8} {
		var got []string
		err := inOrder(200, workers, func(_, i int, dst []byte) ([]byte, error) {
			time.Sleep(time.Duration(i%3) * 100 * time.Microsecond)
			return strconv.AppendInt(dst, int64(i), 10), nil
		}, func(text []byte) error {
			got = append(got, string(text))
			return nil
		})
		if err != nil || len(got) != 200 {
			t.Fatalf("%d results, %v", len(got), err)
		}
		for i, text := range got {
			if text != strconv.Itoa(i) {
				t.Fatalf("result %d is %s", i, text)
			}
		}
	}
	broken := errors.New("broken")
	var made atomic.Int32
	err := inOrder(1_000_000, 4, func(_, i int, dst []byte) ([]byte, error) {
		made.Add(1)
		if i == 50 {
			return nil, broken
		}
		return dst, nil
	}, func([]byte) error { return nil })
	if !errors.Is(err, broken) || made.Load() > 1000 {
		t.Errorf("got %v after %d results", err, made.Load())
	}
	nothing := func(_, i int, dst []byte) ([]byte, error) { return dst, nil }
	err = inOrder(10, 2, nothing, func([]byte) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("use fails: got %v", err)
	}
}
