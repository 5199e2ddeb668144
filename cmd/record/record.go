// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// exitLost is the status of --strict when events were lost.
const exitLost = 3

// A recording is one run of the program.
type recording struct {
	opt            *options
	stdout, stderr io.Writer
	user           *privilege.Caller
	cmd            *exec.Cmd    // COMMAND; nil: none
	nice           int          // what COMMAND begins with
	session        *bpf.Session // nil: not open yet
	signals        signals
	recorder       *recorder.Recorder
	end            *end
}

// record makes one capture; the status is COMMAND's, or that of --strict.
//
// The order is what security hangs on. Whatever takes a privilege is opened first, COMMAND is started as its caller,
// and only then the recorder's own privileges go, for good: from there on everything is a file, a mapping or a
// descriptor that is open.
func record(opt *options, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	r := &recording{opt: opt, stdout: stdout, stderr: stderr}
	defer r.close()
	if err := r.open(stdin); err != nil {
		return 0, err
	}
	if err := r.start(); err != nil {
		return 0, errors.Join(err, r.recorder.Abort())
	}
	failed := r.giveUpPrivileges()
	if failed == nil {
		failed = r.run()
	}
	return r.finish(failed)
}

// open does all that may be refused: when it fails, nothing is left behind.
func (r *recording) open(stdin io.Reader) (err error) {
	if r.user, err = privilege.FindCaller(); err != nil {
		return err
	}
	if r.cmd, err = prepare(r.opt, r.user, stdin, r.stdout, r.stderr); err != nil {
		return err
	}
	if err := privilege.ClearInheritable(); err != nil {
		return err
	}
	for _, pid := range r.opt.pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			return fmt.Errorf("following process %d: no such process", pid)
		}
	}
	host, err := recorder.DescribeHost()
	if err != nil {
		return err
	}
	calls, err := syscalls.ForArch(host.Arch)
	if err != nil {
		return err
	}
	if r.opt.write == "" {
		r.opt.write = fmt.Sprintf("fletch-%s-%s", host.Host, time.Now().Format("20060102-150405"))
	}
	cfg := r.opt.config()
	budget, err := recorder.NewBudget(&cfg, host.CPUs, bpf.Layouts())
	if err != nil {
		return explainBudget(r.opt, err)
	}
	if err := r.load(budget, calls); err != nil {
		return err
	}
	r.signals = handleSignals()
	cfg.Manifest, cfg.Manifest.Probes, cfg.Manifest.Command = host, r.session.Probes, r.opt.command
	cfg.Manifest.Recorder = format.Recorder{Version: cli.Version(), Args: r.opt.args}
	cfg.Stdout, cfg.Calls, cfg.RequestDump = r.stdout, calls, r.signals.dump
	cfg.UID, cfg.GID = r.user.Owner()
	observer := &console{stderr: r.stderr, dumps: !r.opt.quiet && !r.opt.json}
	if r.recorder, err = recorder.Open(cfg, budget, r.session, observer); err != nil {
		return explain(err)
	}
	budget.LimitRuntime()
	r.nice = privilege.RaisePriority()
	return nil
}

// load loads and attaches the programs.
func (r *recording) load(budget *recorder.Budget, calls *syscalls.Table) (err error) {
	r.session, err = bpf.Open(bpf.Options{
		Families: r.opt.families(), Mechanisms: r.opt.mech, PIDs: r.opt.pids, Command: r.cmd != nil, Comm: r.opt.comm,
		RingSize: budget.Ring, RareRingSize: budget.RareRing, Arities: calls.Arities(),
	})
	if r.session != nil {
		if err := warnRefused(r.opt, r.session, r.stderr); err != nil {
			return err
		}
	}
	if err != nil {
		return explain(err)
	}
	if r.opt.verbose {
		describe(r.stderr, r.session, budget.Ring)
	}
	return nil
}

// start begins to record, and starts COMMAND, as its caller. When it returns, all files of the capture that are made at
// the beginning are there: from here on they would be made by one user and given away by another.
func (r *recording) start() error {
	if err := r.recorder.Start(); err != nil {
		return err
	}
	if err := startCommand(r.cmd, r.session, r.nice); err != nil {
		return err
	}
	r.end = watchForEnd(r.recorder.End, r.signals, r.cmd, r.opt.pids)
	return r.recorder.WriteOut()
}

// giveUpPrivileges does so for good: what is needed from here on is open.
func (r *recording) giveUpPrivileges() error {
	if err := privilege.Drop(r.user); err != nil {
		return err
	}
	if err := privilege.Filter(); err != nil {
		cli.Warn(r.stderr, "record", fmt.Sprintf("it goes on without a filter of its own system calls: %v", err))
	}
	return nil
}

// run records until the end.
func (r *recording) run() error {
	p := progress(r.opt, r.recorder, r.stderr)
	defer p.Stop()
	return r.recorder.Run()
}

// finish ends what run ended (with failed, when not nil), and gives the program's status.
func (r *recording) finish(failed error) (status int, err error) {
	result, err := r.recorder.Finish(failed, func(m *format.Manifest) {
		if status, ended := r.end.ended(); ended {
			m.ExitStatus = &status
		}
	})
	if err != nil {
		return 0, explainFailure(r.opt, err)
	}
	if !r.opt.quiet {
		// A terminal that is closed or a reader that left has no use for it; the capture is whole all the same.
		err := summarize(r.opt, &result, r.stderr)
		if err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.EIO) {
			return 0, err
		}
	}
	if r.opt.strict && result.All.Lost > 0 {
		return exitLost, nil
	}
	return r.end.status(), nil
}

func (r *recording) close() {
	if r.session != nil {
		r.session.Close()
	}
}
