// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// A recording is one run of the program.
type recording struct {
	opt            *options
	stdout, stderr io.Writer
	caller         *privilege.Caller
	cmd            *exec.Cmd    // COMMAND; nil: none
	nice           int          // nice value for COMMAND
	session        *bpf.Session // nil: not open yet
	signals        signals
	recorder       *recorder.Recorder
	watcher        *endWatcher
}

// record makes one capture. The status is COMMAND's, or cli.ExitFound.
//
// Security depends on the order. What needs privileges is opened first. Then the capture is created with the rights of
// the user who called sudo, and COMMAND is started as that user. Then the recorder drops its own privileges
// permanently: from there on it only uses files, mappings and descriptors that are open.
func record(opt *options, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	r := &recording{opt: opt, stdout: stdout, stderr: stderr}
	defer r.close()
	if err := r.open(stdin); err != nil {
		return 0, err
	}
	if err := r.start(); err != nil {
		return r.fail(errors.Join(err, r.recorder.Abort()))
	}
	runErr := r.dropPrivileges()
	if runErr == nil {
		runErr = r.run()
	}
	return r.finish(runErr)
}

// open does everything that is likely to be refused. If it fails, it leaves no files behind.
func (r *recording) open(stdin io.Reader) (err error) {
	if r.opt.path == "-" {
		if err := cli.CheckOutput(r.stdout); err != nil {
			return err
		}
	}
	if r.caller, err = privilege.FindCaller(); err != nil {
		return err
	}
	err = r.caller.WithFiles(func() (err error) {
		r.cmd, err = findCommand(r.opt, r.caller, stdin, r.stdout, r.stderr)
		return err
	})
	if err != nil {
		return err
	}
	if err := privilege.ClearInheritable(); err != nil {
		return err
	}
	host, err := recorder.DescribeHost()
	if err != nil {
		return err
	}
	calls, err := syscalls.ForArch(host.Arch)
	if err != nil {
		return err
	}
	cfg := r.opt.config()
	budget, err := recorder.NewBudget(&cfg, host.CPUs, bpf.Layouts())
	if err != nil {
		return explainBudget(r.opt, err)
	}
	recorder.PauseGC()
	if err := r.load(budget); err != nil {
		return err
	}
	r.signals = handleSignals()
	command, args := r.opt.commandLines()
	cfg.Manifest, cfg.Manifest.Probes, cfg.Manifest.Command = host, r.session.Probes, command
	cfg.Manifest.Selection = r.opt.selection(r.session.Targets)
	cfg.Manifest.Cgroups = r.session.Cgroups
	built := cli.Build()
	cfg.Manifest.Recorder = format.Recorder{Version: built.Version, Commit: built.Commit, Args: args}
	cfg.Stdout, cfg.Calls, cfg.RequestDump = r.stdout, calls, r.signals.dump
	if err := r.caller.TakeFiles(); err != nil {
		return err
	}
	if err := r.create(cfg, budget); err != nil {
		return explainRefused(r.caller, explainExisting(r.opt, err))
	}
	budget.LimitRuntime()
	r.nice = privilege.RaisePriority()
	return nil
}

// create creates the capture. Without -w it takes a name that nobody has: two recorders may start in one second.
func (r *recording) create(cfg recorder.Config, budget *recorder.Budget) (err error) {
	recorder.MonotonicOffset = r.session.MonotonicOffset()
	observer := &console{stderr: r.stderr, reportDumps: !r.opt.quiet && !r.opt.json}
	named := cfg.Path != ""
	name := defaultName(cfg.Manifest.Host, time.Now())
	for n := 1; ; n++ {
		if !named {
			cfg.Path = name
			if n > 1 {
				cfg.Path = fmt.Sprintf("%s-%d", name, n)
			}
		}
		r.recorder, err = recorder.Open(cfg, budget, r.session, observer)
		if named || n == mostNames || !errors.Is(err, fs.ErrExist) {
			r.opt.path = cfg.Path
			return err
		}
	}
}

// mostNames is how many names of a second are tried.
const mostNames = 1000

// defaultName is the name of a capture that begins at that time. A host's name may have any characters.
func defaultName(host string, at time.Time) string {
	host = strings.Map(func(c rune) rune {
		if c == '/' || !unicode.IsPrint(c) {
			return '_'
		}
		return c
	}, host)
	return fmt.Sprintf("fletch-%s-%s", host, at.Format("20060102-150405"))
}

// load loads and attaches the BPF programs.
func (r *recording) load(budget *recorder.Budget) (err error) {
	uid, gid := r.caller.IDs()
	r.session, err = bpf.Open(bpf.Options{
		Families: r.opt.families(), Mechanisms: r.opt.mechanisms, PIDs: r.opt.pids, Command: r.cmd != nil,
		Selection: r.opt.selected(), WithoutArgs: r.opt.noArgs, Strings: r.opt.keptStrings(), UID: uid, GID: gid,
		RingSize: budget.Ring, EventRingSize: budget.EventRing, RareRingSize: budget.RareRing,
	})
	if r.session != nil {
		if err := warnRefused(r.opt, r.session, r.stderr); err != nil {
			return err
		}
	}
	if err != nil {
		return explain(err)
	}
	if r.session.NoCgroup {
		cli.Warn(r.stderr, "record", "there is no cgroup "+term.Escape(r.opt.cgroup)+
			" yet: its tasks are recorded once it is made")
	}
	if r.opt.verbose {
		describe(r.stderr, r.session, budget.Ring)
	}
	return nil
}

// start begins to record, and starts COMMAND. When it returns, what was recorded until then is written.
func (r *recording) start() error {
	if err := r.recorder.Start(); err != nil {
		return err
	}
	if err := startCommand(r.cmd, r.session, r.nice); err != nil {
		return err
	}
	r.watcher = &endWatcher{stop: r.recorder.End, signals: r.signals, cmd: r.cmd, pids: r.session.Targets}
	if r.opt.wait {
		r.watcher.running = r.session.Running
	}
	r.watcher.watch()
	return r.recorder.WriteOut()
}

// dropPrivileges drops them permanently. Everything that is needed from here on is open. The rings are swept meanwhile:
// COMMAND may fill them in less time than this takes.
func (r *recording) dropPrivileges() error {
	if err := privilege.DropBoundingSet(r.recorder.Sweep); err != nil {
		return err
	}
	output, around, err := r.recorder.Directories() // while root may open those of others
	if err != nil {
		return fmt.Errorf("opening the directories of the capture: %w", err)
	}
	defer output.Close() // does nothing on nil
	defer around.Close()
	if err := privilege.Drop(r.caller); err != nil {
		return err
	}
	r.confine(output, around)
	if err := privilege.Filter(); err != nil {
		cli.Warn(r.stderr, "record", fmt.Sprintf("it continues without a seccomp filter for itself: %v", err))
	}
	return nil
}

// confine confines the recorder to its output, and to what it reads of the host. output and around are as of
// Recorder.Directories.
func (r *recording) confine(output, around *os.File) {
	places := privilege.Places{
		Read: []string{"/proc"}, Files: []string{recorder.OnlineCPUs}, Write: alsoWritable,
	}
	if dir := r.session.IteratorDirectory(); dir != "" {
		places.Read = append(places.Read, dir)
	}
	if output != nil {
		places.Output = append(places.Output, output)
	}
	if around != nil {
		places.Around = append(places.Around, around)
	}
	switch version, err := privilege.Confine(places); {
	case err != nil:
		cli.Warn(r.stderr, "record", fmt.Sprintf("it continues without confining itself to its output: %v", err))
	case r.opt.verbose && version == 0:
		fmt.Fprintln(r.stderr, "record: not confined to its output: this kernel has no Landlock")
	case r.opt.verbose:
		fmt.Fprintf(r.stderr, "record: confined to its output by Landlock, version %d\n", version)
	}
}

// alsoWritable are further directories that the recorder may write into. Tests set it, to measure coverage.
var alsoWritable []string

// run records until the end.
func (r *recording) run() error {
	p := progress(r.opt, r.recorder, r.stderr)
	defer p.Stop()
	return r.recorder.Run()
}

// finish completes the capture and returns the exit status. runErr is the error that ended the recording, or nil.
func (r *recording) finish(runErr error) (status int, err error) {
	running := 0
	if r.watcher.ended() {
		running = r.session.Running()
	}
	result, err := r.recorder.Finish(runErr, func(m *format.Manifest) {
		if status, ended := r.watcher.commandStatus(); ended {
			m.ExitStatus = &status
		}
	})
	if err != nil {
		return r.fail(explainFailure(r.opt, err))
	}
	if !r.opt.quiet {
		// The capture is complete even if nobody can read the summary: EPIPE from a pipe, EIO from a closed terminal.
		err := summarize(r.opt, &result, running, r.stderr)
		if err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.EIO) {
			return 0, err
		}
	}
	if r.opt.strict && result.All.Lost > 0 {
		return cli.ExitFound, nil
	}
	return r.watcher.waitCommand(), nil
}

// fail ends a recording that has failed. COMMAND, if it is running, goes on without it: the error is reported at once,
// and record waits.
func (r *recording) fail(err error) (status int, _ error) {
	if r.watcher == nil || r.cmd == nil || r.watcher.ended() {
		return 0, err
	}
	cli.Error(r.stderr, "record", err)
	fmt.Fprintln(r.stderr, "record: COMMAND goes on without it; waiting for its end")
	r.watcher.waitCommand()
	return cli.ExitFailed, nil
}

func (r *recording) close() {
	if r.session != nil {
		r.session.Close()
	}
}
