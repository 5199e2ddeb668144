// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fletch-trace/fletch/internal/term"
)

// Exit codes of every program.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitSignal = 128 // plus the signal
)

// Interrupted ends a run that a signal stopped, ^C mostly: the program exits as one killed by it would, and says
// nothing.
type Interrupted struct{ Signal syscall.Signal }

func (i Interrupted) Error() string { return "interrupted: " + i.Signal.String() }

type hintError struct {
	error
	hint string
}

func (e *hintError) Unwrap() error { return e.error }

// WithHint attaches to err what the user can do about it. The text of err stays as it is; nil stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hint}
}

// Hint is the outermost hint in err's chain, "" if there is none.
func Hint(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// Usage makes an error of wrong use, for which a program exits with ExitUsage.
func Usage(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// IsUsage says whether err is, or wraps, an error of wrong use.
func IsUsage(err error) bool {
	var u *usageError
	return errors.As(err, &u)
}

// Error prints "program: error: …" and, where err carries one, "program: hint: …". What of err came from a stranger's
// file cannot reach the terminal as a control sequence; further lines of a message are indented.
func Error(stderr io.Writer, program string, err error) {
	say(stderr, program, "error", err.Error())
	if hint := Hint(err); hint != "" {
		say(stderr, program, "hint", hint)
	}
}

// Warn prints "program: warning: …".
func Warn(stderr io.Writer, program, message string) { say(stderr, program, "warning", message) }

func say(w io.Writer, program, kind, message string) {
	lines := strings.Split(strings.TrimRight(message, "\n"), "\n")
	for i, line := range lines {
		lines[i] = term.Escape(line)
	}
	fmt.Fprintf(w, "%s: %s: %s\n", program, kind, strings.Join(lines, "\n    "))
}

// Exit prints err, if there is one, and gives the exit code that goes with it. A reader of the output that left (a
// closed pipe, as under head) is no failure.
func Exit(stderr io.Writer, program string, err error) int {
	var by Interrupted
	switch {
	case err == nil, readerLeft(err):
		return ExitDone
	case errors.As(err, &by):
		return ExitSignal + int(by.Signal)
	}
	Error(stderr, program, err)
	if IsUsage(err) {
		return ExitUsage
	}
	return ExitFailed
}

// Interruptible gives a context that ends, with Interrupted as its cause, at ^C or SIGTERM. A second ^C kills the
// program. SIGPIPE is turned into EPIPE, so that a program whose reader left still cleans up.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ignorePipe()
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			by, _ := s.(syscall.Signal)
			cancel(Interrupted{by})
		case <-done:
		}
		signal.Stop(signals)
	}()
	return ctx, func() { close(done); cancel(nil) }
}
