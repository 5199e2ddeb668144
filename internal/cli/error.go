// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/fletch-trace/fletch/internal/term"
)

// Exit codes of every program.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitFound  = 3   // it ran and found what was not to be
	ExitSignal = 128 // plus the signal's number
)

// Interrupted is the error of a run that a signal stopped. The program exits with the status that a shell shows for a
// program killed by the signal, and prints nothing.
type Interrupted struct{ Signal syscall.Signal }

func (i Interrupted) Error() string { return "interrupted: " + i.Signal.String() }

type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

// WithHint attaches to err what the user can do about it. It does not change the text of err. It returns nil if err is
// nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hint}
}

// Hint returns the outermost hint in err's chain, "" if there is none.
func Hint(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// Usage makes a usage error, for which a program exits with ExitUsage.
func Usage(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// IsUsage reports whether err is or wraps a usage error.
func IsUsage(err error) bool {
	var u *usageError
	return errors.As(err, &u)
}

type foundError struct{ error }

func (e *foundError) Unwrap() error { return e.error }

// Found makes an error of what a run found that was not to be, for which a program exits with ExitFound. It returns
// nil if err is nil.
func Found(err error) error {
	if err == nil {
		return nil
	}
	return &foundError{err}
}

// Error prints "program: error: …", and "program: hint: …" if err has a hint. Messages are escaped, because parts of
// them may come from a hostile file. All lines of a message but the first are indented.
func Error(stderr io.Writer, program string, err error) {
	printMessage(stderr, program, "error", err.Error())
	if hint := Hint(err); hint != "" {
		printMessage(stderr, program, "hint", hint)
	}
}

// Warn prints "program: warning: …".
func Warn(stderr io.Writer, program, message string) {
	printMessage(stderr, program, "warning", message)
}

func printMessage(w io.Writer, program, kind, message string) {
	lines := strings.Split(strings.TrimRight(message, "\n"), "\n")
	for i, line := range lines {
		lines[i] = term.Escape(line)
	}
	fmt.Fprintf(w, "%s: %s: %s\n", program, kind, strings.Join(lines, "\n    "))
}

// Exit prints err, unless it is nil, and returns the exit code for it. A closed pipe, as with head, is not a failure.
func Exit(stderr io.Writer, program string, err error) int {
	var interrupted Interrupted
	switch {
	case err == nil, isClosedPipe(err):
		return ExitDone
	case errors.As(err, &interrupted):
		return ExitSignal + int(interrupted.Signal)
	}
	Error(stderr, program, err)
	var found *foundError
	switch {
	case IsUsage(err):
		return ExitUsage
	case errors.As(err, &found):
		return ExitFound
	}
	return ExitFailed
}
