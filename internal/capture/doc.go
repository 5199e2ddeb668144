// SPDX-License-Identifier: Apache-2.0

// Package capture opens captures for the programs that read them. It joins the tables of package format with the
// dimensions that their ids lead to (tasks, names of files) and with the names of system calls, and filters rows.
package capture
