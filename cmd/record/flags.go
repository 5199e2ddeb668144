// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/schema"
)

// codecs are the values of --compress.
var codecs = []cli.Term{
	{Name: "auto", Text: "zstd, less while the rings fill up"}, {Name: "zstd"}, {Name: "lz4"}, {Name: "none"},
}

// codecNames are the names of codecs.
func codecNames() (names []string) {
	for _, codec := range codecs {
		names = append(names, codec.Name)
	}
	return names
}

// unparsed are the arguments of flags that check parses.
type unparsed struct{ events, pids, uids, mechanisms []string }

// flags declares the flags.
func (opt *options) flags() (f *cli.Flags, args *unparsed) {
	f, args = cli.New(description), &unparsed{}
	f.SetInterspersed(false)
	opt.selectionFlags(f, args)
	opt.destinationFlags(f)
	opt.segmentFlags(f)
	opt.flightFlags(f)
	opt.limitFlags(f)
	opt.tuningFlags(f, args)
	return f, args
}

func (opt *options) selectionFlags(f *cli.Flags, args *unparsed) {
	families := cli.Names(schema.Families()...)
	f.Section("What")
	f.StringArrayVarP(&args.events, "events", "e", nil, "only these event families, a `LIST` of "+
		strings.Join(schema.Families(), ", ")+" (default: all this kernel allows); or, as syscall=LIST, only these "+
		"system calls: names, and the classes "+strings.Join(callClasses(), " ")+"; those after a ! are left out. It "+
		"can be given several times")
	f.ListOf("events", families...)
	f.StringSliceVarP(&args.pids, "pid", "p", nil, "only the processes of a `LIST` of ids, with what they have "+
		"started and will start, except processes whose parents had ended before. A thread's id stands for its process")
	f.StringVar(&opt.comm, "comm", "", "only tasks whose name is `NAME`, of which the first 15 bytes count")
	f.StringSliceVar(&args.uids, "uid", nil, "only tasks of a `LIST` of users, by name or number: the real user id")
	f.StringVar(&opt.cgroup, "cgroup", "", "only tasks in the cgroup `PATH`, as /system.slice/nginx.service, or below "+
		"it, also if it is made later")
	f.StringVar(&opt.container, "container", "", "only tasks in the container whose `ID` begins so")
	f.BoolVar(&opt.failed, "failed", false, "only system calls, and reads and writes, that return an error")
	f.Var(&opt.slower, "slower", "only system calls, and reads and writes, that take `TIME` or longer: 10ms")
	f.BoolVar(&opt.noArgs, "no-args", false, "no command lines: programs without their arguments, and of COMMAND "+
		"only its name, because arguments may hold passwords")
	opt.strings = bpf.MaxString
	f.Var(&opt.strings, "strings", "keep `SIZE` of each text that is passed to a system call: paths, names, addresses")
	f.BoolVar(&opt.noStrings, "no-strings", false, "no texts of system calls")
}

func (opt *options) destinationFlags(f *cli.Flags) {
	f.Section("Where to")
	f.StringVarP(&opt.path, "write", "w", "", "into `PATH`: a directory (default: fletch-HOST-YYYYMMDD-HHMMSS), "+
		"FILE.tar, or - (a tar on standard output; COMMAND's own output then goes to standard error)")
	f.Path("write")
	f.BoolVar(&opt.force, "force", false, "replace PATH if it is a capture, or empty and yours; go on in "+
		"it if a flight recorder made it")
	f.StringVarP(&opt.codec, "compress", "z", codecs[0].Name, "compress by `CODEC`: "+cli.Or(codecs...))
	f.OneOf("compress", codecs...)
	f.Var(&opt.sync, "sync", "have all that was written reach the disk (fsync), every `TIME`")
}

func (opt *options) limitFlags(f *cli.Flags) {
	f.Section("How long (whichever comes first)")
	f.VarP(&opt.duration, "duration", "d", "end after `TIME`: 30s, 5m")
	f.Int64VarP(&opt.maxEvents, "max-events", "n", 0, "end after exactly `N` rows of events")
	f.VarP(&opt.maxSize, "max-size", "s", "end when the capture has `SIZE`: 64MiB, 1G; the last batch may pass it")
	f.BoolVar(&opt.wait, "wait", false, "record until everything that COMMAND, or the processes of --pid, have "+
		"started has ended too")
}

func (opt *options) tuningFlags(f *cli.Flags, args *unparsed) {
	var mechanisms []string
	for _, family := range schema.Families() {
		for _, name := range bpf.Mechanisms(family) {
			mechanisms = append(mechanisms, family+"="+name)
		}
	}
	f.Section("How")
	f.VarP(&opt.ringSize, "buffer-size", "b", "`SIZE` of each CPU's ring (default 16MiB, less on hosts of many CPUs)")
	f.StringSliceVar(&args.mechanisms, "mechanism", nil, "record by the mechanisms of `FAMILY=NAME,...` and no "+
		"others, as in file=kprobe; --list names them")
	f.ListOf("mechanism", cli.Names(mechanisms...)...)
	f.Var(&opt.maxMemory, "max-memory", "stay below `SIZE` of resident memory: rings and batches are made as large "+
		"as fits, and a window in memory is shorter than --last if necessary")
	f.Var(&opt.maxCPU, "max-cpu", "stay below `PERCENT` of one CPU, as 50%: above it "+
		strings.Join(bulkFamilies(), " and ")+" events are not recorded but counted as lost")
	f.BoolVar(&opt.strict, "strict", false, "exit with status 3 if any event was lost")
	f.BoolVarP(&opt.list, "list", "L", false, "show for each event family which mechanism this kernel allows, "+
		"and why not a better one")
	f.BoolVar(&opt.json, "json", false, "print --list and the final summary as JSON")
	f.BoolVarP(&opt.quiet, "quiet", "q", false, "print no summary and no progress")
	f.BoolVarP(&opt.verbose, "verbose", "v", false, "print mechanisms, sizes of the rings, and what confines it")
}

func (s *longRunning) segmentFlags(f *cli.Flags) {
	f.Section("Segments (the three can be combined; a directory only)")
	f.VarP(&s.segmentSize, "segment-size", "C", "begin new segments when those of all tables together have `SIZE`")
	f.VarP(&s.segmentTime, "segment-time", "G", "begin new segments every `TIME`")
	f.IntVarP(&s.keep, "keep", "W", 0, "keep the newest `N` segments of each table, the one being written included; "+
		"what remains is a whole capture. With --last, keep the newest N dumps")
}

func (s *longRunning) flightFlags(f *cli.Flags) {
	var triggers []cli.Term
	for _, t := range schema.Tables {
		if t.Trigger {
			triggers = append(triggers, cli.Term{Name: t.Table})
		}
	}
	f.Section("Flight recorder (a directory only)")
	f.Var(&s.last, "last", "keep only the last `TIME`, in PATH/window, and dump it: write it as a capture of its "+
		"own, PATH/YYYYMMDDTHHMMSS.mmmZ-REASON, on SIGUSR2 (REASON is sigusr2), when --trigger holds (trigger), and "+
		"at the end (end). Dumps stay until you remove them, or with -W until there are N newer ones. With --force it "+
		"goes on in a PATH that a flight recorder made; what a killed recorder left unfinished there is kept with "+
		"REASON interrupted")
	f.StringVar(&s.trigger, "trigger", "", "dump when `EXPR` holds for a "+cli.Or(triggers...)+" event, as in "+
		"'name == \"fsync\" && duration_ns > 1e9'. While it keeps holding, dumps follow each other TIME (of --last) "+
		"apart")
	f.Var(&s.after, "after", "record for `TIME` more before a dump")
	f.BoolVar(&s.inMemory, "in-memory", false, "keep the window in memory, and nothing on the disk but dumps")
}
