// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/term"
)

// explain adds what to do about the errors of a start.
func explain(err error) error {
	switch {
	case errors.Is(err, bpf.ErrPrivilege):
		return cli.WithHint(err, "run it as root, as in: sudo record …; or give it the two: "+
			"sudo setcap cap_bpf,cap_perfmon=ep record")
	case errors.Is(err, bpf.ErrNoBTF):
		return cli.WithHint(err, "it needs Linux 6.1 or newer (5.15 to 6.0 are not tested) built with "+
			"CONFIG_DEBUG_INFO_BTF, and /sys/kernel/btf to be visible")
	case errors.Is(err, bpf.ErrRefused):
		return cli.WithHint(err, "record --list says what was refused and why")
	case errors.Is(err, fs.ErrExist):
		return cli.WithHint(err, "choose another path with -w, or replace it with --force")
	}
	return err
}

// explainBudget says what does not fit into --max-memory.
func explainBudget(opt *options, err error) error {
	var tight *recorder.BudgetError
	if !errors.As(err, &tight) {
		return err
	}
	err = fmt.Errorf("keeping to --max-memory %s: %d CPUs take %s at least", opt.maxMemory.String(), tight.CPUs,
		term.Bytes(tight.Least))
	return cli.WithHint(err, "give it more, record fewer families with -e, or smaller rings with -b")
}

// explainFailure says where a recording failed, and what is left of it.
func explainFailure(opt *options, err error) error {
	where, left := opt.write, "what was written until then is kept, and opens"
	switch {
	case where == "-":
		where = "standard output"
		left = "what was read until then opens: analyze and replay take it as it is"
	case opt.inMemory:
		left = "the dumps that were made are kept"
	case opt.last > 0:
		left = "the dumps that were made are kept, and what was written since in " +
			filepath.Join(where, recorder.WindowName)
	}
	if errors.Is(err, unix.EPIPE) { // no reason to end without a word, as it is for what is printed
		return cli.WithHint(fmt.Errorf("recording into %s: its reader has closed it", where), left)
	}
	return cli.WithHint(fmt.Errorf("recording into %s: %w", where, err), left)
}
