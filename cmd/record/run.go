// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"github.com/fletch-trace/fletch/internal/cli"
)

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
