// SPDX-License-Identifier: Apache-2.0

// Package filter evaluates one boolean expression over the rows of a capture,
// a column at a time. The same expression serves record --trigger, analyze -Y
// and replay:
//
//	family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"
//	duration > "10ms" || op in ["exec", "exit"]
//	!(comm startsWith "kworker") && ts >= "2026-01-02T03:04:05Z"
//	"--config" in args || args matches "-c\\s+/etc"
//	size > ret
//
// A name is a column of the row's table, or else a column of a row that its ids
// lead to: in the dimension of an id column (comm, exe, pid, tid, ppid, uid, gid
// by task), or in a dimension that is reached from there (container, by the
// cgroup of the task). Package schema says which columns are ids. The name of an
// id column stands for the id if it is compared with a number, and for the name
// of its row if it is compared with a text (cgroup == 7, cgroup == "/user.slice").
// In tables with system call numbers, name is the name of the call; elsewhere it
// is the name of the first id whose row has one (path). family is the name of the
// table; compared with a number, it is the column of tcp.
//
//   - Numbers compare as 64-bit integers, exactly, with 1e9 and 1.5 too.
//     ==, !=, <, <=, >, >=, in [1, 2], in 1..9.
//   - Times (ts, until) compare with a text as well, RFC 3339 or the beginning
//     of it, in UTC unless it says otherwise; durations (duration_ns, or
//     duration for short) with "10ms".
//   - Texts: ==, !=, in [...], contains, startsWith, endsWith, matches (a
//     regular expression of package regexp).
//   - Lists (args): "text" in args; contains, startsWith, endsWith and matches
//     apply to the elements joined by spaces.
//   - && || ! or and, or, not.
//
// A comparison of something that a row does not have (its table has no such
// column, its task is unknown) is false, even with != and not in. Its negation
// with !(...) is true.
package filter
