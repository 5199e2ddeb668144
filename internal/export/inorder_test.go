// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

func TestInOrder(t *testing.T) {
	for _, workers := range []int{1, 3, 8} {
		var got []string
		err := inOrder(200, workers, 10, func(_, i int, dst *chunks) error {
			time.Sleep(time.Duration(i%3) * 100 * time.Microsecond)
			dst.Text = strconv.AppendInt(dst.Text, int64(i), 10)
			return nil
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
	err := inOrder(1_000_000, 4, 10, func(_, i int, _ *chunks) error {
		made.Add(1)
		if i == 50 {
			return broken
		}
		return nil
	}, func([]byte) error { return nil })
	if !errors.Is(err, broken) || made.Load() > 1000 {
		t.Errorf("got %v after %d results", err, made.Load())
	}
	long := func(_, _ int, dst *chunks) error {
		dst.Text = append(dst.Text, make([]byte, 10)...)
		return dst.flush()
	}
	err = inOrder(10, 2, 10, long, func([]byte) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("use fails: got %v", err)
	}
}

// However long the text of a job is, only so much of it is in memory.
func TestInOrderHoldsLittle(t *testing.T) {
	const jobs, lines, line, limit = 8, 800, 64 << 10, 1 << 20
	var made, used, most atomic.Int64
	got := []byte{}
	err := inOrder(jobs, 3, limit, func(_, i int, dst *chunks) error {
		for range lines {
			dst.Text = append(dst.Text, make([]byte, line)...)
			dst.Text[len(dst.Text)-1] = byte(i)
			most.Store(max(most.Load(), made.Add(line)-used.Load()))
			if len(dst.Text) < dst.limit {
				continue
			}
			if err := dst.flush(); err != nil {
				return err
			}
		}
		return nil
	}, func(text []byte) error {
		used.Add(int64(len(text)))
		got = append(got, text[len(text)-1])
		return nil
	})
	if err != nil || used.Load() != jobs*lines*line || !slices.IsSorted(got) {
		t.Errorf("%d bytes, in order %v, %v", used.Load(), got, err)
	}
	if most.Load() > 4*3*(limit+line) {
		t.Errorf("%d bytes in memory", most.Load())
	}
}
