// SPDX-License-Identifier: Apache-2.0

// Command analyze answers questions about captures of kernel events, and converts them.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
