// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// TestMain is also the program of TestInFlightOfARunningTask: it seeks as fast as it can, each time to another offset,
// which is in two arguments.
func TestMain(m *testing.M) {
	if os.Getenv("FLETCH_SEEK") == "" {
		os.Exit(m.Run())
	}
	for i := uintptr(1); os.Getppid() != 1 || i%1024 != 0; i++ {
		unix.RawSyscall(unix.SYS_LSEEK, ^uintptr(0), i, i)
	}
}

// A reader is a process (cat) that reads a byte and writes it whenever it gets one, and the session that records it.
type reader struct {
	t       *testing.T
	session *Session
	in      io.WriteCloser
	pid     int
}

func newReader(t *testing.T) *reader {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	s, err := Open(Options{
		Families: []string{"process", "syscall", "file"}, PIDs: []int{cmd.Process.Pid}, RingSize: 1 << 16,
	})
	if errors.Is(err, ErrPrivilege) || errors.Is(err, ErrNoBTF) {
		t.Skipf("cannot record here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	waitForRead(t, cmd.Process.Pid)
	r := &reader{t: t, session: s, in: in, pid: cmd.Process.Pid}
	if err := s.Start(func(*Layout, Records, int32) error { return nil }); err != nil {
		t.Fatal(err)
	}
	r.read(1) // its first read began before the recording
	return r
}

// waitForRead waits until the process reads its standard input. What it did to start is not recorded then.
func waitForRead(t *testing.T, pid int) {
	t.Helper()
	in := fmt.Sprintf("%d 0x0 ", unix.SYS_READ)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(call), in) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process does not read: /proc/%d/syscall is %q", pid, call)
		}
	}
}

// read lets the process read n bytes one by one, and returns what was recorded meanwhile, by table.
func (r *reader) read(n int) map[string]*format.Batch {
	const calls = 2 // for each byte: read, write
	got := make(map[string]*format.Batch)
	before := r.lost()
	deadline := time.Now().Add(20 * time.Second)
	for i := range n {
		if _, err := r.in.Write([]byte("x")); err != nil {
			r.t.Fatal(err)
		}
		for rows(got["syscall"])+int(r.lost()-before) < calls*(i+1) {
			if time.Now().After(deadline) {
				r.t.Fatalf("%d system calls recorded after %d reads", rows(got["syscall"]), i+1)
			}
			if _, err := r.session.Sweep(func(l *Layout, recs Records, cpu int32) error {
				if got[l.Schema.Table] == nil {
					got[l.Schema.Table] = format.NewBatch(l.Schema)
				}
				l.Gather(got[l.Schema.Table], recs, cpu, 0)
				return nil
			}); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	return got
}

// lost is how many system calls were counted as lost.
func (r *reader) lost() (n uint64) {
	for cpu := range r.session.CPUs {
		n += r.session.Counts(kindOf(r.session, "syscall"), cpu).Lost
	}
	return n
}

func kindOf(s *Session, table string) uint32 { return layoutOf(s.Layouts(), table).Kind }

func rows(b *format.Batch) int {
	if b == nil {
		return 0
	}
	return b.Rows
}

// Tasks and paths are announced once in each epoch, with the same id; also for a call that began in an earlier epoch.
func TestEpoch(t *testing.T) {
	r := newReader(t)
	r.read(2)
	if again := r.read(2); rows(again["task"])+rows(again["path"]) != 0 {
		t.Fatalf("%d tasks and %d paths announced twice in one epoch", rows(again["task"]), rows(again["path"]))
	}
	for epoch := range uint32(3) {
		if err := r.session.SetEpoch(epoch + 1); err != nil {
			t.Fatal(err)
		}
		got := r.read(2)
		if rows(got["task"]) != 1 || rows(got["path"]) != 2 {
			t.Fatalf("epoch %d: %d tasks and %d paths announced, want 1 and 2",
				epoch+1, rows(got["task"]), rows(got["path"]))
		}
		task := got["task"].Column("task").I32[0]
		for _, id := range got["syscall"].Column("task").I32 {
			if id != task {
				t.Errorf("epoch %d: a call of task %d, but task %d was announced", epoch+1, id, task)
			}
		}
		announced := map[int32]bool{0: true}
		for _, id := range got["path"].Column("path").I32 {
			announced[id] = true
		}
		for _, id := range got["file"].Column("path").I32 {
			if !announced[id] {
				t.Errorf("epoch %d: path %d was not announced in it", epoch+1, id)
			}
		}
	}
}

// Without bpf_rdonly_cast the programs do not call it, and record the same paths.
func TestWithoutCasts(t *testing.T) {
	spec, err := loadFletch()
	if err != nil {
		t.Fatal(err)
	}
	original := canCast
	defer func() { canCast = original }()
	canCast = func(*btf.Spec) bool { return false }
	if err := setCasts(spec, nil); err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		for _, ins := range p.Instructions {
			if ins.IsKfuncCall() {
				t.Errorf("%s still calls a kernel function: %v", name, ins)
			}
		}
	}
	var with, without []string
	for _, names := range []*[]string{&without, &with} {
		r := newReader(t)
		r.read(1)
		if err := r.session.SetEpoch(1); err != nil { // its paths are announced again
			t.Fatal(err)
		}
		got := r.read(3)
		if rows(got["file"]) < 6 {
			t.Errorf("%d reads and writes recorded, want 6 at least", rows(got["file"]))
		}
		for i := range rows(got["path"]) {
			*names = append(*names, got["path"].Column("name").Str.At(i)[:5])
		}
		slices.Sort(*names) // if the process migrates, the rings of two CPUs have its paths, in any order
		canCast = original
	}
	if want := []string{"/dev/", "pipe:"}; !slices.Equal(with, want) || !slices.Equal(without, want) {
		t.Errorf("paths %q without, %q with, want a pipe and a device", without, with)
	}
}

// While shedding, bulk records are counted as lost and not written.
func TestShed(t *testing.T) {
	r := newReader(t)
	if got := r.read(2); rows(got["syscall"]) < 4 {
		t.Fatalf("%d calls recorded, want 4 at least", rows(got["syscall"]))
	}
	if err := r.session.Shed(true); err != nil {
		t.Fatal(err)
	}
	before := r.lost()
	if got := r.read(5); rows(got["syscall"]) != 0 || r.lost()-before < 10 {
		t.Errorf("shedding: %d rows and %d lost, want 0 and 10 at least", rows(got["syscall"]), r.lost()-before)
	}
	if err := r.session.Shed(false); err != nil {
		t.Fatal(err)
	}
	if got := r.read(2); rows(got["syscall"]) < 4 {
		t.Errorf("after shedding %d calls recorded, want 4 at least", rows(got["syscall"]))
	}
}

// emit lets the process read until n more calls have been recorded, and leaves their records in the ring.
func (r *reader) emit(n uint64) {
	emitted := func() (sum uint64) {
		for cpu := range r.session.CPUs {
			sum += r.session.Counts(kindOf(r.session, "syscall"), cpu).Emitted
		}
		return sum
	}
	// Wait until the process blocks in a read: if it got two bytes at once, that would be one read.
	from := emitted()
	for idle := time.Now(); time.Since(idle) < 50*time.Millisecond; {
		if now := emitted(); now != from {
			from, idle = now, time.Now()
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for done := uint64(2); done < n+2; done += 2 { // read, write
		if _, err := r.in.Write([]byte("x")); err != nil {
			r.t.Fatal(err)
		}
		for emitted() < from+done {
			if time.Now().After(deadline) {
				r.t.Fatalf("%d system calls recorded, want %d", emitted()-from, n)
			}
		}
	}
}

// wakeupPending reports whether WakeupFD is readable.
func (r *reader) wakeupPending() bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.session.WakeupFD()), Events: unix.POLLIN}}, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return n > 0
}

// A ring that passes its wake-up mark makes WakeupFD readable once, and again after it was swept and passes it again.
func TestWakeup(t *testing.T) {
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	r := newReader(t)
	// On one CPU all records are in one ring.
	for cpu := range 1024 {
		if allowed.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(r.pid, &one); err != nil {
		t.Fatal(err)
	}
	r.read(1)
	r.session.ClearWakeup()
	const ring, record = 1 << 15, 64 // bytes: half of newReader's RingSize; a call with three arguments
	mark := uint64(ring / wakeupFraction / record)
	r.emit(mark / 2)
	if r.wakeupPending() {
		t.Fatal("woken up by a ring that is an eighth full")
	}
	r.emit(mark)
	if !r.wakeupPending() {
		t.Fatal("not woken up by a ring that is more than a quarter full")
	}
	r.session.ClearWakeup()
	r.emit(mark / 2)
	if r.wakeupPending() {
		t.Fatal("woken up twice")
	}
	r.read(1)
	r.session.ClearWakeup()
	r.emit(mark + mark/2)
	if !r.wakeupPending() {
		t.Fatal("not woken up when the ring passed its mark again")
	}
}

// The calls in flight can be listed any number of times without bpf(2), each once; where the kernel has no file system
// for iterators, as often as iterators were opened before.
func TestInFlight(t *testing.T) {
	original := mountBPF
	defer func() { mountBPF = original }()
	for _, refused := range []error{nil, unix.EPERM} {
		if refused != nil {
			mountBPF = func() (int, error) { return -1, refused }
		}
		r := newReader(t)
		if refused == nil && r.session.iterators.root < 0 {
			t.Error("there is no file system for iterators")
		}
		times := 0
		for ; times < 50; times++ {
			waitForRead(t, r.pid)
			pending := format.NewBatch(layoutOf(r.session.Layouts(), "pending").Schema)
			there := format.NewBatch(layoutOf(r.session.Layouts(), "process").Schema)
			err := r.session.InFlight(func(l *Layout, recs Records, cpu int32) error {
				to := map[string]*format.Batch{"pending": pending, "process": there}[l.Schema.Table]
				l.Gather(to, recs, cpu, 0)
				return nil
			})
			if errors.Is(err, ErrNoIterator) && refused != nil {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if pending.Rows != 1 || pending.Column("nr").I32[0] != unix.SYS_READ {
				t.Errorf("%d calls in flight: %v, want a read", pending.Rows, pending.Column("nr").I32)
			}
			if there.Rows != 1 || there.Column("op").Str.At(0) != "end" || there.Column("pid").I32[0] != int32(r.pid) ||
				there.Column("cpu_ns").I64[0] <= 0 {
				t.Errorf("%d processes are there: %v, want %d", there.Rows, there.Column("pid").I32, r.pid)
			}
			r.read(1)
		}
		if want := map[bool]int{true: 50, false: readyIterators}[refused == nil]; times != want {
			t.Errorf("listed %d times, want %d", times, want)
		}
	}
}

// The call in flight of a task that makes calls all the time, read while it runs, is one of its calls: no arguments of
// two calls, not two calls, and none that is older than one seen before.
func TestInFlightOfARunningTask(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "FLETCH_SEEK=1", "GOMAXPROCS=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	s, err := Open(Options{Families: []string{"syscall"}, PIDs: []int{cmd.Process.Pid}, RingSize: 1 << 16})
	if errors.Is(err, ErrPrivilege) || errors.Is(err, ErrNoBTF) {
		t.Skipf("cannot record here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	discard := func(*Layout, Records, int32) error { return nil }
	if err := s.Start(discard); err != nil {
		t.Fatal(err)
	}
	found, last := 0, int64(0)
	for deadline := time.Now().Add(20 * time.Second); found < 100 && time.Now().Before(deadline); {
		pending := format.NewBatch(layoutOf(s.Layouts(), "pending").Schema)
		err := s.InFlight(func(l *Layout, recs Records, cpu int32) error {
			l.Gather(pending, recs, cpu, 0)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Sweep(discard); err != nil {
			t.Fatal(err)
		}
		tasks := make(map[int32]bool)
		for i := range pending.Rows {
			if tasks[pending.Column("task").I32[i]] {
				t.Error("a task is in two calls")
			}
			tasks[pending.Column("task").I32[i]] = true
			if pending.Column("nr").I32[i] != unix.SYS_LSEEK {
				continue
			}
			found++
			offset, again := pending.Column("arg1").I64[i], pending.Column("arg2").I64[i]
			if offset != again || offset < last || pending.Column("arg0").I64[i] != -1 || pending.Column("arg3").I64[i] != 0 {
				t.Fatalf("seeks to %d and %d, after %d", offset, again, last)
			}
			last = offset
		}
	}
	if found < 100 {
		t.Errorf("found %d times in a call: the test shows nothing", found)
	}
}

// What the verifier checks decides how long a recording takes to start. A loop of which it follows each turn, or a
// function that it checks at each call, is easily ten times as much.
func TestProgramsAreQuicklyVerified(t *testing.T) {
	s, err := Open(Options{Families: schema.Families(), Command: true, RingSize: 1 << 16})
	if errors.Is(err, ErrPrivilege) || errors.Is(err, ErrNoBTF) {
		t.Skipf("cannot record here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	total := 0
	for name, p := range s.coll.Programs {
		info, err := p.Info()
		if err != nil {
			t.Fatal(err)
		}
		n, ok := info.VerifiedInstructions()
		if !ok {
			t.Skip("the kernel does not tell it")
		}
		if total += int(n); n > 30_000 {
			t.Errorf("the verifier checks %d instructions of %s", n, name)
		}
	}
	if total > 160_000 {
		t.Errorf("the verifier checks %d instructions of all programs", total)
	}
}

// A process that hangs while it ends has its row when the recording ends, and what it has used is not known.
func TestLeavingProcessesAreWritten(t *testing.T) {
	r := newReader(t)
	value := make([]byte, r.session.coll.Maps["leaving"].ValueSize())
	binary.NativeEndian.PutUint32(value[4:], 4711)  // pid
	binary.NativeEndian.PutUint32(value[12:], 7<<8) // code
	if err := r.session.coll.Maps["leaving"].Put(uint64(1), value); err != nil {
		t.Fatal(err)
	}
	rows := format.NewBatch(layoutOf(r.session.Layouts(), "process").Schema)
	if err := r.session.Stop(func(l *Layout, recs Records, cpu int32) error {
		if l.Schema == rows.Schema {
			l.Gather(rows, recs, cpu, 0)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range rows.Rows {
		if rows.Column("pid").I32[i] != 4711 {
			continue
		}
		found++
		if rows.Column("op").Str.At(i) != "exit" || rows.Column("exit_code").I32[i] != 7 ||
			rows.Column("cpu_ns").I64[i] != -1 || rows.Column("rss_max").I64[i] != -1 {
			t.Errorf("op %s, code %d, %d ns", rows.Column("op").Str.At(i), rows.Column("exit_code").I32[i],
				rows.Column("cpu_ns").I64[i])
		}
	}
	if found != 1 {
		t.Errorf("%d rows of the process, want 1", found)
	}
}
