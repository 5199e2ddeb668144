//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

func init() { families["unsent"] = unsent }

// unsent connects N times to a broadcast address by sendto with MSG_FASTOPEN, which the kernel refuses before it sends
// a packet.
func unsent(args []string, _ io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		to := &unix.SockaddrInet4{Port: 9, Addr: [4]byte{255, 255, 255, 255}}
		err = unix.Sendto(fd, []byte("unsent"), unix.MSG_FASTOPEN, to)
		unix.Close(fd)
		if err == nil {
			return fmt.Errorf("sending to a broadcast address by TCP succeeded")
		}
	}
	return nil
}
