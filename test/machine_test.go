// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// needDisposable skips where the machine may be of use to somebody: what follows takes CPUs from it, sets its clock,
// puts it to sleep.
func needDisposable(t *testing.T) {
	t.Helper()
	if os.Getenv("FLETCH_MACHINE") != "disposable" {
		t.Skip("it is the whole machine's; in the ones that test/kernel.sh boots it is done")
	}
	needKernel(t)
}

func reading(t *testing.T, clock int32) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

// startKnown is a flight recorder that keeps everything, of the workload's known calls on the whole host. What it says
// in its dumps is how a test knows what it has noticed.
func startKnown(t *testing.T, args ...string) *flight {
	t.Helper()
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // no signals, so no rt_sigreturn, in the workload's threads
	return startFlight(t, append(args, "-e", "process,syscall", "--last", "1h", "--comm", callName)...)
}

// changes waits until the recorder has noticed something n times, and gives what it says of them.
func (f *flight) changes(what string, n int) (found []format.Change) {
	f.t.Helper()
	waitFor(f.t, "the recorder to notice "+what, func() bool {
		before := len(f.dumps("sigusr2"))
		f.Process.Signal(syscall.SIGUSR2)
		waitFor(f.t, "a dump", func() bool { return len(f.dumps("sigusr2")) > before })
		c, err := format.Open(f.dumps("sigusr2")[before])
		if err != nil {
			f.t.Fatal(err)
		}
		defer c.Close()
		found = only(c.Manifest.Changes, what)
		return len(found) >= n
	})
	return found
}

func only(changes []format.Change, what string) []format.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c format.Change) bool { return c.What != what })
}

// end stops the recording and opens all of it.
func (f *flight) end() *format.Capture {
	f.t.Helper()
	f.stop()
	if len(f.dumps("end")) != 1 {
		f.t.Fatalf("%d dumps at the end", len(f.dumps("end")))
	}
	return f.wantDump(f.dumps("end")[0], "end")
}

// A knownRun is one of the workload's known calls.
type knownRun struct {
	pid      int64
	want     int64 // rows: the calls, and those that give the names up
	from, to int64 // monotonic ns
}

// runKnown makes calls of threads that may run on these CPUs only, or on all.
func runKnown(t *testing.T, calls, threads int64, cpus ...int) knownRun {
	t.Helper()
	if len(cpus) > 0 {
		var all, these unix.CPUSet
		for _, cpu := range cpus {
			these.Set(cpu)
		}
		runtime.LockOSThread() // which the workload is forked from
		defer runtime.UnlockOSThread()
		if err := unix.SchedGetaffinity(0, &all); err != nil {
			t.Fatal(err)
		}
		if err := unix.SchedSetaffinity(0, &these); err != nil {
			t.Fatal(err)
		}
		defer unix.SchedSetaffinity(0, &all)
	}
	from := reading(t, unix.CLOCK_MONOTONIC)
	out, err := exec.Command(program("workload"), "calls", strconv.FormatInt(calls, 10),
		strconv.FormatInt(threads, 10)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return knownRun{parseReport(t, string(out)).PID, (calls + 1) * threads, from, reading(t, unix.CLOCK_MONOTONIC)}
}

// wantRuns: of all calls that were made, each is a row or counted as lost; those of a run lie in its time.
func wantRuns(t *testing.T, c *format.Capture, runs []knownRun) {
	t.Helper()
	var want, recorded int64
	ofRun := make(map[int64]int)
	for i, r := range runs {
		want += r.want
		ofRun[r.pid] = i
	}
	who := processOf(t, c)
	toWall := c.Manifest.Clock[0].Wall - c.Manifest.Clock[0].Monotonic
	for _, r := range rows(t, c, "syscall") {
		recorded++
		i, ok := ofRun[who[r.n("task")]]
		if !ok {
			t.Fatalf("a row of process %d, which is not the workload: %v", who[r.n("task")], r)
		}
		if from, to := runs[i].from+toWall, runs[i].to+toWall; r.n("ts") < from || r.n("ts")+r.n("duration_ns") > to {
			t.Fatalf("run %d was from %d to %d, it has %v", i, from, to, r)
		}
	}
	if lost := c.Lost()["syscall"]; recorded+lost != want {
		t.Errorf("%d recorded + %d lost = %d, want %d", recorded, lost, recorded+lost, want)
	}
	// What it says of the time it spans is of the same time.
	if took, want := c.Manifest.End.Sub(c.Manifest.Start),
		time.Duration(runs[len(runs)-1].to-runs[0].from); took < want {
		t.Errorf("it says that it took %v, the runs took %v", took, want)
	}
	last := c.Manifest.Start
	for _, change := range c.Manifest.Changes {
		if change.TS.Before(last) || change.TS.After(c.Manifest.End) {
			t.Errorf("%+v is not between what came before it (%v) and the end (%v)", change, last, c.Manifest.End)
		}
		last = change.TS
	}
}

// onCPU counts the rows of a table by CPU.
func onCPU(t *testing.T, c *format.Capture, table string) map[int64]int64 {
	t.Helper()
	byCPU := make(map[int64]int64)
	for _, r := range rows(t, c, table) {
		n := int64(1)
		if table == "loss" {
			n = r.n("count")
		}
		byCPU[r.n("cpu")] += n
	}
	return byCPU
}

// removable are the CPUs that can be taken away one after the other.
func removable(t *testing.T) (cpus []int) {
	t.Helper()
	needDisposable(t)
	switches, _ := filepath.Glob("/sys/devices/system/cpu/cpu*/online")
	for _, name := range switches {
		cpu, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(filepath.Dir(name)), "cpu"))
		if err != nil {
			t.Fatal(err)
		}
		cpus = append(cpus, cpu)
	}
	if len(cpus) == 0 || runtime.NumCPU() < 2 {
		t.Skip("no CPU of this machine can be taken away")
	}
	return cpus
}

// setOnline takes a CPU away or brings it back.
func setOnline(cpu int, online bool) error {
	value := map[bool]string{false: "0", true: "1"}[online]
	return os.WriteFile("/sys/devices/system/cpu/cpu"+strconv.Itoa(cpu)+"/online", []byte(value), 0o644)
}

func mustSetOnline(t *testing.T, cpu int, online bool) {
	t.Helper()
	t.Cleanup(func() { setOnline(cpu, true) })
	if err := setOnline(cpu, online); err != nil {
		t.Fatal(err)
	}
}

// CPUs go and come back while they make calls: each call is a row, or lost and counted.
func TestMachineCPUsGoAndComeBack(t *testing.T) {
	cpus := removable(t)
	for _, test := range []struct {
		name string
		args []string
		lost bool
	}{{"large rings", nil, false}, {"small rings", []string{"-b", "64KiB"}, true}} {
		t.Run(test.name, func(t *testing.T) {
			f := startKnown(t, test.args...)
			var runs []knownRun
			for _, cpu := range cpus {
				over, ended, turns := make(chan bool), make(chan error), 0
				go func() {
					online := true
					for {
						select {
						case <-over:
							ended <- setOnline(cpu, true)
							return
						default:
						}
						online = !online
						if err := setOnline(cpu, online); err != nil {
							ended <- err
							return
						}
						turns++
					}
				}()
				runs = append(runs, runKnown(t, fewer(200_000), 4))
				close(over)
				if err := <-ended; err != nil || turns < 4 {
					t.Fatalf("CPU %d went or came back %d times: %v", cpu, turns, err)
				}
				t.Logf("CPU %d went or came back %d times", cpu, turns)
			}
			for _, cpu := range cpus {
				seen := len(f.changes("cpu", 0))
				if seen%2 == 1 { // the last thing it has noticed is that one went
					seen = len(f.changes("cpu", seen+1))
				}
				mustSetOnline(t, cpu, false)
				f.changes("cpu", seen+1)
				runs = append(runs, runKnown(t, fewer(20_000), 2))
				mustSetOnline(t, cpu, true)
				told := f.changes("cpu", seen+2)
				want := "CPUs online: " + strings.TrimSpace(read(t, "/sys/devices/system/cpu/online")) + ", before: "
				if last := told[len(told)-1].Detail; !strings.HasPrefix(last, want) {
					t.Errorf("CPU %d is back, and it says: %s", cpu, last)
				}
				runs = append(runs, runKnown(t, fewer(20_000), 2, cpu))
			}
			c := f.end()
			wantRuns(t, c, runs)
			t.Logf("rows by CPU: %v; lost: %v; %d changes", onCPU(t, c, "syscall"), onCPU(t, c, "loss"),
				len(c.Manifest.Changes))
			if lost := c.Lost()["syscall"]; (lost > 0) != test.lost {
				t.Errorf("%d lost", lost)
			}
		})
	}
}

// A CPU that was not there when the recording began is recorded once it is.
func TestMachineCPUComesLater(t *testing.T) {
	for _, cpu := range removable(t) {
		for _, size := range []string{"1MiB", "64KiB"} {
			t.Run("CPU "+strconv.Itoa(cpu)+" with rings of "+size, func(t *testing.T) {
				mustSetOnline(t, cpu, false)
				f := startKnown(t, "-b", size)
				runs := []knownRun{runKnown(t, fewer(10_000), 2)}
				mustSetOnline(t, cpu, true)
				f.changes("cpu", 1)
				there := runKnown(t, fewer(20_000), 2, cpu)
				c := f.end()
				wantRuns(t, c, append(runs, there))
				if n := onCPU(t, c, "syscall")[int64(cpu)] + onCPU(t, c, "loss")[int64(cpu)]; n != there.want {
					t.Errorf("%d rows and losses of CPU %d, want %d", n, cpu, there.want)
				}
				t.Logf("rows by CPU: %v; lost: %v", onCPU(t, c, "syscall"), onCPU(t, c, "loss"))
			})
		}
	}
}

// setClock moves the wall clock, and in the end back.
func setClock(t *testing.T, by time.Duration) {
	t.Helper()
	move := func(by time.Duration) error {
		ts := unix.NsecToTimespec(reading(t, unix.CLOCK_REALTIME) + int64(by))
		return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
	}
	if err := move(by); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { move(-by) })
}

// wantDuration wants the detail of a change to end with a duration, about.
func wantDuration(t *testing.T, c format.Change, want time.Duration) {
	t.Helper()
	words := strings.Fields(c.Detail)
	got, err := time.ParseDuration(words[len(words)-1])
	if err != nil || (got-want).Abs() > time.Second {
		t.Errorf("%s: %s; want %v (%v)", c.What, c.Detail, want, err)
	}
}

// The wall clock jumps by hours while a window is kept. Events stay where they are: in the order and the time of the
// monotonic clock, and in the window.
func TestMachineClockIsSet(t *testing.T) {
	needDisposable(t)
	f := startKnown(t)
	runs := []knownRun{runKnown(t, fewer(10_000), 2)}
	steps := []time.Duration{5 * time.Hour, -9 * time.Hour, 4 * time.Hour}
	for i, step := range steps {
		setClock(t, step)
		told := f.changes("clock", i+1)
		wantDuration(t, told[i], step)
		runs = append(runs, runKnown(t, fewer(10_000), 2))
	}
	c := f.end()
	wantRuns(t, c, runs)
	if n := len(c.Manifest.Changes); n != len(steps) {
		t.Errorf("%d changes, want the %d steps: %+v", n, len(steps), c.Manifest.Changes)
	}
	// The anchors show it too.
	var seen []time.Duration
	for _, clock := range c.Manifest.Clock {
		off := time.Duration(clock.Wall - clock.Monotonic - c.Manifest.Clock[0].Wall +
			c.Manifest.Clock[0].Monotonic).Round(time.Hour)
		if len(seen) == 0 || seen[len(seen)-1] != off {
			seen = append(seen, off)
		}
	}
	if want := []time.Duration{0, 5 * time.Hour, -4 * time.Hour, 0}; !slices.Equal(seen, want) {
		t.Errorf("the anchors are %v off the first, want %v", seen, want)
	}
	last := c.Manifest.Start
	for _, path := range f.dumps("sigusr2") {
		dump := f.wantDump(path, "sigusr2")
		at := dump.Manifest.Dump.TS
		if at.Before(last) || at.After(c.Manifest.End) {
			t.Errorf("%s was made at %v, the one before at %v, the recording ended at %v", path, at, last,
				c.Manifest.End)
		}
		last = at
	}
}

// Rotation and limits go by a clock that nobody sets.
func TestMachineClockIsSetWhileRotating(t *testing.T) {
	needDisposable(t)
	newest := func(path string) int {
		last := 0
		segments, _ := filepath.Glob(filepath.Join(path, "*", "*.arrow"))
		for _, name := range segments {
			n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".arrow"))
			last = max(last, n)
		}
		return last
	}
	finish := func(t *testing.T, rec *exec.Cmd, path string) *format.Capture {
		rec.Process.Signal(syscall.SIGINT)
		if err := rec.Wait(); err != nil {
			t.Error(err)
		}
		c := open(t, path)
		wantComplete(t, c)
		return c
	}
	t.Run("a segment goes on ending in time", func(t *testing.T) {
		rec, path := start(t, "-G", "200ms", "-W", "4")
		for _, step := range []time.Duration{-5 * time.Hour, 10 * time.Hour, -5 * time.Hour} {
			setClock(t, step)
			begun := newest(path)
			waitFor(t, "segments to end", func() bool { return newest(path) >= begun+3 })
		}
		c := finish(t, rec, path)
		wantNamed(t, c)
		if first, last, most := segmentsOf(t, c); most > 4 || last-first >= 4 {
			t.Errorf("segments %d to %d, at most %d of a table; want the newest 4", first, last, most)
		}
	})
	t.Run("and nothing ends before its time", func(t *testing.T) {
		rec, path := start(t, "-G", "1h", "-d", "2h")
		setClock(t, 5*time.Hour)
		// It goes on, past several looks at the time.
		for range 3 {
			before, _ := countRows(t, path)
			waitFor(t, "the recording to go on", func() bool {
				now, _ := countRows(t, path)
				return now["syscall"] > before["syscall"]
			})
		}
		c := finish(t, rec, path)
		if first, last, _ := segmentsOf(t, c); first != 1 || last != 1 {
			t.Errorf("segments %d to %d of a recording of less than an hour", first, last)
		}
	})
	t.Run("the recording ends in time", func(t *testing.T) {
		rec, path := start(t, "-d", "4s")
		waitFor(t, "it to record", func() bool {
			n, _ := countRows(t, path)
			return n["syscall"] > 0
		})
		setClock(t, -9*time.Hour)
		ended := make(chan error, 1)
		go func() { ended <- rec.Wait() }()
		waitFor(t, "its end", func() bool { return len(ended) > 0 })
		if err := <-ended; err != nil {
			t.Error(err)
		}
		c := open(t, path)
		wantComplete(t, c)
		if took := c.Manifest.End.Sub(c.Manifest.Start); took < 4*time.Second {
			t.Errorf("it took %v", took)
		}
		if told := only(c.Manifest.Changes, "clock"); len(told) != 1 {
			t.Errorf("it says of the clock: %+v", told)
		} else {
			wantDuration(t, told[0], -9*time.Hour)
		}
	})
}

// needSleep skips where the machine has no sleep that an alarm ends.
func needSleep(t *testing.T) {
	t.Helper()
	needDisposable(t)
	how, err := os.ReadFile("/sys/power/mem_sleep")
	if err != nil || !strings.Contains(string(how), "deep") {
		// An alarm does not end suspend to idle in QEMU: it is raised where nobody looks then.
		t.Skipf("this machine has no sleep that its alarm ends: mem_sleep is %q (%v)",
			strings.TrimSpace(string(how)), err)
	}
}

// asleep puts the machine to sleep for about so many seconds, and says for how long it was.
func asleep(t *testing.T, seconds int) time.Duration {
	t.Helper()
	write := func(name, value string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	over := func() int64 { return reading(t, unix.CLOCK_BOOTTIME) - reading(t, unix.CLOCK_MONOTONIC) }
	before := over()
	write("/sys/power/mem_sleep", "deep")
	write("/sys/class/rtc/rtc0/wakealarm", "+"+strconv.Itoa(seconds))
	write("/sys/power/state", "mem")
	return time.Duration(over() - before)
}

// The machine sleeps and wakes while it is recorded: nothing is lost, the time asleep is in no duration, and it is
// told.
func TestMachineSleeps(t *testing.T) {
	needSleep(t)
	f := startKnown(t)
	runs := []knownRun{runKnown(t, fewer(10_000), 2)}
	slept := asleep(t, 4) // once: QEMU's alarm ends every further sleep as soon as it has begun
	if slept < time.Second {
		t.Fatalf("it slept for %v", slept)
	}
	told := f.changes("suspend", 1)
	wantDuration(t, told[0], slept)
	runs = append(runs, runKnown(t, fewer(10_000), 2))
	c := f.end()
	wantRuns(t, c, runs)
	wantNoLoss(t, c)
	if told := only(c.Manifest.Changes, "clock"); len(told) > 0 {
		t.Errorf("the clock was not set: %+v", told)
	}
	t.Logf("%+v", c.Manifest.Changes)
}
