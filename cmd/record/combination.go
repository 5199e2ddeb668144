// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/schema"
)

// checkCombination refuses flags that would do nothing beside the others, or would do what nobody meant.
func (opt *options) checkCombination(f *cli.Flags, pids []string) error {
	for flag, isEmpty := range map[string]bool{
		"pid": len(pids) == 0, "comm": opt.comm == "", "write": opt.path == "",
	} {
		if f.Changed(flag) && isEmpty {
			return f.Wrong("--%s is empty", flag)
		}
	}
	switch {
	case len(opt.command) > 0 && len(pids) > 0:
		return f.Wrong("--pid and a command exclude each other")
	case len(opt.command) == 0 && f.ArgsLenAtDash() >= 0:
		return f.Wrong("no command after --")
	case opt.wait && len(opt.command) == 0 && len(pids) == 0:
		return f.Wrong("--wait needs a command or --pid: a recording of the whole host has no last process")
	case opt.force && !f.Changed("write"):
		return f.Wrong("--force needs --write: the default name is always a new one")
	case opt.force && opt.path == "-":
		return f.Wrong("--force has nothing to replace: the capture goes to standard output")
	case opt.quiet && opt.json && !opt.list:
		return f.Wrong("--quiet and --json exclude each other: without a summary there is nothing to print as JSON")
	case opt.list:
		return opt.checkList(f)
	case opt.noArgs && len(opt.command) == 0 && !slices.Contains(opt.families(), "process"):
		return f.Wrong("--no-args is for process events, which are not recorded")
	}
	for _, flag := range []string{"strings", "no-strings"} {
		if f.Changed(flag) && !slices.Contains(opt.families(), "syscall") {
			return f.Wrong("--%s is for syscall events, which are not recorded", flag)
		}
	}
	if opt.noStrings && f.Changed("strings") {
		return f.Wrong("--strings and --no-strings exclude each other")
	}
	bulk := bulkFamilies()
	for _, flag := range []string{"max-cpu", "buffer-size"} {
		if f.Changed(flag) && !slices.ContainsFunc(opt.families(), func(name string) bool {
			return slices.Contains(bulk, name)
		}) {
			return f.Wrong("--%s is for %s events, which are not recorded", flag, strings.Join(bulk, " and "))
		}
	}
	return nil
}

// checkList refuses the flags that --list, which records nothing, has no use for.
func (opt *options) checkList(f *cli.Flags) (err error) {
	if len(opt.command) > 0 {
		return f.Wrong("--list runs no command")
	}
	f.Visit(func(flag *pflag.Flag) {
		if !slices.Contains([]string{"list", "json", "events", "mechanism"}, flag.Name) && err == nil {
			err = f.Wrong("--list records nothing: it has no use for --%s", flag.Name)
		}
	})
	return err
}

// parseMechanisms sets opt.mechanisms from the arguments of --mechanism, FAMILY=NAME.
func (opt *options) parseMechanisms(f *cli.Flags, args []string) error {
	opt.mechanisms = map[string]string{}
	for _, arg := range args {
		family, name, ok := strings.Cut(arg, "=")
		all := bpf.Mechanisms(family)
		switch {
		case !ok:
			return f.Wrong("--mechanism %q is not FAMILY=NAME", arg)
		case !slices.Contains(all, name):
			return f.Wrong("no mechanism %q of %s events, only %s", name, family, orDash(strings.Join(all, ", ")))
		case !slices.Contains(opt.families(), family):
			return f.Wrong("--mechanism %s is for %s events, which are not recorded", arg, family)
		case opt.mechanisms[family] != "" && opt.mechanisms[family] != name:
			return f.Wrong("two mechanisms of %s events: a recording has one", family)
		}
		opt.mechanisms[family] = name
	}
	return nil
}

// bulkFamilies are the families with a table of high volume: --max-cpu sheds their events, and most of the rings are
// for them.
func bulkFamilies() (names []string) {
	for _, t := range schema.Tables {
		if t.Bulk {
			names = append(names, t.Families...)
		}
	}
	return names
}
