// SPDX-License-Identifier: Apache-2.0

// Package capture is an open capture as the offline programs see it: the tables of package format together with what
// their small ids stand for: tasks, names of files, and names of system calls.
package capture
