// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/user"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// callFamily is the family whose rows are system calls, and the prefix of a list of them in the argument of -e.
const callFamily = "syscall"

// callClasses are the classes of calls as -e takes them.
func callClasses() (words []string) {
	for _, class := range syscalls.Classes() {
		words = append(words, "%"+class)
	}
	return words
}

// parseSelection parses what is to be recorded.
func (opt *options) parseSelection(f *cli.Flags, args *unparsed) error {
	if err := opt.parseEvents(f, args.events); err != nil {
		return err
	}
	for _, text := range args.pids {
		pid, err := strconv.Atoi(text)
		if err != nil || pid <= 0 {
			return f.Wrong("%q is not a process id", text)
		}
		opt.pids = append(opt.pids, pid)
	}
	for _, text := range args.uids {
		uid, err := userID(text)
		if err != nil {
			return f.Wrong("no user %q: --uid takes the names of users, and numbers", text)
		}
		opt.uids = append(opt.uids, uid)
	}
	if len(opt.uids) > bpf.MaxUIDs {
		return f.Wrong("--uid has more than %d users", bpf.MaxUIDs)
	}
	for flag, value := range map[string]string{"cgroup": opt.cgroup, "container": opt.container} {
		if f.Changed(flag) && value == "" {
			return f.Wrong("--%s is empty", flag)
		}
	}
	if opt.cgroup != "" && opt.container != "" {
		return f.Wrong("--cgroup and --container exclude each other")
	}
	if opt.cgroup != "" {
		opt.cgroup = cgroupPath(opt.cgroup)
	}
	return opt.checkByCall(f)
}

// parseEvents parses the arguments of -e: lists of families, and of system calls.
func (opt *options) parseEvents(f *cli.Flags, args []string) error {
	known := schema.Families()
	var lists [][]string // of calls
	for _, arg := range args {
		if arg == "" {
			return f.Wrong("--events is empty")
		}
		if list, ok := strings.CutPrefix(arg, callFamily+"="); ok {
			lists = append(lists, strings.Split(list, ","))
			continue
		}
		for name := range strings.SplitSeq(arg, ",") {
			if !slices.Contains(known, name) {
				return f.Wrong("unknown event family %q, not one of %s", name, strings.Join(known, ", "))
			}
			if !slices.Contains(opt.events, name) {
				opt.events = append(opt.events, name)
			}
		}
	}
	if len(lists) == 0 {
		return nil
	}
	if !slices.Contains(opt.events, callFamily) {
		opt.events = append(opt.events, callFamily)
	}
	return opt.parseCalls(f, lists)
}

// parseCalls parses lists of system calls. In each, those after a ! are left out.
func (opt *options) parseCalls(f *cli.Flags, lists [][]string) error {
	table, err := syscalls.ForArch(map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH])
	if err != nil {
		return err
	}
	only, without := map[int32]bool{}, map[int32]bool{}
	positive := false
	for _, list := range lists {
		excluded := false
		for _, word := range list {
			word, mark := strings.CutPrefix(word, "!")
			excluded = excluded || mark
			numbers := table.Numbers(word)
			if len(numbers) == 0 {
				return f.Wrong("unknown system call %q: names are as in analyze syscalls, classes are %s", word,
					strings.Join(callClasses(), ", "))
			}
			set := only
			if excluded {
				set, word = without, "!"+word
			} else {
				positive = true
			}
			for _, nr := range numbers {
				set[nr] = true
			}
			opt.callWords = append(opt.callWords, word)
		}
	}
	opt.calls = &bpf.Calls{Except: !positive}
	if !positive {
		only, without = without, nil
	}
	for nr := range only {
		if !without[nr] {
			opt.calls.Numbers = append(opt.calls.Numbers, nr)
		}
	}
	if positive && len(opt.calls.Numbers) == 0 {
		return f.Wrong("-e syscall=%s selects no system call", strings.Join(lists[0], ","))
	}
	return nil
}

// checkByCall refuses to select calls where none are recorded.
func (opt *options) checkByCall(f *cli.Flags) error {
	hasCalls := slices.ContainsFunc(
		opt.families(),
		func(name string) bool { return name == callFamily || name == "file" },
	)
	for _, flag := range []string{"failed", "slower"} {
		if f.Changed(flag) && !hasCalls {
			return f.Wrong("--%s is for syscall and file events, which are not recorded", flag)
		}
	}
	return nil
}

// userID returns the id of a user, by name or number.
func userID(text string) (uint32, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return uint32(n), nil
	}
	u, err := user.Lookup(text)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err
}

// cgroupPath returns the path of a cgroup from the root, also if it is given as that of its directory.
func cgroupPath(path string) string {
	path = filepath.Clean("/" + path)
	if below, ok := strings.CutPrefix(path, "/sys/fs/cgroup"); ok {
		path = filepath.Clean("/" + below)
	}
	return path
}

// selection is what was asked for, nil if that is everything. processes are those that the ids of -p stand for. COMMAND
// has a field of its own in the manifest.
func (opt *options) selection(processes []int) *format.Selection {
	s := &format.Selection{
		Families: opt.events, Comm: opt.comm, Calls: opt.callWords, Failed: opt.failed,
		SlowerNS: int64(opt.slower.Duration()), UID: opt.uids, Cgroup: opt.cgroup, Container: opt.container,
	}
	for _, pid := range processes {
		s.PIDs = append(s.PIDs, int64(pid))
	}
	if opt.noArgs {
		s.Args = new(bool)
	}
	if kept := int64(opt.keptStrings()); kept < bpf.MaxString && slices.Contains(opt.families(), callFamily) {
		s.Strings = &kept
	}
	if reflect.ValueOf(*s).IsZero() {
		return nil
	}
	return s
}

// selects reports whether flags select some rows of the families, other than by the names of tasks.
func (opt *options) selects() bool {
	return opt.calls != nil || opt.failed || opt.slower > 0 || opt.uids != nil || opt.cgroup != "" ||
		opt.container != ""
}

// selected is what the session selects.
func (opt *options) selected() bpf.Selection {
	return bpf.Selection{
		Comm: opt.comm, UIDs: opt.uids, Cgroup: opt.cgroup, Container: opt.container, Calls: opt.calls,
		Failed: opt.failed, Slower: opt.slower.Duration(),
	}
}
