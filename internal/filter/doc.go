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
//	tid != pid && exe endsWith comm
//
// A name is a column of the row's table, or else a column of a row that its ids
// lead to: in the dimension of an id column (comm, exe, pid, tid, ppid, uid, gid
// by task), or in a dimension that is reached from there (container, by the
// cgroup of the task). Package schema says which columns are ids. The name of an
// id column stands for the id if it is compared with a number, and for the name
// of its row if it is compared with a text (cgroup == 7, cgroup == "/user.slice").
// In tables with system call numbers, name, and also call, is the name of the
// call; elsewhere name is the name of the first id whose row has one (path). family is the name of the
// table; compared with a number, it is the column of tcp.
//
//   - Numbers compare as 64-bit integers, exactly, with 1e9 and 1.5 too.
//     ==, !=, <, <=, >, >=, in [1, 2], in 1..9.
//   - Times (ts, until) compare with a text as well, RFC 3339 or the beginning
//     of it, in UTC unless it says otherwise; durations (duration_ns, or
//     duration for short) with "10ms". A duration that is unknown, -1, is not
//     less than one that is not negative.
//   - Texts: ==, !=, in [...], contains, startsWith, endsWith, matches (a
//     regular expression of package regexp).
//   - Lists (args): "text" in args; contains, startsWith, endsWith and matches
//     apply to the elements joined by spaces.
//   - Two names compare if both are numbers, or both are texts; texts with ==, !=,
//     contains, startsWith and endsWith. Columns of ids compare by their ids.
//   - && || ! or and, or, not.
//
// Where the row that an id leads to is not known (the kernel's own events have task
// 0, an announcement was lost), its numbers read as 0 and its texts as empty, as
// they are shown: such events match comm == "" and comm != "nginx".
//
// A comparison of something that a table does not have is false for all its rows,
// even with != and not in. Its negation with !(...) is true.
package filter
