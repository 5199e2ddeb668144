// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/wait"
)

const exitLost = 3

// options are the command line.
type options struct {
	write    string
	events   []string
	pids     []int
	mech     map[string]string // forced, by family
	comm     string
	duration cli.Time
	rows     int64
	size     cli.Size
	buffer   cli.Size
	compress string
	force    bool
	list     bool
	json     bool
	strict   bool
	quiet    bool
	verbose  bool
	standing
	args    []string // as given, for the manifest
	command []string
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opt, stop, err := parse(args, stdout)
	if stop || err != nil {
		return cli.Exit(stderr, "record", err)
	}
	if opt.list {
		return cli.Exit(stderr, "record", list(opt, stdout))
	}
	status, err := record(opt, stdin, stdout, stderr)
	if err != nil {
		return cli.Exit(stderr, "record", err)
	}
	return status
}

func parse(args []string, stdout io.Writer) (*options, bool, error) {
	opt := &options{args: args}
	var pids []string
	f := cli.NewFlags("record", usage)
	f.SetInterspersed(false)
	f.StringVarP(&opt.write, "write", "w", "", "")
	f.StringSliceVarP(&opt.events, "events", "e", nil, "")
	f.StringSliceVarP(&pids, "pid", "p", nil, "")
	f.StringVar(&opt.comm, "comm", "", "")
	f.StringToStringVar(&opt.mech, "mechanism", nil, "")
	f.VarP(&opt.duration, "duration", "d", "")
	f.Int64VarP(&opt.rows, "max-events", "n", 0, "")
	f.VarP(&opt.size, "max-size", "s", "")
	f.VarP(&opt.buffer, "buffer-size", "b", "")
	f.StringVarP(&opt.compress, "compress", "z", "auto", "")
	opt.standing.flags(f)
	f.BoolVar(&opt.force, "force", false, "")
	f.BoolVarP(&opt.list, "list", "L", false, "")
	f.BoolVar(&opt.json, "json", false, "")
	f.BoolVar(&opt.strict, "strict", false, "")
	f.BoolVarP(&opt.quiet, "quiet", "q", false, "")
	f.BoolVarP(&opt.verbose, "verbose", "v", false, "")
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return nil, stop, err
	}
	opt.command = f.Args()
	return opt, false, opt.check(f, pids)
}

func (opt *options) check(f *cli.Flags, pids []string) error {
	known := schema.Families()
	for _, name := range opt.events {
		if !slices.Contains(known, name) {
			return f.Wrong("unknown event family %q, not one of %s", name, strings.Join(known, ", "))
		}
	}
	for name, mechanism := range opt.mech {
		if all := bpf.Mechanisms(name); !slices.Contains(all, mechanism) {
			return f.Wrong("no mechanism %q of %s events, only %s", mechanism, name, orDash(strings.Join(all, ", ")))
		}
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil || pid <= 0 {
			return f.Wrong("%q is not a process id", text)
		}
		opt.pids = append(opt.pids, pid)
	}
	if !slices.Contains([]string{"auto", "zstd", "lz4", "none"}, opt.compress) {
		return f.Wrong("unknown compression %q, not one of zstd, lz4, none, auto", opt.compress)
	}
	for _, flag := range []struct {
		name string
		n    int64
	}{{"max-events", opt.rows}, {"max-size", int64(opt.size)}, {"duration", int64(opt.duration)}, {"buffer-size", int64(opt.buffer)}} {
		if f.Changed(flag.name) && flag.n <= 0 {
			return f.Wrong("--%s must be more than 0", flag.name)
		}
	}
	if opt.buffer > maxRing {
		return f.Wrong("--buffer-size %s is more than %s", opt.buffer.String(), "512MiB")
	}
	if len(opt.command) > 0 && len(opt.pids) > 0 {
		return f.Wrong("--pid and a command exclude each other")
	}
	if opt.list && len(opt.command) > 0 {
		return f.Wrong("--list runs no command")
	}
	return opt.standing.check(f, opt)
}

func (opt *options) families() []string {
	if len(opt.events) == 0 {
		return schema.Families()
	}
	return opt.events
}

const (
	maxRing      = 512 << 20
	defaultRing  = 16 << 20
	defaultRings = 512 << 20 // of all CPUs together
)

// ringSize is the size of one bulk ring in bytes: a power of two of whole pages, at least as large as asked.
func ringSize(asked int64, cpus int) int {
	if asked == 0 {
		asked = defaultRing
		for asked > 1<<20 && asked*int64(cpus) > defaultRings {
			asked /= 2
		}
	}
	asked = max(asked, int64(os.Getpagesize()))
	return 1 << bits.Len64(uint64(asked-1))
}

// list shows what each family would be recorded by.
func list(opt *options, stdout io.Writer) error {
	probes, err := bpf.Probe(bpf.Options{Families: opt.families(), Mechanisms: opt.mech})
	if err != nil {
		return explain(err)
	}
	if opt.json {
		return writeJSON(stdout, probes)
	}
	t := term.NewTable("FAMILY", "MECHANISM", "REFUSED")
	for _, p := range probes {
		first := []string{p.Family, orDash(p.Mechanism)}
		for _, r := range p.Refused {
			t.Row(append(first, term.Escape(r.Mechanism+": "+r.Reason))...)
			first = []string{"", ""}
		}
		if len(p.Refused) == 0 {
			t.Row(append(first, "-")...)
		}
	}
	return t.Write(stdout, "")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// explain adds what to do about the errors of a start.
func explain(err error) error {
	switch {
	case errors.Is(err, bpf.ErrPrivilege):
		return cli.WithHint(err, "run it as root, as in: sudo record …; or give it the two: sudo setcap cap_bpf,cap_perfmon=ep record")
	case errors.Is(err, bpf.ErrNoBTF):
		return cli.WithHint(err, "it needs Linux 5.15 or newer built with CONFIG_DEBUG_INFO_BTF, and /sys/kernel/btf to be visible")
	case errors.Is(err, bpf.ErrRefused):
		return cli.WithHint(err, "record --list says what was refused and why")
	case errors.Is(err, fs.ErrExist):
		return cli.WithHint(err, "choose another path with -w, or replace it with --force")
	}
	return err
}

// record makes one capture; the status is COMMAND's, or that of --strict.
func record(opt *options, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	user, err := privilege.FindCaller()
	if err != nil {
		return 0, err
	}
	cmd, err := prepare(opt, user, stdin, stdout, stderr)
	if err != nil {
		return 0, err
	}
	if err := privilege.ClearInheritable(); err != nil {
		return 0, err
	}
	for _, pid := range opt.pids {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			return 0, fmt.Errorf("following process %d: no such process", pid)
		}
	}
	host, err := describeHost()
	if err != nil {
		return 0, err
	}
	table, err := syscalls.ForArch(host.Arch)
	if err != nil {
		return 0, err
	}
	if opt.write == "" {
		opt.write = fmt.Sprintf("fletch-%s-%s", host.Host, time.Now().Format("20060102-150405"))
	}
	layouts := bpf.Layouts()
	plan, err := newPlan(opt, host.CPUs, layouts)
	if err != nil {
		return 0, err
	}
	session, err := bpf.Open(bpf.Options{
		Families: opt.families(), Mechanisms: opt.mech, PIDs: opt.pids, Command: cmd != nil, Comm: opt.comm,
		RingSize: plan.ring, RareRingSize: plan.rareRing, Arities: table.Arities(),
	})
	if session != nil {
		defer session.Close()
		if err := warnRefused(opt, session, stderr); err != nil {
			return 0, err
		}
	}
	if err != nil {
		return 0, explain(err)
	}
	if opt.verbose {
		describe(stderr, session, plan.ring)
	}
	host.Tables = map[string]format.TableInfo{}
	host.Recorder = format.Recorder{Version: cli.Version(), Args: opt.args}
	host.Command = opt.command
	host.Probes = session.Probes

	clock, err := anchor()
	if err != nil {
		return 0, err
	}
	host.Clock = []format.Clock{clock}
	host.Start = time.Unix(0, clock.Wall).UTC()
	signals := handleSignals()
	to, err := create(opt, user, signals.dump, host, stdout)
	if err != nil {
		return 0, explain(err)
	}
	r := newRecorder(opt, session, to, plan, clock, table, stderr)
	plan.keepTo(int64(opt.maxMemory), host.CPUs)
	r.nice = privilege.RaisePriority()
	if err := r.start(cmd); err != nil {
		return 0, errors.Join(err, to.abort())
	}
	waiter, err := wait.New(session.Woken())
	if err != nil {
		return 0, errors.Join(err, to.abort())
	}
	e := watchForEnd(waiter, signals, cmd, opt.pids)
	if _, err := r.session.Sweep(r.emit); err != nil {
		return 0, errors.Join(err, to.abort())
	}
	r.idle() // or a directory would be made by one user and given away by another
	failed := giveUpPrivileges(user, stderr)
	if failed == nil {
		p := r.progress()
		failed = r.loop(e)
		p.Stop()
	}
	return r.finish(failed, e)
}

// giveUpPrivileges does so for good: what is needed from here on is open.
func giveUpPrivileges(user *privilege.Caller, stderr io.Writer) error {
	if err := privilege.Drop(user); err != nil {
		return err
	}
	if err := privilege.Filter(); err != nil {
		cli.Warn(stderr, "record", fmt.Sprintf("it goes on without a filter of its own system calls: %v", err))
	}
	return nil
}

// describe says by which means what will be recorded.
func describe(stderr io.Writer, session *bpf.Session, ring int) {
	for _, p := range session.Probes {
		fmt.Fprintf(stderr, "record: %s events by %s\n", p.Family, orDash(p.Mechanism))
		for _, r := range p.Refused {
			fmt.Fprintf(stderr, "record:   not by %s: %s\n", r.Mechanism, term.Escape(r.Reason))
		}
	}
	fmt.Fprintf(stderr, "record: %d CPUs, a ring of %s each\n", session.CPUs, term.Bytes(int64(ring)))
}

// warnRefused: a family no mechanism works for is left out with a warning, or is an error when it was asked for.
func warnRefused(opt *options, session *bpf.Session, stderr io.Writer) error {
	for _, p := range session.Probes {
		if p.Mechanism != "" {
			continue
		}
		var reasons []string
		for _, r := range p.Refused {
			reasons = append(reasons, r.Mechanism+": "+r.Reason)
		}
		what := fmt.Sprintf("%s events are left out: %s", p.Family, strings.Join(reasons, "; "))
		if slices.Contains(opt.events, p.Family) {
			return explain(fmt.Errorf("recording %s events: %w (%s)", p.Family, bpf.ErrRefused, strings.Join(reasons, "; ")))
		}
		cli.Warn(stderr, "record", what)
	}
	return nil
}

// prepare finds COMMAND before anything else is done, so that a wrong name costs nothing. nil without COMMAND.
func prepare(opt *options, user *privilege.Caller, stdin io.Reader, stdout, stderr io.Writer) (*exec.Cmd, error) {
	if len(opt.command) == 0 {
		return nil, nil
	}
	path, err := exec.LookPath(opt.command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("finding the command: %w", err)
	}
	cmd := exec.Command(path)
	cmd.Args = opt.command
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	if opt.write == "-" {
		cmd.Stdout = stderr
	}
	user.RunAs(cmd)
	return cmd, nil
}
