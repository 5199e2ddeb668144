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

// A work is what is recorded: the arguments of load, without the file of its report.
type work struct {
	name    string
	args    []string
	calls   int64   // getppid calls or dd's blocks: the last argument, which a side's share divides
	per     int64   // system calls per unit of calls
	plain   bool    // how long it takes without a recorder matters: it is run so before and after each run
	fastest float64 // of all plain runs so far, ns a call; 0: none yet
	once    bool    // long by itself: one round
	watch   bool    // the recorder's memory
}

// A trial is one side's recording of one work, once.
type trial struct {
	report
	taken
	// CPU of the recorder's whole process, user and system, from its start to its end
	CPUTotal time.Duration `json:"recorder_ns"`
	CPUStart time.Duration `json:"start_ns"` // of it, until the load began: loading, verifying, attaching
	// of it, after the load's end: what was still in buffers, detaching, closing
	CPUEnd time.Duration `json:"end_ns"`
	Made   int64         `json:"made"`            // system calls by the load; 0: it does not know
	Plain  []report      `json:"plain,omitempty"` // the work without a recorder, shortly before and after
	Memory []memory      `json:"memory,omitempty"`
	Round  int           `json:"round"`
	// programs that others had attached where ours are attached, and that would not go
	Beside    int     `json:"beside"`
	Others    float64 `json:"others"`              // what everybody else took of all CPUs meanwhile, 0 to 1
	Repeated  int     `json:"repeated"`            // so many runs before it were disturbed
	Disturbed string  `json:"disturbed,omitempty"` // why it does not count
}

// CPU is what a recorder took beside its start.
func (r *trial) CPU() time.Duration { return r.CPUTotal - r.CPUStart }

const (
	stopGrace = 60 * time.Second // perf -z with all it has buffered
	readyIn   = 30 * time.Second
)

// measure runs one side under one work. dir is for its files, which are gone afterwards.
func (b *bench) measure(ctx context.Context, s *side, w *work) (r *trial, err error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()

	r = &trial{}
	out, said := filepath.Join(dir, "out"), filepath.Join(dir, "report")
	if err := b.plain(ctx, w, r, said); err != nil {
		return nil, err
	}
	args := w.load(said, max(s.share, 1))
	r.Made = w.calls / max(s.share, 1) * w.per
	others := startOthers()
	switch {
	case s.empty:
		err = b.withEmpty(ctx, args)
	case s.program == "":
		err = b.work(ctx, args)
	case s.host:
		err = b.beside(ctx, s, w, r, out, args)
	default:
		err = b.around(ctx, s, w, r, out, args)
	}
	if err != nil {
		return nil, err
	}
	r.Others = others()
	if r.report, err = readReport(said); err != nil {
		return nil, err
	}
	if r.Calls > 0 {
		r.Made = r.Calls
	}
	if !s.host && s.program != "" {
		// What ran the load has its time too.
		r.CPUTotal -= r.Own
		r.CPUStart = r.Parent
		r.CPUEnd = r.CPUTotal - r.Ended
	}
	if err := b.plain(ctx, w, r, said); err != nil {
		return nil, err
	}
	if s.read != nil {
		if err := s.read(out, &r.taken); err != nil {
			return nil, fmt.Errorf("reading what %s wrote: %w", s.name, err)
		}
		if r.Bytes, err = fileBytes(out); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// plainShare of a work is run without a recorder each time.
const plainShare = 6

// plain runs the work alone, when nobody else traces system calls if that can be waited for.
func (b *bench) plain(ctx context.Context, w *work, r *trial, said string) error {
	r.Beside = max(r.Beside, b.alone(ctx))
	if !w.plain {
		return nil
	}
	// Before, it may wait for a calm moment.
	for range 5 {
		if err := b.work(ctx, w.load(said, plainShare)); err != nil {
			return err
		}
		p, err := readReport(said)
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
		if after || p.perCall() <= slowerThan*w.fastest || w.fastest == 0 || !b.patient(time.Second) {
			break
		}
		time.Sleep(time.Second)
	}
	return nil
}

// load is the command line that does one of so many parts of the work, and reports into a file.
func (w *work) load(said string, share int64) []string {
	args := append([]string{"load", said}, w.args...)
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
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running the load: %w\n%s", err, said.String())
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

// command is a program of this run. It dies with ctx, in its own time if it can.
func (b *bench) command(ctx context.Context, name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = b.env
	cmd.Dir = b.root
	return cmd
}

func (s *side) argv(out string) []string {
	args := make([]string, len(s.args))
	for i, a := range s.args {
		if args[i] = a; a == "OUT" {
			args[i] = out
		}
	}
	return args
}

// around runs a recorder that runs the load. Its CPU time has the load's in it.
func (b *bench) around(ctx context.Context, s *side, w *work, r *trial, out string, load []string) error {
	cmd := b.command(ctx, s.program, append(append(s.argv(out), b.self), load...))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := w.watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	r.Memory = stop()
	if err != nil {
		return fmt.Errorf("running %s: %w\n%s", s.name, err, said.String())
	}
	r.CPUTotal = cpuOf(cmd)
	return nil
}

// beside starts a recorder of the whole host, and the load when it has begun to record.
func (b *bench) beside(ctx context.Context, s *side, w *work, r *trial, out string, load []string) error {
	cmd := b.command(ctx, s.program, s.argv(out))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	failed := func(err error) error {
		return fmt.Errorf("running %s: %w\n%s", s.name, err, said.String())
	}
	// What already ran is the first thing it writes.
	ready := filepath.Join(out, "task", "000001.arrow")
	for deadline := time.Now().Add(readyIn); ; time.Sleep(5 * time.Millisecond) {
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
			return failed(fmt.Errorf("it had not begun after %v", readyIn))
		}
	}
	var err error
	if r.CPUStart, err = processCPU(cmd.Process.Pid); err != nil {
		return err
	}
	stop := w.watchMemory(cmd.Process.Pid)
	ran := b.work(ctx, load)
	r.Memory = stop()
	atEnd, _ := processCPU(cmd.Process.Pid)
	cmd.Process.Signal(os.Interrupt)
	select {
	case err = <-exited:
	case <-time.After(stopGrace):
		cmd.Process.Kill()
		err = fmt.Errorf("it did not end %v after ^C", stopGrace)
	}
	if ran != nil {
		return ran
	}
	if err != nil {
		return failed(err)
	}
	r.CPUTotal = cpuOf(cmd)
	r.CPUEnd = r.CPUTotal - atEnd
	return nil
}

// cpuOf is what an ended command took with all its children.
func cpuOf(cmd *exec.Cmd) time.Duration {
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// mountTracing makes the kernel's tracepoints visible, which perf finds its events by. undo takes it back.
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
