//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// held is what hold knows about its connections.
type held struct {
	family int
	report Connections
	rest   []func() error // what happens to them during the recording
}

// hold makes connections in a new network namespace and prints Connections. For the next line of its input it does the
// rest with them, and prints an empty line. It ends with its input.
func hold(args []string, stdout io.Writer) error {
	family, err := familyOf(args)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := ownNetwork(); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	h := &held{family: family, report: Connections{PID: os.Getpid(), Ports: map[string]int{}}}
	err = errors.Join(h.closed(), h.kept("kept", 0), h.kept("mptcp kept", unix.IPPROTO_MPTCP), h.copied(),
		h.halfOpen("half open", true), h.halfOpen("half open, refused", false), h.waiting(), h.halfClosed(),
		h.multipathClosed(), h.opened())
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(h.report); err != nil {
		return err
	}
	input := bufio.NewScanner(os.Stdin)
	input.Scan()
	for _, rest := range h.rest {
		if err := rest(); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond) // kernel threads close connections of MPTCP later
	fmt.Fprintln(stdout)
	input.Scan()
	return nil
}

func (h *held) then(rest func() error) { h.rest = append(h.rest, rest) }

// closed are two connections: one is closed by both ends, the other is reset by its server.
func (h *held) closed() error {
	for _, name := range []string{"closed", "reset"} {
		client, server, port, err := pair(h.family)
		if err != nil {
			return err
		}
		h.report.Ports[name] = port
		if err := send(client, server, 31); err != nil {
			return err
		}
		h.then(func() error {
			if name == "reset" {
				resetOnClose(server)
				unix.Close(server)
				return unix.Close(client)
			}
			unix.Close(client)
			if err := drain(server, 1); err != nil {
				return err
			}
			return unix.Close(server)
		})
	}
	return nil
}

// kept is a connection that stays open.
func (h *held) kept(name string, protocol int) error {
	client, server, port, err := pairOf(h.family, protocol)
	if err == errNotHere {
		h.report.Skipped = append(h.report.Skipped, name)
		return nil
	}
	if err != nil {
		return err
	}
	h.report.Ports[name] = port
	h.then(func() error { return send(client, server, 33) })
	return send(client, server, 32)
}

// copied is a connection with several descriptors, also of another process.
func (h *held) copied() error {
	client, server, port, err := pair(h.family)
	if err != nil {
		return err
	}
	h.report.Ports["copied"] = port
	unix.Dup(client)
	unix.Dup(server)
	cmd := exec.Command("/proc/self/exe", "close", "3")
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(client), "connection")}
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	h.then(func() error { runtime.KeepAlive(cmd.ExtraFiles[0]); return nil })
	return cmd.Start()
}

// halfOpen is a connect that has not been answered yet. Then it is accepted, or refused.
func (h *held) halfOpen(name string, accept bool) error {
	listener, port, err := listen(h.family)
	if err != nil {
		return err
	}
	h.report.Ports[name] = port
	if err := dropping(listener, true); err != nil {
		return err
	}
	fd, err := unix.Socket(h.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, loopback(h.family, port)); err != unix.EINPROGRESS {
		return fmt.Errorf("connecting to a listener that drops everything: %v", err)
	}
	h.then(func() error {
		if !accept {
			unix.Close(listener)
			unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 60_000)
			return unix.Close(fd)
		}
		if err := dropping(listener, false); err != nil {
			return err
		}
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return err
		}
		unix.Close(fd)
		if err := drain(server, 1); err != nil {
			return err
		}
		return unix.Close(server)
	})
	return nil
}

// waiting are two connections that are not accepted. Then one is, and is reset by its client; one stays.
func (h *held) waiting() error {
	for _, name := range []string{"waiting", "waiting still"} {
		listener, port, err := listen(h.family)
		if err != nil {
			return err
		}
		h.report.Ports[name] = port
		client, err := connect(h.family, port, 0)
		if err != nil {
			return err
		}
		if name == "waiting" {
			h.then(func() error {
				server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
				if err != nil {
					return err
				}
				if err := send(client, server, 34); err != nil {
					return err
				}
				resetOnClose(client)
				unix.Close(client)
				return unix.Close(server)
			})
		}
	}
	return nil
}

// halfClosed is a connection whose client has shut it down. Both ends are closed then.
func (h *held) halfClosed() error {
	client, server, port, err := pair(h.family)
	if err != nil {
		return err
	}
	h.report.Ports["half closed"] = port
	h.then(func() error {
		unix.Close(server)
		return unix.Close(client)
	})
	return unix.Shutdown(client, unix.SHUT_WR)
}

func (h *held) multipathClosed() error {
	client, server, port, err := pairOf(h.family, unix.IPPROTO_MPTCP)
	if err == errNotHere {
		h.report.Skipped = append(h.report.Skipped, "mptcp closed")
		return nil
	}
	if err != nil {
		return err
	}
	h.report.Ports["mptcp closed"] = port
	h.then(func() error {
		unix.Close(client)
		if err := drain(server, 1); err != nil {
			return err
		}
		return unix.Close(server)
	})
	return send(client, server, 35)
}

// opened is a connection that is opened later and stays.
func (h *held) opened() error {
	listener, port, err := listen(h.family)
	if err != nil {
		return err
	}
	h.report.Ports["opened"] = port
	h.then(func() error {
		client, err := connect(h.family, port, 0)
		if err != nil {
			return err
		}
		server, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return err
		}
		return send(client, server, 36)
	})
	return nil
}
