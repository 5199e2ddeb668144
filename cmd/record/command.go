// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/privilege"
)

// prepare finds COMMAND before anything else is done, so that a wrong name costs nothing. nil without COMMAND.
func prepare(opt *options, user *privilege.Caller, stdin io.Reader, stdout, stderr io.Writer) (*exec.Cmd, error) {
	if len(opt.command) == 0 {
		return nil, nil
	}
	path, err := exec.LookPath(opt.command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("finding the command: %w", err)
	}
	cmd := exec.Command(path)
	cmd.Args = opt.command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if opt.write == "-" {
		cmd.Stdout = stderr
	}
	user.RunAs(cmd)
	return cmd, nil
}

// startCommand starts COMMAND, if there is one, with that nice value, and has the session follow it.
func startCommand(cmd *exec.Cmd, session *bpf.Session, nice int) error {
	if cmd == nil {
		return nil
	}
	if err := session.ArmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	if err := privilege.WithPriority(nice, cmd.Start); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	if err := session.DisarmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	return nil
}
