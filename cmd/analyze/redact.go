// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/redaction"
	"github.com/fletch-trace/fletch/internal/term"
)

var redactCommand = cli.Command{
	Name:    "analyze redact",
	Summary: "a capture to give away, with tokens in place of texts and addresses",
	Acts:    true,
	Description: `Writes a capture with the same rows, in which arguments, names, paths and addresses are replaced by
tokens. Equal texts have equal tokens in all tables, so joins, groups and counts are the same, which it checks before it
ends. What this version does not know is left out. Without --args, --names, --paths, --addresses and --pattern, all is
replaced.`,
	Usage: []string{"CAPTURE... -w CAPTURE [flags]"},
	Examples: []cli.Example{
		{Line: "analyze redact incident --dry-run", Text: "what would be replaced"},
		{Line: "analyze redact incident -w shared", Text: "all of it"},
		{Line: "analyze redact incident -w shared --keep '^/(usr|lib|proc)/'", Text: "but for the system's own files"},
		{Line: `analyze redact incident -w shared --pattern 'token=(\w+)' --args`,
			Text: "arguments, and what looks like a token elsewhere"},
		{Line: "analyze redact incident -w - | age -r age1... >shared.tar.age", Text: "encrypted to somebody"},
	},
	Notes: []cli.Note{
		{Head: "What stays always", Text: `Numbers: times, results, sizes, process, user and inode numbers, ports, the
arguments of system calls (which are numbers and pointers), the kernel's release, which families and processes were
selected. Of a path, how many components it has,
"." and ".."; that a text was cut, or a file deleted; names that the kernel gives, as pipe:[7]. Free texts of the
manifest, such as notes and the recorder's command line, are left out, unless only a pattern is replaced.`},
		{Head: "Tokens", Text: `A token is _ and 13 letters and digits of HMAC-SHA-256. An IPv4 address becomes another
one, an IPv6 address one of 2001:db8::/32. The key is a new one each time, which nobody keeps, so nobody can look for a
text by computing its token. With --key it can be used again: then tokens of several captures are the same.`},
	},
}

// redactOptions are the flags of redact.
type redactOptions struct {
	*options
	path, key          string
	force, all, dryRun bool
	rules              redaction.Rules
	patterns, keep     []string
	contents           []string // the flags that replace texts as a whole
}

func redactFlags() *redactOptions {
	o := &redactOptions{options: newCommand(redactCommand), contents: []string{"args", "names", "paths", "addresses"}}
	o.Section("What is replaced")
	o.BoolVar(&o.rules.Args, "args", false, "arguments of programs, COMMAND's and the recorder's included")
	o.BoolVar(&o.rules.Names, "names", false, "names of threads, containers and the host")
	o.BoolVar(&o.rules.Paths, "paths", false, "paths of files, programs and cgroups")
	o.BoolVar(&o.rules.Addresses, "addresses", false, "network addresses")
	o.BoolVar(&o.all, "all", false, "all four (the default)")
	o.StringArrayVar(&o.patterns, "pattern", nil, "in all other texts, what matches `REGEX`, or its first group: all "+
		"of the match if the group is empty or repeated. Arguments are looked at one by one. Can be given again")
	o.Section("What stays")
	o.StringArrayVar(&o.keep, "keep", nil, "texts in which `REGEX` matches: a whole path, argument, name or address. "+
		"Can be given again")
	o.BoolVar(&o.rules.KeepPrivate, "keep-private", false,
		"addresses that many hosts have: loopback, link-local, private")
	o.Section("Output")
	o.StringVarP(&o.path, "write", "w", "", "into `CAPTURE`: a directory, FILE.tar, or - (a tar on standard output)")
	o.Path("write")
	o.BoolVar(&o.force, "force", false, "replace it if it is a capture")
	o.StringVar(&o.key, "key", "", "make tokens with the key in `FILE`: 16 random bytes or more")
	o.Path("key")
	o.BoolVar(&o.dryRun, "dry-run", false, "write nothing, and show what would be replaced")
	o.withJSON("an object of what was replaced and what was left out")
	return o
}

func redact(e *env, args []string) (err error) {
	o := redactFlags()
	if stop, err := o.parse(e, args); stop {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.dryRun || o.path == "-" {
		if err := cli.CheckOutput(e.stdout); err != nil {
			return err
		}
	}
	c, err := capture.OpenRecording(e.ctx, o.Args(), e.stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, damage := range c.Damage() {
		cli.Warn(e.stderr, program.Name, c.Path+": "+damage.Error())
	}
	job := &redaction.Job{Capture: c, Rules: o.rules, Path: o.path, Stdout: e.stdout, Force: o.force,
		Progress: e.progress}
	if o.dryRun {
		report, err := job.Preview(e.ctx)
		if err != nil {
			return err
		}
		return o.write(e.stdout, report)
	}
	if err := refuseOwn(o.Args(), o.path); err != nil {
		return err
	}
	report, err := job.Run(e.ctx)
	if err != nil {
		return o.explain(err)
	}
	if o.path == "-" {
		return o.write(e.stderr, report)
	}
	return o.write(e.stdout, report)
}

// check validates the flags, and reads the key and the expressions.
func (o *redactOptions) check() (err error) {
	given := 0
	for _, name := range o.contents {
		if o.Changed(name) {
			given++
		}
	}
	switch {
	case o.all && given > 0:
		return o.Wrong("--all is more than the contents beside it")
	case o.dryRun && (o.path != "" || o.force):
		return o.Wrong("--dry-run writes nothing: it has no use for --write and --force")
	case !o.dryRun && o.path == "":
		return o.Wrong("no output given: -w CAPTURE")
	case o.force && o.path == "-":
		return o.Wrong("--force has nothing to replace: the capture goes to standard output")
	}
	if o.all || given == 0 && len(o.patterns) == 0 {
		o.rules.Args, o.rules.Names, o.rules.Paths, o.rules.Addresses = true, true, true, true
	}
	if o.rules.Patterns, err = o.compile("pattern", o.patterns); err != nil {
		return err
	}
	if o.rules.Keep, err = o.compile("keep", o.keep); err != nil {
		return err
	}
	return o.readKey()
}

// compile compiles the values of a flag.
func (o *redactOptions) compile(flag string, values []string) (all []*regexp.Regexp, err error) {
	for _, value := range values {
		p, err := regexp.Compile(value)
		if err != nil {
			return nil, o.Wrong("--%s: %w", flag, err)
		}
		if redaction.MatchesNothing(p) {
			return nil, o.Wrong("--%s %q also matches texts of no length, which are everywhere", flag, value)
		}
		all = append(all, p)
	}
	return all, nil
}

// readKey sets the key: that of --key, or a new one.
func (o *redactOptions) readKey() (err error) {
	if o.key == "" {
		o.rules.Key = make([]byte, 32)
		_, err = rand.Read(o.rules.Key)
		return err
	}
	if o.rules.Key, err = os.ReadFile(o.key); err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	if n := len(o.rules.Key); n < redaction.MinKey {
		err := fmt.Errorf("reading the key %s: %d bytes, it needs %d at least", o.key, n, redaction.MinKey)
		return cli.WithHint(err, "make one: head -c 32 /dev/urandom >"+o.key)
	}
	return nil
}

// refuseOwn returns an error if a redaction at path would replace one of its captures, or be written into it.
func refuseOwn(captures []string, path string) error {
	for _, c := range captures {
		from, err := os.Stat(c)
		if err != nil || path == "-" {
			continue
		}
		for dir := filepath.Clean(path); ; dir = filepath.Dir(dir) {
			if to, err := os.Stat(dir); err == nil && os.SameFile(from, to) {
				err := fmt.Errorf("redacting %s into %s: it would change its own capture", c, path)
				return cli.WithHint(err, "choose another path with -w")
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil
}

// explain adds hints to the errors of a redaction.
func (o *redactOptions) explain(err error) error {
	switch {
	case errors.Is(err, redaction.ErrSegmentSize):
		return cli.WithHint(err, "write a directory with -w, and make a tar of that: tar -C DIR -cf FILE.tar .")
	case errors.Is(err, fs.ErrExist) && !o.force:
		return cli.WithHint(err, "choose another path with -w, or replace it with --force")
	case errors.Is(err, redaction.ErrDiffers):
		return cli.WithHint(err, "nothing was written; two texts have the same token, or --pattern made them equal: "+
			"try again, with another --key if you gave one")
	}
	return err
}

// write prints a report.
func (o *redactOptions) write(w io.Writer, r *redaction.Report) error {
	if o.json {
		return jsonline.Write(w, r)
	}
	t := term.NewTable("table", "column", ">rows", ">replaced", "from", "to")
	for _, c := range r.Changed {
		if c.Table == format.ManifestName {
			t.Row(c.Table, c.Column, "", "", "", "")
			continue
		}
		t.Row(c.Table, c.Column, term.Count(c.Rows), term.Count(c.Replaced), c.From, c.To)
	}
	if t.Len() == 0 {
		fmt.Fprintln(w, "nothing is replaced")
	} else if err := t.Write(w, ""); err != nil {
		return err
	}
	for _, d := range r.Dropped {
		name := strings.TrimSuffix(d.Table+"."+d.Column, ".")
		fmt.Fprintf(w, "left out, because this version does not know it: %s, %s\n", term.Escape(name),
			term.Counted(d.Rows, "row"))
	}
	if o.dryRun {
		return nil
	}
	rows, groups := int64(0), int64(0)
	for _, size := range r.Tables {
		rows, groups = rows+size.Rows, groups+size.Groups
	}
	_, err := fmt.Fprintf(w, "checked: %s and %s, as many as before\n",
		term.Counted(rows, "row"), term.Counted(groups, "different text"))
	return err
}
