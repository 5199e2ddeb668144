// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// outcomeView counts what ended how, and how long it took.
var outcomeView = func() *View {
	took := DistributionOf("duration_ns")
	return &View{Table: "syscall", By: []string{"name"}, Keys: []*Key{Call, Errno}, Measures: []*Measure{
		{Name: "calls", Value: Count(nil)}, {Name: "errors", Value: Count(CallEnds(syscalls.Erred))},
		{Name: "expected", Value: Count(CallEnds(syscalls.Expected))},
		{Name: "total", Value: took.Total(), Unit: Nanoseconds, ShowZero: true},
		{Name: "mean", Value: took.Mean(), Unit: Nanoseconds, ShowZero: true},
		{Name: "p99", Value: took.Percentile(99), Unit: Nanoseconds, ShowZero: true},
		{Name: "max", Value: took.Max(), Unit: Nanoseconds, ShowZero: true},
		{Name: "untimed", Value: took.Untimed()},
		{Name: "exactly", Value: MeanOf("duration_ns", nil), Unit: Nanoseconds, ShowZero: true},
	}}
}()

const (
	exitGroup   = 231
	rtSigreturn = 15
)

// TestErrorsThatAreExpected divides error numbers into those that are failures and those that are answers.
func TestErrorsThatAreExpected(t *testing.T) {
	f := fixture.New()
	f.AddSyscall(0, 0, 1, read, -11, 1)
	f.AddSyscall(1, 0, 1, read, -512, 1)
	f.AddSyscall(2, 0, 1, read, -9, 1)
	f.AddSyscall(3, 0, 1, rtSigreturn, -2, 1)
	f.AddSyscall(4, 0, 1, openat, -2, 1)
	in := &Input{Captures: open(t, f)}
	expect(t, lines(t, outcomeView, in, "", 0, "name"),
		"openat,1,1,,1 ns,1 ns,1 ns,1 ns,,1 ns", "read,3,1,2,3 ns,1 ns,1 ns,1 ns,,1 ns",
		"rt_sigreturn,1,,,1 ns,1 ns,1 ns,1 ns,,1 ns")
	expect(t, lines(t, outcomeView, in, "", 0, "errno"),
		"EAGAIN,1,,1,1 ns,1 ns,1 ns,1 ns,,1 ns", "EBADF,1,1,,1 ns,1 ns,1 ns,1 ns,,1 ns",
		"ENOENT,1,1,,1 ns,1 ns,1 ns,1 ns,,1 ns", "ERESTARTSYS,1,,1,1 ns,1 ns,1 ns,1 ns,,1 ns",
		"ok,1,,,1 ns,1 ns,1 ns,1 ns,,1 ns")
}

// TestTimesThatAreNotKnown has a call that does not return, as captures of this format and of 1.1 have it, and one that
// began before the recording.
func TestTimesThatAreNotKnown(t *testing.T) {
	f := fixture.New()
	f.AddSyscall(0, 0, 1, exitGroup, 0, -1)
	f.AddSyscall(1, 0, 1, exitGroup, 0, 0)
	f.AddSyscall(2, 0, 1, read, 1, 0) // below the clock's resolution, but known
	f.AddSyscall(3, 0, 1, read, 1, 10)
	f.AddSyscall(4, 0, 1, read, 1, -1)
	f.AddEvent(fixture.Syscall, 0, 0, 1, fixture.Row{"nr": int32(read), "duration_ns": int64(time.Second),
		"flags": int32(schema.FlagBefore)})
	in := &Input{Captures: open(t, f)}
	expect(t, lines(t, outcomeView, in, "", 0, "name"),
		"exit_group,2,,,-,-,-,-,2,-", "read,4,,,1.00 s,5 ns,10 ns,1.00 s,2,5 ns")
}

// TestCaptureWithoutFlags groups rows of a capture of format 1.1, which lacks the column.
func TestCaptureWithoutFlags(t *testing.T) {
	f := fixture.New()
	old := *fixture.Syscall
	old.Columns = old.Columns[:len(old.Columns)-1]
	f.AddEvent(&old, 0, 0, 1, fixture.Row{"nr": int32(read), "duration_ns": int64(7)})
	expect(t, lines(t, outcomeView, &Input{Captures: open(t, f)}, "", 0, "name"), "read,1,,,7 ns,7 ns,7 ns,7 ns,,7 ns")
}
