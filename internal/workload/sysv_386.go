//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import "golang.org/x/sys/unix"

// i386 has no semop but in ipc(2); without a timeout this is the same.
const (
	semopNumber      = unix.SYS_SEMTIMEDOP_TIME64
	semtimedopNumber = unix.SYS_SEMTIMEDOP_TIME64
)

func init() {
	multiplex = func(call sysvCall, arg *[6]uintptr) (ret uintptr, errno unix.Errno) {
		first, second, third, ptr, fifth := arg[0], arg[1], arg[2], arg[3], uintptr(0)
		attached := new(uintptr)
		switch call {
		case semop, semtimedop: // id, operations, number, timeout
			second, ptr, fifth = arg[2], arg[1], arg[3]
		case semctl: // the union is passed by its address
			union := arg[3]
			ptr = uintptr(address(&union))
		case msgsnd: // id, message, size, flags
			second, third, ptr = arg[2], arg[3], arg[1]
		case msgrcv: // id, message, size, type, flags
			kludge := [2]uintptr{arg[1], arg[3]}
			second, third, ptr = arg[2], arg[4], uintptr(address(&kludge))
		case msgctl, shmctl:
			ptr = arg[2]
		case shmat: // id, address, flags
			second, third, ptr = arg[2], uintptr(address(attached)), arg[1]
		case shmdt:
			ptr = arg[0]
		}
		ret, _, errno = unix.Syscall6(unix.SYS_IPC, uintptr(call), first, second, third, ptr, fifth)
		if call == shmat {
			ret = *attached
		}
		return ret, errno
	}
}
