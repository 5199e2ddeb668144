// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/ipc"
)

// streams is a command of the scripts. It reads concatenated Arrow streams from standard input with the Arrow library,
// and prints table, host, columns and rows of each.
func streams() {
	in := bufio.NewReader(os.Stdin)
	for {
		if _, err := in.Peek(1); err == io.EOF {
			return
		}
		r, err := ipc.NewReader(in)
		if err != nil {
			fmt.Fprintln(os.Stderr, "streams:", err)
			os.Exit(1)
		}
		metadata := r.Schema().Metadata().ToMap()
		var columns []string
		for _, f := range r.Schema().Fields() {
			columns = append(columns, f.Name)
		}
		fmt.Printf("%s of %s: %s\n", metadata["fletch.table"], metadata["fletch.host"], strings.Join(columns, " "))
		for r.Next() {
			for i := range int(r.Record().NumRows()) {
				var row []string
				for _, c := range r.Record().Columns() {
					row = append(row, c.ValueStr(i))
				}
				fmt.Println("   ", strings.Join(row, " "))
			}
		}
		if err := r.Err(); err != nil && !errors.Is(err, io.EOF) {
			fmt.Fprintln(os.Stderr, "streams:", err)
			os.Exit(1)
		}
		r.Release()
	}
}
