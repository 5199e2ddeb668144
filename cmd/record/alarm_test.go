// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"
	"time"
)

// A wait ends when something can be read, also when that came while nobody waited, and else when its time is over.
func TestAlarm(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	a, err := newAlarm(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	wait := func(d time.Duration) bool {
		rung, err := a.wait(d)
		if err != nil {
			t.Fatal(err)
		}
		return rung
	}
	if wait(time.Millisecond) {
		t.Error("it rang, and there was nothing to read")
	}
	rest := func() {
		if _, err := r.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		go w.Write([]byte{1})
		if !wait(time.Hour) {
			t.Fatal("it did not ring")
		}
		rest()
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if !wait(time.Hour) {
		t.Error("it did not ring for what was there before")
	}
	rest()
}
