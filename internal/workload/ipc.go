//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// OtherUser is the user id of nobody, who is not the owner of the objects.
const OtherUser = 65534

// Objects is what ipc prints.
type Objects struct {
	PID     int `json:"pid"`
	Key     int `json:"key"` // of all three objects
	SHM     int `json:"shm"` // ids
	SEM     int `json:"sem"`
	MSG     int `json:"msg"`
	Refused int `json:"refused"` // number of requests of OtherUser that were refused
}

// ipc creates a shared memory segment, a semaphore set and a message queue with mode 0644, which causes no permission
// check. Then root, N times, opens each by its key for reading (0400), changes the semaphore, sends and receives a
// message, and attaches the segment. Then OtherUser, N times, opens each for reading (0400) and reads the semaphore's
// value, which is granted; and changes the semaphore, sends a message, and opens each for writing (0200), which is
// refused.
func ipc(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	o := Objects{PID: os.Getpid(), Key: 0x0f1e0000 | os.Getpid()&0xffff}
	if o.SHM, err = get(unix.SYS_SHMGET, o.Key, 4096, unix.IPC_CREAT|0o644); err != nil {
		return err
	}
	defer control(unix.SYS_SHMCTL, o.SHM)
	if o.SEM, err = get(unix.SYS_SEMGET, o.Key, 1, unix.IPC_CREAT|0o644); err != nil {
		return err
	}
	defer unix.Syscall6(unix.SYS_SEMCTL, uintptr(o.SEM), 0, unix.IPC_RMID, 0, 0, 0)
	if o.MSG, err = get(unix.SYS_MSGGET, o.Key, unix.IPC_CREAT|0o644, 0); err != nil {
		return err
	}
	defer control(unix.SYS_MSGCTL, o.MSG)
	for range n {
		if err := o.read(); err != nil {
			return err
		}
		if err := o.change(); err != nil {
			return err
		}
		if err := o.receive(); err != nil {
			return err
		}
		at, _, errno := unix.Syscall(unix.SYS_SHMAT, uintptr(o.SHM), 0, 0)
		if errno != 0 {
			return errno
		}
		unix.Syscall(unix.SYS_SHMDT, at, 0, 0)
	}
	other := &syscall.Credential{Uid: OtherUser, Gid: OtherUser}
	o.Refused, err = again(other, "as-user", strconv.Itoa(n), strconv.Itoa(o.Key), strconv.Itoa(o.SHM),
		strconv.Itoa(o.SEM), strconv.Itoa(o.MSG))
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(o)
}

// asUser does the part of OtherUser. The exit status is the number of refused requests.
func asUser(args []string, _ io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	var o Objects
	for i, id := range []*int{&o.Key, &o.SHM, &o.SEM, &o.MSG} {
		if *id, err = number(args, i+1); err != nil {
			return err
		}
	}
	refused := 0
	for range n {
		if err := o.read(); err != nil {
			return err
		}
		const getval = 12
		if _, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(o.SEM), 0, getval, 0, 0, 0); errno != 0 {
			return errno
		}
		for _, request := range []func() error{
			o.changeSemaphore, o.send,
			func() error { _, err := get(unix.SYS_SHMGET, o.Key, 0, 0o200); return err },
			func() error { _, err := get(unix.SYS_SEMGET, o.Key, 0, 0o200); return err },
			func() error { _, err := get(unix.SYS_MSGGET, o.Key, 0o200, 0); return err },
		} {
			if request() == unix.EACCES {
				refused++
			}
		}
	}
	os.Exit(refused)
	return nil
}

func get(call uintptr, args ...int) (int, error) {
	id, _, errno := unix.Syscall(call, uintptr(args[0]), uintptr(args[1]), uintptr(args[2]))
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}

func control(call uintptr, id int) { unix.Syscall(call, uintptr(id), unix.IPC_RMID, 0) }

func (o *Objects) read() error {
	for _, c := range []struct {
		call     uintptr
		size, fl int
	}{{unix.SYS_SHMGET, 0, 0o400}, {unix.SYS_SEMGET, 0, 0o400}, {unix.SYS_MSGGET, 0o400, 0}} {
		if _, err := get(c.call, o.Key, c.size, c.fl); err != nil {
			return fmt.Errorf("getting an object: %w", err)
		}
	}
	return nil
}

func (o *Objects) change() error {
	if err := o.changeSemaphore(); err != nil {
		return err
	}
	return o.send()
}

func (o *Objects) changeSemaphore() error {
	op := struct {
		num     uint16
		op, flg int16
	}{0, 1, 0}
	if _, _, errno := unix.Syscall(unix.SYS_SEMOP, uintptr(o.SEM), uintptr(unsafe.Pointer(&op)), 1); errno != 0 {
		return errno
	}
	return nil
}

type message struct {
	kind int64
	text [8]byte
}

func (o *Objects) send() error {
	m := message{kind: 1}
	if _, _, errno := unix.Syscall6(unix.SYS_MSGSND, uintptr(o.MSG), uintptr(unsafe.Pointer(&m)), 8,
		0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func (o *Objects) receive() error {
	var m message
	if _, _, errno := unix.Syscall6(unix.SYS_MSGRCV, uintptr(o.MSG), uintptr(unsafe.Pointer(&m)), 8,
		0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
