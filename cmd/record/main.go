// SPDX-License-Identifier: Apache-2.0

// Record traces a command or the whole host into a capture.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
