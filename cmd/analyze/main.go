// SPDX-License-Identifier: Apache-2.0

// Command analyze answers questions about captures of kernel events, and converts them.
package main

import (
	"io"
	"os"
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/view"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

var program = cli.Command{
	Name:    "analyze",
	Summary: "answer questions about captures",
	Description: `Answers questions about captures: directories, tars of one, or - for a tar on standard input. No root
and no kernel is needed.`,
	Usage: []string{"COMMAND CAPTURE... [flags]"},
	Examples: []cli.Example{
		{Line: "analyze info incident"},
		{Line: "analyze summary incident"},
		{Line: "analyze convert incident -o tables"},
	},
	Notes:    []cli.Note{{Text: "analyze COMMAND --help describes a command."}, cli.ExitStatus()},
	Operands: cli.Subcommand,
}

// command is one subcommand.
type command struct {
	cli.Command
	run  func(e *env, args []string) error
	view *view.View // nil if the command does not show a view
}

// name is its name on the command line.
func (c *command) name() string { return strings.TrimPrefix(c.Name, program.Name+" ") }

var commands = []command{
	{Command: infoCommand, run: info},
	{Command: verifyCommand, run: verify},
	{Command: summaryCommand, run: summary},
	systemCalls.command(),
	files.command(),
	tcp.command(),
	{Command: processesCommand, run: processes},
	ipc.command(),
	{Command: lossesCommand, run: losses},
	{Command: convertCommand, run: convert},
	{Command: redactCommand, run: redact},
}

// run runs the program and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.Interruptible()
	defer stop()
	return cli.Exit(stderr, "analyze", dispatch(&env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}, args))
}

// dispatch runs the subcommand that args begin with.
func dispatch(e *env, args []string) error {
	p := program
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name() {
			err := c.run(e, args[1:])
			e.opened.WarnLacking(e.stderr, "analyze")
			return e.finish(err)
		}
		p.Subcommands = append(p.Subcommands, cli.Term{Name: c.name(), Text: c.Summary})
	}
	flags := cli.New(p)
	flags.SetInterspersed(false)
	if stop, err := flags.Parse(args, e.stdout); stop || err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return flags.Wrong("no command")
	}
	return flags.Wrong("unknown command %q", flags.Arg(0))
}
