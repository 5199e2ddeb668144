// SPDX-License-Identifier: Apache-2.0

// Record traces a command or the whole host into a capture.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/fletch-trace/fletch/internal/cli"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
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
		status = cli.Exit(stderr, "record", err)
	}
	if notStarted := (*commandError)(nil); errors.As(err, &notStarted) {
		return notStarted.status()
	}
	return status
}
