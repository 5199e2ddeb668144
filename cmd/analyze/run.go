// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/view"
)

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
	Notes:    []cli.Note{{Text: "analyze COMMAND --help tells of a command."}, cli.ExitStatus()},
	Operands: cli.Subcommand,
}

// command is one subcommand.
type command struct {
	cli.Command
	run  func(e *env, args []string) error
	view *view.View // that it shows; nil: it shows something else
}

// name is what it is called on the command line.
func (c *command) name() string { return strings.TrimPrefix(c.Name, program.Name+" ") }

var commands = []command{
	{Command: infoCommand, run: info},
	{Command: summaryCommand, run: summary},
	systemCalls.command(),
	files.command(),
	tcp.command(),
	{Command: processesCommand, run: processes},
	ipc.command(),
	{Command: lossesCommand, run: losses},
	{Command: convertCommand, run: convert},
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.Interruptible()
	defer stop()
	return cli.Exit(stderr, "analyze", dispatch(&env{ctx, stdin, stdout, stderr}, args))
}

func dispatch(e *env, args []string) error {
	p := program
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name() {
			return c.run(e, args[1:])
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
