// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/privilege"
)

// findCommand looks up COMMAND, before anything else is done, so that a wrong name has no side effects. The result is
// nil without COMMAND.
func findCommand(opt *options, caller *privilege.Caller, stdin io.Reader, stdout, stderr io.Writer) (*exec.Cmd, error) {
	if len(opt.command) == 0 {
		return nil, nil
	}
	path, err := exec.LookPath(opt.command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("finding the command: %w", &commandError{whyNotFound(opt.command[0], err)})
	}
	cmd := exec.Command(path)
	cmd.Args = opt.command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if opt.path == "-" {
		cmd.Stdout = stderr
	}
	caller.RunAs(cmd)
	return cmd, nil
}

// The exit statuses of env(1) and of shells for a command that cannot be executed, or is not there.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// A commandError is why COMMAND could not be started.
type commandError struct{ error }

func (e *commandError) Unwrap() error { return e.error }

func (e *commandError) status() int {
	if errors.Is(e.error, exec.ErrNotFound) || errors.Is(e.error, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitNotExecutable
}

// whyNotFound returns err of exec.LookPath, or a better reason: a file of this name that is not executable.
func whyNotFound(name string, err error) error {
	if strings.Contains(name, "/") {
		return err
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if _, err := exec.LookPath(path); errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return err
}

// startCommand starts COMMAND, if there is one, with this nice value. The session records it from its execve on.
func startCommand(cmd *exec.Cmd, session *bpf.Session, nice int) error {
	if cmd == nil {
		return nil
	}
	if err := session.ArmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	if err := privilege.WithPriority(nice, cmd.Start); err != nil {
		return fmt.Errorf("starting the command: %w", &commandError{err})
	}
	if err := session.DisarmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	return nil
}
