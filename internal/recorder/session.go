//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "github.com/fletch-trace/fletch/bpf"

// Session is what the recorder uses of a bpf.Session, where the methods are documented. The caller opens and closes it.
// All methods are called by one goroutine.
type Session interface {
	Layouts() []*bpf.Layout
	Start(emit bpf.Emit) error
	Announce(emit bpf.Emit) error
	OpenConnections(emit bpf.Emit) error
	Processes(emit bpf.Emit) error
	InFlight(emit bpf.Emit) error
	Sweep(emit bpf.Emit) (fill float64, err error)
	SweepComplete() bool
	Stop(emit bpf.Emit) error

	SetEpoch(n uint32) error
	Shed(on bool) error

	WakeupFD() int
	ClearWakeup()

	Counts(kind uint32, cpu int) bpf.Counts
	Missed(family string) (uint64, error)
}

var _ Session = (*bpf.Session)(nil)
