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

// needDisposable skips the test outside the virtual machines of test/kernel.sh, because it takes CPUs offline, sets the
// clock or suspends the machine.
func needDisposable(t *testing.T) {
	t.Helper()
	if os.Getenv("FLETCH_MACHINE") != "disposable" {
		t.Skip("changes the state of the machine, so it only runs in those that test/kernel.sh boots")
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

// startKnown starts a flight recorder with an unlimited window for the known calls on the whole host. Its dumps show a
// test which changes of the machine it has noticed.
func startKnown(t *testing.T, args ...string) *flight {
	t.Helper()
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // no signals, so no rt_sigreturn, in the workload's threads
	return startFlight(t, append(args, "-e", "process,syscall", "--last", "1h", "--comm", callName)...)
}

// changes dumps until the recorder has noticed n changes of a kind, and returns them.
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

// end stops the recording and opens the dump of the whole window.
func (f *flight) end() *format.Capture {
	f.t.Helper()
	f.stop()
	if len(f.dumps("end")) != 1 {
		f.t.Fatalf("%d dumps at the end", len(f.dumps("end")))
	}
	return f.wantDump(f.dumps("end")[0], "end")
}

// A knownRun is one run of `workload calls`.
type knownRun struct {
	pid      int64
	want     int64 // rows: the calls, and the two of prctl of each thread
	from, to int64 // monotonic ns
}

// runKnown runs `workload calls`, on these CPUs only if any are given.
func runKnown(t *testing.T, calls, threads int64, cpus ...int) knownRun {
	t.Helper()
	if len(cpus) > 0 {
		var all, these unix.CPUSet
		for _, cpu := range cpus {
			these.Set(cpu)
		}
		runtime.LockOSThread() // the workload inherits the affinity of this thread
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
	return knownRun{parseReport(t, string(out)).PID, (calls + 2) * threads, from, reading(t, unix.CLOCK_MONOTONIC)}
}

// wantRuns wants each call of the runs to be a row or counted as lost, and the rows of a run to be within its time.
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
	// The duration in the manifest must be on the same clock.
	if took, want := c.Manifest.End.Sub(c.Manifest.Start),
		time.Duration(runs[len(runs)-1].to-runs[0].from); took < want {
		t.Errorf("the manifest has a duration of %v, the runs took %v", took, want)
	}
	last := c.Manifest.Start
	for _, change := range c.Manifest.Changes {
		if change.TS.Before(last) || change.TS.After(c.Manifest.End) {
			t.Errorf("%+v is not between what came before it (%v) and the end (%v)", change, last, c.Manifest.End)
		}
		last = change.TS
	}
}

// onCPU counts the rows of a table by CPU; for table loss, the lost events.
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

// removable returns the CPUs that can be taken offline. It skips the test if there are none.
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
		t.Skip("no CPU of this machine can be taken offline")
	}
	return cpus
}

// setOnline takes a CPU offline or online.
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

// CPUs go offline and online while calls are made on them. Each call is a row or counted as lost.
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
				stop, ended, turns := make(chan bool), make(chan error), 0
				go func() {
					online := true
					for {
						select {
						case <-stop:
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
				close(stop)
				if err := <-ended; err != nil || turns < 4 {
					t.Fatalf("CPU %d was switched %d times: %v", cpu, turns, err)
				}
				t.Logf("CPU %d was switched offline or online %d times", cpu, turns)
			}
			for _, cpu := range cpus {
				seen := len(f.changes("cpu", 0))
				if seen%2 == 1 { // it has not noticed yet that the CPU is online again
					seen = len(f.changes("cpu", seen+1))
				}
				mustSetOnline(t, cpu, false)
				f.changes("cpu", seen+1)
				runs = append(runs, runKnown(t, fewer(20_000), 2))
				mustSetOnline(t, cpu, true)
				changes := f.changes("cpu", seen+2)
				want := "CPUs online: " + strings.TrimSpace(read(t, "/sys/devices/system/cpu/online")) + ", before: "
				if last := changes[len(changes)-1].Detail; !strings.HasPrefix(last, want) {
					t.Errorf("CPU %d is online again; the last change is: %s", cpu, last)
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

// A CPU that was offline when the recording began is recorded once it is online.
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

// setClock steps the wall clock, and steps it back when the test ends.
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

// wantDuration wants the detail of a change to end with a duration, within a second of want.
func wantDuration(t *testing.T, c format.Change, want time.Duration) {
	t.Helper()
	words := strings.Fields(c.Detail)
	got, err := time.ParseDuration(words[len(words)-1])
	if err != nil || (got-want).Abs() > time.Second {
		t.Errorf("%s: %s; want %v (%v)", c.What, c.Detail, want, err)
	}
}

// The wall clock is stepped by hours while a window is kept. Events keep the order and the distances of the monotonic
// clock, and none is dropped from the window.
func TestMachineClockIsSet(t *testing.T) {
	needDisposable(t)
	f := startKnown(t)
	runs := []knownRun{runKnown(t, fewer(10_000), 2)}
	steps := []time.Duration{5 * time.Hour, -9 * time.Hour, 4 * time.Hour}
	for i, step := range steps {
		setClock(t, step)
		wantDuration(t, f.changes("clock", i+1)[i], step)
		runs = append(runs, runKnown(t, fewer(10_000), 2))
	}
	c := f.end()
	wantRuns(t, c, runs)
	if n := len(c.Manifest.Changes); n != len(steps) {
		t.Errorf("%d changes, want the %d steps: %+v", n, len(steps), c.Manifest.Changes)
	}
	// The pairs of monotonic and wall time in the manifest show the steps too.
	var seen []time.Duration
	for _, clock := range c.Manifest.Clock {
		off := time.Duration(clock.Wall - clock.Monotonic - c.Manifest.Clock[0].Wall +
			c.Manifest.Clock[0].Monotonic).Round(time.Hour)
		if len(seen) == 0 || seen[len(seen)-1] != off {
			seen = append(seen, off)
		}
	}
	if want := []time.Duration{0, 5 * time.Hour, -4 * time.Hour, 0}; !slices.Equal(seen, want) {
		t.Errorf("the clocks in the manifest are %v off the first one, want %v", seen, want)
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

// Rotation and limits use the monotonic clock, which cannot be set.
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
		// Several batches later it still records.
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
		if steps := only(c.Manifest.Changes, "clock"); len(steps) != 1 {
			t.Errorf("changes of the clock: %+v, want one", steps)
		} else {
			wantDuration(t, steps[0], -9*time.Hour)
		}
	})
}

// needSleep skips the test if an alarm cannot wake the machine from its sleep state.
func needSleep(t *testing.T) {
	t.Helper()
	needDisposable(t)
	how, err := os.ReadFile("/sys/power/mem_sleep")
	if err != nil || !strings.Contains(string(how), "deep") {
		// In QEMU an alarm does not end suspend to idle.
		t.Skipf("this machine has no sleep that its alarm ends: mem_sleep is %q (%v)",
			strings.TrimSpace(string(how)), err)
	}
}

// asleep suspends the machine for about so many seconds, and returns for how long it was suspended.
func asleep(t *testing.T, seconds int) time.Duration {
	t.Helper()
	write := func(name, value string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	suspended := func() int64 { return reading(t, unix.CLOCK_BOOTTIME) - reading(t, unix.CLOCK_MONOTONIC) }
	before := suspended()
	write("/sys/power/mem_sleep", "deep")
	write("/sys/class/rtc/rtc0/wakealarm", "+"+strconv.Itoa(seconds))
	write("/sys/power/state", "mem")
	return time.Duration(suspended() - before)
}

// The machine is suspended during a recording. Nothing is lost, no duration includes the time of the suspension, and
// the manifest has it as a change.
func TestMachineSleeps(t *testing.T) {
	needSleep(t)
	f := startKnown(t)
	runs := []knownRun{runKnown(t, fewer(10_000), 2)}
	slept := asleep(t, 4) // once: QEMU's alarm ends every further sleep as soon as it has begun
	if slept < time.Second {
		t.Fatalf("it slept for %v", slept)
	}
	wantDuration(t, f.changes("suspend", 1)[0], slept)
	runs = append(runs, runKnown(t, fewer(10_000), 2))
	c := f.end()
	wantRuns(t, c, runs)
	wantNoLoss(t, c)
	if steps := only(c.Manifest.Changes, "clock"); len(steps) > 0 {
		t.Errorf("the clock was not set, but the manifest has %+v", steps)
	}
	t.Logf("%+v", c.Manifest.Changes)
}
