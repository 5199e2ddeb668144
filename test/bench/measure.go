//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// work is what is recorded: the arguments of load, without the file of its report.
type work struct {
	name    string
	args    []string
	calls   int64   // getppid calls or blocks of dd: replaces N in the last argument, divided by the side's share
	per     int64   // system calls for each of calls
	plain   bool    // it is also run without a recorder, before and after each run
	fastest float64 // the fastest of all plain runs so far, in ns a call; 0 if there is none yet
	once    bool    // only one round, because it takes long
	watch   bool    // the recorder's memory is sampled
}

// trial is one recording of one work by one side.
type trial struct {
	report
	recorded
	// CPU of the recorder's whole process, user and system, from its start to its end
	CPUTotal time.Duration `json:"recorder_ns"`
	CPUStart time.Duration `json:"start_ns"` // the part until the load began: loading, verifying, attaching
	// the part after the load's end: writing what is buffered, detaching, closing
	CPUEnd time.Duration `json:"end_ns"`
	Made   int64         `json:"made"`            // system calls by the load; 0: it does not know
	Plain  []report      `json:"plain,omitempty"` // the work without a recorder, shortly before and after
	Memory []memory      `json:"memory,omitempty"`
	Round  int           `json:"round"`
	// BPF programs of others that were still attached to system calls after waiting
	OtherPrograms int     `json:"beside"`
	OtherCPU      float64 `json:"others"`              // what everybody else took of all CPUs meanwhile, 0 to 1
	Repeated      int     `json:"repeated"`            // so many runs before it were disturbed
	Disturbed     string  `json:"disturbed,omitempty"` // why it does not count
}

// CPU returns the CPU time of the recorder without its start.
func (r *trial) CPU() time.Duration { return r.CPUTotal - r.CPUStart }

const (
	stopGrace    = 60 * time.Second // perf -z with all it has buffered
	readyTimeout = 30 * time.Second
)

// measure runs one work with one side, in a temporary directory.
func (b *bench) measure(ctx context.Context, s *side, w *work) (r *trial, err error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()

	r = &trial{}
	out, reportFile := filepath.Join(dir, "out"), filepath.Join(dir, "report")
	if err := b.plain(ctx, w, r, reportFile); err != nil {
		return nil, err
	}
	args := w.load(reportFile, max(s.share, 1))
	r.Made = w.calls / max(s.share, 1) * w.per
	others := startOthers()
	switch {
	case s.empty:
		err = b.withEmpty(ctx, args)
	case s.program == "":
		err = b.work(ctx, args)
	case s.host:
		err = b.measureHost(ctx, s, w, r, out, args)
	default:
		err = b.measureCommand(ctx, s, w, r, out, args)
	}
	if err != nil {
		return nil, err
	}
	r.OtherCPU = others()
	if r.report, err = readReport(reportFile); err != nil {
		return nil, err
	}
	if r.Calls > 0 {
		r.Made = r.Calls
	}
	if !s.host && s.program != "" {
		// The time of the recorder includes that of its child, the load.
		r.CPUTotal -= r.LoadCPU
		r.CPUStart = r.ParentStart
		r.CPUEnd = r.CPUTotal - r.ParentEnd
	}
	if err := b.plain(ctx, w, r, reportFile); err != nil {
		return nil, err
	}
	if s.read != nil {
		if err := s.read(out, &r.recorded); err != nil {
			return nil, fmt.Errorf("reading what %s wrote: %w", s.name, err)
		}
		if r.Bytes, err = fileBytes(out); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// plainShare: one part in so many of a work is run without a recorder, before and after each run.
const plainShare = 6

// plain runs the work without a recorder, if that is wanted, after waiting until nobody else traces system calls.
func (b *bench) plain(ctx context.Context, w *work, r *trial, reportFile string) error {
	r.OtherPrograms = max(r.OtherPrograms, b.waitAlone(ctx))
	if !w.plain {
		return nil
	}
	// Before the recording, it is repeated while the machine is too busy.
	for range 5 {
		if err := b.work(ctx, w.load(reportFile, plainShare)); err != nil {
			return err
		}
		p, err := readReport(reportFile)
		if err != nil {
			return err
		}
		if p.Calls == 0 {
			p.Calls = w.calls / plainShare * w.per
		}
		after := len(r.Plain) > 0 && r.report.Wall > 0
		if !after {
			r.Plain = r.Plain[:0]
		}
		r.Plain = append(r.Plain, p)
		if after || p.perCall() <= slowerThan*w.fastest || w.fastest == 0 || !b.spendPatience(time.Second) {
			break
		}
		time.Sleep(time.Second)
	}
	return nil
}

// load returns the arguments of a load that makes one part in share of the calls, and writes its report to reportFile.
func (w *work) load(reportFile string, share int64) []string {
	args := append([]string{"load", reportFile}, w.args...)
	if w.calls > 0 {
		last := &args[len(args)-1]
		*last = strings.ReplaceAll(*last, "N", strconv.FormatInt(w.calls/share, 10))
	}
	return args
}

func readReport(path string) (r report, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("reading the load's report: %w", err)
	}
	return r, json.Unmarshal(data, &r)
}

// work runs the load by itself.
func (b *bench) work(ctx context.Context, load []string) error {
	cmd := b.command(ctx, b.self, load)
	var output bytes.Buffer
	cmd.Stderr = &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running the load: %w\n%s", err, output.String())
	}
	return nil
}

func (b *bench) withEmpty(ctx context.Context, load []string) error {
	detach, err := attachEmpty()
	if err != nil {
		return err
	}
	defer detach()
	return b.work(ctx, load)
}

// command returns a command that gets SIGINT when ctx ends, and is killed 5 s later.
func (b *bench) command(ctx context.Context, name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = b.env
	cmd.Dir = b.root
	return cmd
}

// argv returns the arguments, with out for OUT.
func (s *side) argv(out string) []string {
	args := make([]string, len(s.args))
	for i, a := range s.args {
		if args[i] = a; a == "OUT" {
			args[i] = out
		}
	}
	return args
}

// measureCommand runs a recorder that runs the load. The CPU time of the recorder includes that of the load.
func (b *bench) measureCommand(ctx context.Context, s *side, w *work, r *trial, out string, load []string) error {
	cmd := b.command(ctx, s.program, append(append(s.argv(out), b.self), load...))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := w.watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	r.Memory = stop()
	if err != nil {
		return fmt.Errorf("running %s: %w\n%s", s.name, err, output.String())
	}
	r.CPUTotal = cpuOf(cmd)
	return nil
}

// measureHost starts a recorder of the whole host, and the load when it has begun to record.
func (b *bench) measureHost(ctx context.Context, s *side, w *work, r *trial, out string, load []string) error {
	cmd := b.command(ctx, s.program, s.argv(out))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	failed := func(err error) error {
		return fmt.Errorf("running %s: %w\n%s", s.name, err, output.String())
	}
	// The tasks that already ran are the first rows that it writes.
	ready := filepath.Join(out, "task", "000001.arrow")
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat(ready); err == nil && info.Size() > 0 {
			break
		}
		select {
		case err := <-exited:
			return failed(errors.Join(errors.New("it ended before the load"), err))
		default:
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			return failed(fmt.Errorf("it had not begun after %v", readyTimeout))
		}
	}
	var err error
	if r.CPUStart, err = processCPU(cmd.Process.Pid); err != nil {
		return err
	}
	stop := w.watchMemory(cmd.Process.Pid)
	loadErr := b.work(ctx, load)
	r.Memory = stop()
	atEnd, _ := processCPU(cmd.Process.Pid)
	cmd.Process.Signal(os.Interrupt)
	select {
	case err = <-exited:
	case <-time.After(stopGrace):
		cmd.Process.Kill()
		err = fmt.Errorf("it did not end %v after ^C", stopGrace)
	}
	if loadErr != nil {
		return loadErr
	}
	if err != nil {
		return failed(err)
	}
	r.CPUTotal = cpuOf(cmd)
	r.CPUEnd = r.CPUTotal - atEnd
	return nil
}

// cpuOf returns the CPU time of a command that ended, with all its children.
func cpuOf(cmd *exec.Cmd) time.Duration {
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// mountTracing mounts tracefs unless it is mounted: perf finds tracepoints there. undo unmounts it.
func mountTracing() (undo func(), err error) {
	const dir = "/sys/kernel/tracing"
	if _, err := os.Stat(dir + "/events"); err == nil {
		return func() {}, nil
	}
	if err := unix.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
		return func() {}, fmt.Errorf("mounting tracefs, which perf needs: %w", err)
	}
	return func() { unix.Unmount(dir, 0) }, nil
}
