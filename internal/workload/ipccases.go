//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Check is a permission check that ipc-cases knows the kernel makes.
type Check struct {
	Case string `json:"case"`
	ID   int    `json:"id"`
	Flag int    `json:"flag"`
	UID  int    `json:"uid"`  // the effective one
	Real int    `json:"real"` // the real one
	// The kernel checks again when it wakes the task, which the call does not show.
	Again bool `json:"again"`
}

// Checks is what ipc-cases prints: the checks in the order of their calls.
type Checks struct {
	PID    int     `json:"pid"`
	TID    int     `json:"tid"`
	Checks []Check `json:"checks"`
	Held   int64   `json:"held"` // ns that the calls which block do so, at least
}

// The access that a check asks for; the write bits are those of semaphores and messages.
const (
	readable = 0o444
	writable = 0o222
	none     = 0 // no check is made
)

// A sysvTest makes calls and notes which checks they cause.
type sysvTest struct {
	Checks
	key           int
	shm, sem, msg int
	err           error // the first call that did not end as expected
}

// do makes a call that ends with this error, 0 for success, and causes a check of the object with this access.
func (t *sysvTest) do(name string, want unix.Errno, id, flag int, call sysvCall, args ...int) int {
	ret, err := sysv(call, args...)
	got := unix.Errno(0)
	if err != nil {
		got = err.(unix.Errno)
	}
	if got != want && t.err == nil {
		t.err = fmt.Errorf("%s: error %d (%v), want %d", name, got, got, want)
	}
	if flag != none {
		t.Checks.Checks = append(t.Checks.Checks, Check{name, id, flag, unix.Geteuid(), unix.Getuid(),
			false})
	}
	return ret
}

// ipcCases makes the System V calls of every kind, and each fail before and after its permission check where it can.
// With the argument ipc it makes them by ipc(2), with namespace in an IPC namespace of its own.
func ipcCases(args []string, stdout io.Writer) error {
	if args[0] == "namespace" {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWIPC); err != nil {
			return err
		}
		return unix.Exec("/proc/self/exe", []string{"workload", "ipc-cases", "direct"}, os.Environ())
	}
	if multiplexed = args[0] == "ipc"; multiplexed && multiplex == nil {
		return fmt.Errorf("this program has no ipc(2)")
	} else if multiplexed {
		ipc64 = 0x100
	}
	runtime.LockOSThread()
	t := &sysvTest{key: 0x0e1e0000 | os.Getpid()&0xffff}
	t.PID, t.TID, t.Held = os.Getpid(), unix.Gettid(), int64(200*time.Millisecond)
	t.shm = t.do("shmget", 0, 0, none, shmget, t.key, 4096, unix.IPC_CREAT|0o644)
	t.sem = t.do("semget", 0, 0, none, semget, t.key, 2, unix.IPC_CREAT|0o644)
	t.msg = t.do("msgget", 0, 0, none, msgget, t.key, unix.IPC_CREAT|unix.IPC_EXCL|0o644)
	t.get()
	t.attach()
	t.controlShared()
	t.operate()
	t.controlSemaphores()
	t.message()
	t.controlQueue()
	t.effective()
	t.block()
	sysv(shmctl, t.shm, unix.IPC_RMID)
	sysv(semctl, t.sem, 0, unix.IPC_RMID)
	sysv(msgctl, t.msg, unix.IPC_RMID)
	if t.err != nil {
		return t.err
	}
	return json.NewEncoder(stdout).Encode(t.Checks)
}

func (t *sysvTest) get() {
	t.do("shmget", 0, t.shm, 0o400, shmget, t.key, 0, 0o400)
	t.do("shmget, another flag", 0, t.shm, unix.IPC_CREAT|0o666, shmget, t.key, 4096, unix.IPC_CREAT|0o666)
	t.do("shmget, larger", unix.EINVAL, 0, none, shmget, t.key, 8192, 0o400)
	t.do("shmget, exclusive", unix.EEXIST, 0, none, shmget, t.key, 4096, unix.IPC_CREAT|unix.IPC_EXCL|0o644)
	t.do("shmget, missing", unix.ENOENT, 0, none, shmget, t.key+1<<20, 4096, 0o400)
	t.do("semget", 0, t.sem, 0o400, semget, t.key, 0, 0o400)
	t.do("semget, more", unix.EINVAL, 0, none, semget, t.key, 3, 0o400)
	t.do("semget, exclusive", unix.EEXIST, 0, none, semget, t.key, 1, unix.IPC_CREAT|unix.IPC_EXCL|0o644)
	t.do("msgget", 0, t.msg, unix.IPC_CREAT|0o400, msgget, t.key, unix.IPC_CREAT|0o400)
	t.do("msgget, exclusive", unix.EEXIST, 0, none, msgget, t.key, unix.IPC_CREAT|unix.IPC_EXCL|0o644)
	private := t.do("msgget, private", 0, 0, none, msgget, 0, 0o600)
	t.do("msgctl, remove", 0, 0, none, msgctl, private, unix.IPC_RMID)
}

func (t *sysvTest) attach() {
	at := t.do("shmat", 0, t.shm, readable|writable, shmat, t.shm)
	t.do("shmat, in use", unix.EINVAL, t.shm, readable|writable, shmat, t.shm, at)
	t.do("shmat, remapped", 0, t.shm, readable, shmat, t.shm, at, shmRemap|shmRdonly)
	t.do("shmat, unaligned", unix.EINVAL, 0, none, shmat, t.shm, at+1)
	t.do("shmat, rounded", unix.EINVAL, t.shm, readable|writable, shmat, t.shm, at+1, shmRnd)
	t.do("shmat, rounded to 0", unix.EINVAL, 0, none, shmat, t.shm, 1, shmRnd|shmRemap)
	t.do("shmat, nothing to remap", unix.EINVAL, 0, none, shmat, t.shm, 0, shmRemap)
	t.do("shmat, missing", unix.EINVAL, 0, none, shmat, t.shm+1<<20)
	t.do("shmat, negative", unix.EINVAL, 0, none, shmat, -1)
	t.do("shmdt", 0, 0, none, shmdt, at)
}

func (t *sysvTest) controlShared() {
	buf := address(new([256]byte))
	index := t.shm & 0x7fff
	t.do("shmctl, stat", 0, t.shm, readable, shmctl, t.shm, unix.IPC_STAT|ipc64, buf)
	t.do("shmctl, stat to nowhere", unix.EFAULT, t.shm, readable, shmctl, t.shm, unix.IPC_STAT|ipc64, 1)
	t.do("shmctl, stat of a missing one", unix.EINVAL, 0, none, shmctl, t.shm+1<<20, unix.IPC_STAT|ipc64, buf)
	t.do("shmctl, stat by index", 0, t.shm, readable, shmctl, index, shmStat|ipc64, buf)
	t.do("shmctl, stat by index and sequence", 0, t.shm, readable, shmctl, index|1<<20, shmStat|ipc64, buf)
	t.do("shmctl, stat any", 0, 0, none, shmctl, index, shmStatAny|ipc64, buf)
	t.do("shmctl, stat of a missing index", unix.EINVAL, 0, none, shmctl, 0x7000, shmStat|ipc64, buf)
	t.do("shmctl, negative", unix.EINVAL, 0, none, shmctl, -1, shmStat|ipc64, buf)
	t.do("shmctl, information", 0, 0, none, shmctl, 0, ipcInfo|ipc64, buf)
	t.do("shmctl, lock", 0, 0, none, shmctl, t.shm, shmLock|ipc64)
	t.do("shmctl, unlock", 0, 0, none, shmctl, t.shm, shmUnlock|ipc64)
	t.do("shmctl, unknown", unix.EINVAL, 0, none, shmctl, t.shm, 99, buf)
}

func (t *sysvTest) operate() {
	op := func(ops ...sembuf) []int {
		list := append([]sembuf(nil), ops...)
		return []int{t.sem, address(&list[0]), len(list)}
	}
	many := make([]sembuf, 20)
	late := append(make([]sembuf, 19), sembuf{1, 1, 0})
	t.do("semop", 0, t.sem, writable, semop, op(sembuf{0, 1, 0})...)
	t.do("semop, would wait for 0", unix.EAGAIN, t.sem, readable, semop, op(sembuf{0, 0, unix.IPC_NOWAIT})...)
	t.do("semop, would wait", unix.EAGAIN, t.sem, writable, semop, op(sembuf{1, -1, unix.IPC_NOWAIT})...)
	t.do("semop, too far", unix.ERANGE, t.sem, writable, semop, op(sembuf{0, 0x7fff, 0})...)
	for i := range many {
		many[i].num = 1
	}
	t.do("semop, 20 that wait for 0", 0, t.sem, readable, semop, op(many...)...)
	copy(late, many[:19])
	t.do("semop, the 20th adds", 0, t.sem, writable, semop, op(late...)...)
	t.do("semop, none", unix.EINVAL, 0, none, semop, t.sem, address(new(sembuf)), 0)
	t.do("semop, too many", unix.E2BIG, 0, none, semop, t.sem, address(new(sembuf)), 1<<30)
	t.do("semop, another semaphore", unix.EFBIG, 0, none, semop, op(sembuf{7, 1, 0})...)
	t.do("semop, from nowhere", unix.EFAULT, 0, none, semop, t.sem, 1, 1)
	missing := op(sembuf{0, 1, 0})
	missing[0] += 1 << 20
	t.do("semop, missing", unix.EINVAL, 0, none, semop, missing...)
	timeout := address(&[2]int{0, 1000})
	never := address(&[4]int{-1, -1, -1, -1})
	if semtimedopNumber == semopNumber && !multiplexed { // its times have 64 bits
		timeout, never = address(&[2]int64{0, 1000}), address(&[2]int64{-1, -1})
	}
	t.do("semtimedop", unix.EAGAIN, t.sem, readable, semtimedop, append(op(sembuf{0, 0, 0}), timeout)...)
	t.do("semtimedop, bad time", unix.EINVAL, 0, none, semtimedop, append(op(sembuf{0, 0, 0}), never)...)
}

func (t *sysvTest) controlSemaphores() {
	buf := address(new([256]byte))
	index := t.sem & 0x7fff
	t.do("semctl, stat", 0, t.sem, readable, semctl, t.sem, 0, unix.IPC_STAT|ipc64, buf)
	t.do("semctl, stat by index", 0, t.sem, readable, semctl, index, 0, semStat|ipc64, buf)
	t.do("semctl, stat any", 0, 0, none, semctl, index, 0, semStatAny, buf)
	t.do("semctl, information", 0, 0, none, semctl, 0, 0, semInfo, buf)
	t.do("semctl, value", 0, t.sem, readable, semctl, t.sem, 1, getVal)
	t.do("semctl, value of another", unix.EINVAL, t.sem, readable, semctl, t.sem, 7, getVal)
	t.do("semctl, process", 0, t.sem, readable, semctl, t.sem, 0, getPID)
	t.do("semctl, waiting", 0, t.sem, readable, semctl, t.sem, 0, getNCnt)
	t.do("semctl, waiting for 0", 0, t.sem, readable, semctl, t.sem, 0, getZCnt)
	t.do("semctl, all", 0, t.sem, readable, semctl, t.sem, 0, getAll, buf)
	t.do("semctl, all to nowhere", unix.EFAULT, t.sem, readable, semctl, t.sem, 0, getAll, 1)
	t.do("semctl, set", 0, t.sem, writable, semctl, t.sem, 1, setVal, 5)
	t.do("semctl, set too far", unix.ERANGE, 0, none, semctl, t.sem, 1, setVal, 1<<20)
	t.do("semctl, set another", unix.EINVAL, 0, none, semctl, t.sem, 7, setVal, 5)
	t.do("semctl, set all", 0, t.sem, writable, semctl, t.sem, 0, setAll, address(&[2]uint16{3, 4}))
	far := address(&[2]uint16{0xffff, 4})
	t.do("semctl, set all too far", unix.ERANGE, t.sem, writable, semctl, t.sem, 0, setAll, far)
	t.do("semctl, missing", unix.EINVAL, 0, none, semctl, t.sem+1<<20, 0, getVal)
	t.do("semctl, unknown", unix.EINVAL, 0, none, semctl, t.sem, 0, 99)
}

func (t *sysvTest) message() {
	m := address(&message{kind: 1})
	empty := address(new(message))
	t.do("msgsnd", 0, t.msg, writable, msgsnd, t.msg, m, messageSize, 0)
	t.do("msgsnd, without a type", unix.EINVAL, 0, none, msgsnd, t.msg, empty, messageSize, 0)
	t.do("msgsnd, too large", unix.EINVAL, 0, none, msgsnd, t.msg, m, 1<<28, 0)
	t.do("msgsnd, from nowhere", unix.EFAULT, 0, none, msgsnd, t.msg, 1, messageSize, 0)
	t.do("msgsnd, missing", unix.EINVAL, 0, none, msgsnd, t.msg+1<<20, m, messageSize, 0)
	t.do("msgrcv, too large", unix.E2BIG, t.msg, readable, msgrcv, t.msg, empty, 1, 0, 0)
	t.do("msgrcv, another type", unix.ENOMSG, t.msg, readable, msgrcv, t.msg, empty, messageSize, 9, unix.IPC_NOWAIT)
	t.do("msgrcv, a copy that waits", unix.EINVAL, 0, none, msgrcv, t.msg, empty, messageSize, 0, msgCopy)
	t.do("msgrcv", 0, t.msg, readable, msgrcv, t.msg, empty, messageSize, 0, 0)
	t.do("msgrcv, missing", unix.EINVAL, 0, none, msgrcv, t.msg+1<<20, empty, messageSize, 0, 0)
	t.do("msgsnd", 0, t.msg, writable, msgsnd, t.msg, m, messageSize, 0)
	t.do("msgrcv, to nowhere", unix.EFAULT, t.msg, readable, msgrcv, t.msg, 1, messageSize, 0, 0)
	large := address(&struct {
		kind int
		text [8192]byte
	}{kind: 1})
	for range 2 {
		t.do("msgsnd, large", 0, t.msg, writable, msgsnd, t.msg, large, 8192, 0)
	}
	t.do("msgsnd, full", unix.EAGAIN, t.msg, writable, msgsnd, t.msg, large, 8192, unix.IPC_NOWAIT)
	for range 2 {
		t.do("msgrcv, large", 0, t.msg, readable, msgrcv, t.msg, large, 8192, 0, 0)
	}
}

func (t *sysvTest) controlQueue() {
	buf := address(new([256]byte))
	index := t.msg & 0x7fff
	t.do("msgctl, stat", 0, t.msg, readable, msgctl, t.msg, unix.IPC_STAT|ipc64, buf)
	t.do("msgctl, stat by index", 0, t.msg, readable, msgctl, index, msgStat|ipc64, buf)
	t.do("msgctl, stat any", 0, 0, none, msgctl, index, msgStatAny|ipc64, buf)
	t.do("msgctl, information", 0, 0, none, msgctl, 0, msgInfo|ipc64, buf)
	t.do("msgctl, stat before set", 0, t.msg, readable, msgctl, t.msg, unix.IPC_STAT|ipc64, buf)
	if strconv.IntSize == 32 && !multiplexed { // the kernel masks the flag of ipc(2) here, but only to find the case
		const flag = 0x100
		t.do("msgctl, stat with a flag", 0, t.msg, readable, msgctl, t.msg, unix.IPC_STAT|flag, buf)
		t.do("msgctl, stat by index with a flag", 0, t.msg, readable, msgctl, t.msg, msgStat|flag, buf)
		t.do("msgctl, stat any with a flag", 0, t.msg, readable, msgctl, t.msg, msgStatAny|flag, buf)
	}
	t.do("msgctl, set", 0, 0, none, msgctl, t.msg, 1|ipc64, buf)
}

// effective makes checks with an effective user id that is not the real one.
func (t *sysvTest) effective() {
	unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), OtherUser, ^uintptr(0)) // of this thread only
	t.do("semctl, another effective user", 0, t.sem, readable, semctl, t.sem, 0, getVal)
	t.do("semctl, refused", unix.EACCES, 0, none, semctl, t.sem, 0, setVal, 1)
	unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0))
	t.do("semctl, root again", 0, t.sem, readable, semctl, t.sem, 0, getVal)
}

// block waits for a message that comes later, for room in a queue, and in a semop whose semaphores are removed.
func (t *sysvTest) block() {
	defer withoutSignals()() // else signals of the Go runtime interrupt the calls
	later := func(call sysvCall, args ...int) {
		time.Sleep(2 * time.Duration(t.Held)) // it may begin to sleep long before the call is made
		sysv(call, args...)
	}
	queue := t.do("msgget", 0, 0, none, msgget, 0, 0o600)
	go later(msgsnd, queue, address(&message{kind: 1}), messageSize, 0)
	t.do("msgrcv, waits", 0, queue, readable, msgrcv, queue, address(new(message)), messageSize, 0, 0)
	large := address(&struct {
		kind int
		text [8192]byte
	}{kind: 1})
	for range 2 {
		t.do("msgsnd, large", 0, queue, writable, msgsnd, queue, large, 8192, 0)
	}
	go later(msgrcv, queue, large, 8192, 0, 0)
	t.do("msgsnd, waits for room", 0, queue, writable, msgsnd, queue, large, 8192, 0)
	checks := &t.Checks.Checks
	again := (*checks)[len(*checks)-1]
	again.Again = true
	*checks = append(*checks, again)
	sysv(msgctl, queue, unix.IPC_RMID)
	set := t.do("semget", 0, 0, none, semget, 0, 1, 0o600)
	go later(semctl, set, 0, unix.IPC_RMID)
	t.do("semop, removed", unix.EIDRM, set, writable, semop, set, address(&sembuf{0, -1, 0}), 1)
}

// ipcStorm opens a queue by its key N times, which is checked, and creates one N times, which is not, while another
// thread creates many and removes them.
func ipcStorm(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	t := &sysvTest{key: 0x0d1e0000 | os.Getpid()&0xffff}
	t.PID, t.TID = os.Getpid(), unix.Gettid()
	t.msg = t.do("msgget", 0, 0, none, msgget, t.key, unix.IPC_CREAT|0o600)
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				var ids [500]int
				for i := range ids {
					ids[i], _ = sysv(msgget, 0, 0o600)
				}
				for _, id := range ids {
					sysv(msgctl, id, unix.IPC_RMID)
				}
			}
		}
	}()
	for i := range n {
		if i%200 == 0 {
			time.Sleep(10 * time.Millisecond) // the rings are not to overflow
		}
		t.do("msgget, existing", 0, t.msg, unix.IPC_CREAT|0o600, msgget, t.key, unix.IPC_CREAT|0o600)
		id := t.do("msgget, new", 0, 0, none, msgget, t.key+1<<20, unix.IPC_CREAT|0o600)
		t.do("msgctl, remove", 0, 0, none, msgctl, id, unix.IPC_RMID)
	}
	close(stop)
	<-stopped
	sysv(msgctl, t.msg, unix.IPC_RMID)
	if t.err != nil {
		return t.err
	}
	return json.NewEncoder(stdout).Encode(t.Checks)
}
