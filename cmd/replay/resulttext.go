// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// appendResult appends a result and how long it took: = -1 ENOENT (No such file or directory) <0.000004000>.
func appendResult(dst []byte, ret, duration int64) []byte {
	return appendDuration(syscalls.AppendResult(append(dst, ' '), ret), duration)
}

func appendDuration(dst []byte, ns int64) []byte {
	return append(stamp.Seconds(append(dst, " <"...), ns, 9), '>')
}
