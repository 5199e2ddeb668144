// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// cleanups are what AtExit was told.
var cleanups struct {
	sync.Mutex
	fns map[*func()]struct{}
}

// AtExit has fn called if the program ends where it stands, by ExitNow, such as to remove a temporary file. fn runs
// while the rest of the program does, at the same time as what removes the file otherwise. The caller calls done when
// fn is no longer needed; if the program is ending, done does not return.
func AtExit(fn func()) (done func()) {
	cleanups.Lock()
	defer cleanups.Unlock()
	if cleanups.fns == nil {
		cleanups.fns = map[*func()]struct{}{}
	}
	cleanups.fns[&fn] = struct{}{}
	return func() {
		cleanups.Lock()
		defer cleanups.Unlock()
		delete(cleanups.fns, &fn)
	}
}

// ExitNow does what AtExit was told, and say, and ends the program with a status.
func ExitNow(status int, say func()) {
	cleanups.Lock() // for good: nobody else ends the program meanwhile
	for fn := range cleanups.fns {
		(*fn)()
	}
	say()
	os.Exit(status)
}

// RemoveAll removes a file or directory although the rest of the program may still create files in it.
func RemoveAll(path string) {
	for range 100 {
		if os.RemoveAll(path) == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
}

// grace is how long a program has to end by itself after a signal.
const grace = time.Second

// Interruptible returns a context that SIGINT, SIGTERM or SIGHUP cancels, with Interrupted as its cause. A program that
// has not ended a second later, because it waits for its input or output or is in the midst of something long, is ended
// by ExitNow; likewise after a second signal. A signal that was ignored when the program began stays ignored. A write
// to a closed pipe fails with EPIPE instead of killing the program, so that it can clean up.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	ignorePipe()
	done := make(chan struct{})
	go func() {
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			sig, _ := s.(syscall.Signal)
			cancel(Interrupted{sig})
			select {
			case <-time.After(grace):
			case <-signals:
			case <-done:
				return
			}
			signal.Stop(signals) // another one kills the program
			ExitNow(ExitSignal+int(sig), func() {})
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel(nil) }
}
