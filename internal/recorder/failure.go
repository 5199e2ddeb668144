//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "sync/atomic"

// A failure is the first error of a goroutine, for the drain to find.
type failure struct{ first atomic.Pointer[error] }

func (f *failure) set(err error) { f.first.CompareAndSwap(nil, &err) }

// err is nil as long as nothing has failed.
func (f *failure) err() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}
