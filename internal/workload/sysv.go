//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sysvCall is a System V call, by the number that ipc(2) has for it.
type sysvCall int

const (
	semop      sysvCall = 1
	semget     sysvCall = 2
	semctl     sysvCall = 3
	semtimedop sysvCall = 4
	msgsnd     sysvCall = 11
	msgrcv     sysvCall = 12
	msgget     sysvCall = 13
	msgctl     sysvCall = 14
	shmat      sysvCall = 21
	shmdt      sysvCall = 22
	shmget     sysvCall = 23
	shmctl     sysvCall = 24
)

// include/uapi/linux/{ipc,shm,sem,msg}.h
const (
	shmStat, semStat, msgStat          = 13, 18, 11
	shmStatAny, semStatAny, msgStatAny = 15, 20, 13
	shmInfo, semInfo, msgInfo          = 14, 19, 12
	shmLock, shmUnlock                 = 11, 12
	ipcInfo                            = 3
	getPID, getVal, getAll             = 11, 12, 13
	getNCnt, getZCnt                   = 14, 15
	setVal, setAll                     = 16, 17
	shmRdonly, shmRnd, shmRemap        = 0o10000, 0o20000, 0o40000
	msgNoerror, msgExcept, msgCopy     = 0o10000, 0o20000, 0o40000
)

type sembuf struct {
	num     uint16
	op, flg int16
}

const messageSize = 8

type message struct {
	kind int // a long of C
	_    [messageSize]byte
}

// address passes a pointer to sysv. What it points to stays where it is, because it is on the heap.
func address[T any](p *T) int {
	kept.Store(p, true)
	return int(uintptr(unsafe.Pointer(p)))
}

var kept sync.Map

// numbers of calls of their own; calls that an ABI lacks have none.
var numbers = map[sysvCall]uintptr{
	semget: unix.SYS_SEMGET, semctl: unix.SYS_SEMCTL, msgsnd: unix.SYS_MSGSND, msgrcv: unix.SYS_MSGRCV,
	msgget: unix.SYS_MSGGET, msgctl: unix.SYS_MSGCTL, shmat: unix.SYS_SHMAT, shmdt: unix.SYS_SHMDT,
	shmget: unix.SYS_SHMGET, shmctl: unix.SYS_SHMCTL, semop: semopNumber, semtimedop: semtimedopNumber,
}

// multiplex makes System V calls by ipc(2), if the ABI has it; nil: it has not.
var multiplex func(call sysvCall, arg *[6]uintptr) (uintptr, unix.Errno)

var (
	multiplexed bool // System V calls are made by ipc(2)
	ipc64       int  // IPC_64, which the commands of ...ctl need in ipc(2)
)

// sysv makes a System V call.
func sysv(call sysvCall, args ...int) (int, error) {
	var arg [6]uintptr
	for i, a := range args {
		arg[i] = uintptr(a)
	}
	var ret uintptr
	var errno unix.Errno
	if multiplexed {
		ret, errno = multiplex(call, &arg)
	} else {
		ret, _, errno = unix.Syscall6(numbers[call], arg[0], arg[1], arg[2], arg[3], arg[4], arg[5])
	}
	if errno != 0 {
		return -1, errno
	}
	return int(ret), nil
}
