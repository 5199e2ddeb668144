// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/term"
)

// explain adds hints to the errors of probing and loading BPF programs.
func explain(err error) error {
	switch {
	case errors.Is(err, bpf.ErrUserNamespace):
		return cli.WithHint(err, "run it as root of the host, as in: docker run --userns=host --privileged …")
	case errors.Is(err, bpf.ErrPrivilege):
		return cli.WithHint(err, "run it as root, as in: sudo record …; or give it these capabilities: "+
			"sudo setcap cap_bpf,cap_perfmon=ep record")
	case errors.Is(err, bpf.ErrNoBTF):
		return cli.WithHint(err, "it needs Linux 6.1 or newer (5.15 to 6.0 are not tested) built with "+
			"CONFIG_DEBUG_INFO_BTF, and /sys/kernel/btf to be visible")
	case errors.Is(err, bpf.ErrInside):
		return cli.WithHint(err, "record a command or processes (-p), or run it in the initial pid namespace: "+
			"docker run --pid=host …, or nsenter -t 1 -p -m record …")
	case errors.Is(err, bpf.ErrNoProc):
		return cli.WithHint(err, "mount one: mount -t proc proc /proc; after nsenter -p, enter the mount namespace "+
			"too: nsenter -t 1 -p -m record …")
	case errors.Is(err, bpf.ErrNoContainer):
		return cli.WithHint(err, "take the id of a running container, as docker ps and crictl ps show it, long enough "+
			"to be the only one")
	case errors.Is(err, bpf.ErrNoCgroups):
		return cli.WithHint(err, "mount it: mount -t cgroup2 none /sys/fs/cgroup; in a container, record from the host")
	case errors.Is(err, bpf.ErrRefused):
		return cli.WithHint(err, "record --list says what was refused and why")
	}
	return err
}

// explainExisting adds a hint to the error of a path that already exists. If --force was given, it does not suggest it:
// --force replaces only captures, and a flight recorder does not continue in a capture.
func explainExisting(opt *options, err error) error {
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	hint := "choose another path with -w"
	switch {
	case opt.force:
	case opt.last > 0:
		hint += ", or go on in this one with --force"
	default:
		hint += ", or replace it with --force"
	}
	return cli.WithHint(err, hint)
}

// explainRefused adds a hint to the error of a place where the caller of sudo may not create the capture. Root may, but
// does not do it on somebody's behalf.
func explainRefused(caller *privilege.Caller, err error) error {
	if caller == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return cli.WithHint(err, fmt.Sprintf("the capture is created as %s, who called sudo: choose a place with -w where "+
		"%[1]s may write, or in a shell of root's: env -u SUDO_UID record …", term.Escape(caller.String())))
}

// explainBudget puts the flags into the error of a --max-memory that is too small.
func explainBudget(opt *options, err error) error {
	var budgetErr *recorder.BudgetError
	if !errors.As(err, &budgetErr) {
		return err
	}
	what := fmt.Sprintf("%d CPUs", budgetErr.CPUs)
	hint := "give it more, record fewer families with -e, or smaller rings with -b"
	if budgetErr.Keep > 0 {
		what += fmt.Sprintf(" and %d segments of each table", budgetErr.Keep)
		hint = "give it more, or keep fewer segments with -W"
	}
	err = fmt.Errorf("keeping to --max-memory %s: %s take %s at least", opt.maxMemory.String(), what,
		term.Bytes(budgetErr.Least))
	return cli.WithHint(err, hint)
}

// explainFailure adds to the error of a recording what it was written to, and which part of it is kept.
func explainFailure(opt *options, err error) error {
	destination, kept := opt.path, "what was written until then is kept, and can be opened"
	switch {
	case destination == "-":
		destination = "standard output"
		kept = "analyze and replay can open what was read until then, as it is"
	case opt.inMemory:
		kept = "the dumps that were made are kept"
	case opt.last > 0:
		kept = "the dumps that were made are kept, and what was written since in " +
			filepath.Join(destination, recorder.WindowName)
	}
	if errors.Is(err, format.ErrRemoved) {
		return fmt.Errorf("recording into %s: %w", destination, format.ErrRemoved)
	}
	if errors.Is(err, unix.EPIPE) { // cli.Exit prints nothing for EPIPE, but a lost recording must be reported
		return cli.WithHint(fmt.Errorf("recording into %s: its reader has closed it", destination), kept)
	}
	return cli.WithHint(fmt.Errorf("recording into %s: %w", destination, err), kept)
}
