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
	if o.SHM, err = get(shmget, o.Key, 4096, unix.IPC_CREAT|0o644); err != nil {
		return err
	}
	defer sysv(shmctl, o.SHM, unix.IPC_RMID)
	if o.SEM, err = get(semget, o.Key, 1, unix.IPC_CREAT|0o644); err != nil {
		return err
	}
	defer sysv(semctl, o.SEM, 0, unix.IPC_RMID)
	if o.MSG, err = get(msgget, o.Key, unix.IPC_CREAT|0o644, 0); err != nil {
		return err
	}
	defer sysv(msgctl, o.MSG, unix.IPC_RMID)
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
		at, err := sysv(shmat, o.SHM)
		if err != nil {
			return err
		}
		sysv(shmdt, at)
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
		if _, err := sysv(semctl, o.SEM, 0, getVal); err != nil {
			return err
		}
		for _, request := range []func() error{
			o.changeSemaphore, o.send,
			func() error { _, err := get(shmget, o.Key, 0, 0o200); return err },
			func() error { _, err := get(semget, o.Key, 0, 0o200); return err },
			func() error { _, err := get(msgget, o.Key, 0o200, 0); return err },
		} {
			if request() == unix.EACCES {
				refused++
			}
		}
	}
	os.Exit(refused)
	return nil
}

func get(call sysvCall, args ...int) (int, error) {
	id, err := sysv(call, args...)
	return int(id), err
}

func (o *Objects) read() error {
	for _, c := range []struct {
		call     sysvCall
		size, fl int
	}{{shmget, 0, 0o400}, {semget, 0, 0o400}, {msgget, 0o400, 0}} {
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
	_, err := sysv(semop, o.SEM, address(&sembuf{op: 1}), 1)
	return err
}

func (o *Objects) send() error {
	_, err := sysv(msgsnd, o.MSG, address(&message{kind: 1}), messageSize)
	return err
}

func (o *Objects) receive() error {
	_, err := sysv(msgrcv, o.MSG, address(&message{}), messageSize)
	return err
}
