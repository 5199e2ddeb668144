// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// signals are those the recorder takes.
type signals struct {
	stop chan os.Signal // ends the recording
	dump chan os.Signal // SIGUSR2; nobody reads it but a flight recorder
}

// handleSignals has to run before COMMAND starts, so that no signal is missed. SIGPIPE becomes EPIPE; it is
// not ignored, because COMMAND would inherit that. What nohup ignores stays ignored.
func handleSignals() signals {
	s := signals{make(chan os.Signal, 4), make(chan os.Signal, 1)}
	signal.Notify(s.stop, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(s.stop, unix.SIGHUP)
	}
	signal.Notify(s.dump, unix.SIGUSR2)
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	return s
}
