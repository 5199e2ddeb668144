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
// A name is a column of the row's table, else one that its ids lead to: comm,
// exe, pid, tid, ppid, uid, gid, cgroup and container by task, name by nr or
// path. family is the table's name. Where a name stands for two things (family
// is a number in tcp, cgroup an id and a path), the value it is compared with
// decides.
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
// A comparison with what a row does not have (its table has no such column, its
// task is not known) is false, with != and not in too. Its negation with !(...)
// is true.
package filter
