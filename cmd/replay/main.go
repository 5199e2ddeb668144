// SPDX-License-Identifier: Apache-2.0

// Command replay plays the events of captures back in the order of time, through a filter.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
