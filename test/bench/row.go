//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const mixedScript = "test/bench/mixed.sh"

// The works.
const (
	calls = "a tight loop of getppid"
	mixed = "mixed real work"
	small = "dd bs=64"
	large = "dd bs=512"
	busy  = "every CPU busy"
	idle  = "an idle host"
)

// works returns all works in the order in which they run. dir is where the mixed work writes.
func works(opt *options, dir string) []*work {
	dd := func(name, bs string) *work {
		return &work{name: name, calls: opt.calls / 4, per: 2, plain: true,
			args: []string{"run", "dd", "if=/dev/zero", "of=/dev/null", "status=none", "bs=" + bs, "count=N"}}
	}
	return []*work{
		{name: calls, calls: opt.calls, per: 1, plain: true, args: []string{"calls", "N"}},
		{name: mixed, args: []string{"work", "bash", mixedScript, dir}},
		dd(small, "64"),
		dd(large, "512"),
		{name: busy, once: true, watch: true, args: []string{"busy", opt.busy.Duration().String()}},
		{name: idle, once: true, args: []string{"idle", "10s"}},
	}
}

// row is one of the things compared: lines of the table, and the works and sides that these need.
type row struct {
	name  string
	needs []need
	lines func(results) []line
}

type need struct {
	work  string
	sides []string
}

func (r row) wants(work, side string) bool {
	return slices.ContainsFunc(r.needs, func(n need) bool { return n.work == work && slices.Contains(n.sides, side) })
}

var allRows = []row{
	{"added", []need{{calls, []string{emptyPair, ours, oursCommand, perf, perfZstd, perfTrace,
		straceAll}}}, addedLines},
	{"cpu", []need{{calls, []string{ours, oursCommand, perfZstd}}, {mixed, []string{oursCommand, perfZstd}}}, cpuLines},
	{"bytes", []need{{mixed, []string{oursCommand, perfZstd}}}, bytesLines},
	{"lost", []need{{busy, []string{ours, perfHost}}}, lostLines},
	{"memory", []need{{busy, []string{ours}}}, memoryLines},
	{"idle", []need{{idle, []string{ours, oursCommand}}}, idleLines},
	{"dd64", []need{{small, []string{oursCalls, perfTrace}}}, smallLines},
	{"dd512", []need{{large, []string{oursFiles, perfFiles}}}, largeLines},
}

// added returns the time that a side added to each call, in ns: the time of the run less the mean of those without a
// recorder before and after. It is the CPU time of the load, which preemption does not change; with strace, which stops
// what it traces, the wall-clock time.
func (a results) added(work, side string) sample {
	cost := (*report).perCall
	if side == straceAll {
		cost = func(r *report) float64 { return perCall(r.Wall, r.Calls) }
	}
	return a.each(work, side, func(r *trial) float64 {
		with := r.report
		with.Calls = r.Made
		var plain float64
		for i := range r.Plain {
			plain += cost(&r.Plain[i]) / float64(len(r.Plain))
		}
		return cost(&with) - plain
	})
}

// perCall returns the load's CPU time of one system call, in ns.
func (r *report) perCall() float64 {
	if r.Typical > 0 {
		return r.Typical
	}
	return perCall(r.CPU, r.Calls)
}

func perCall(d time.Duration, n int64) float64 { return float64(d) / float64(max(n, 1)) }

// each returns the sample of a figure over the rounds of a side that were not disturbed.
func (a results) each(work, side string, figure func(r *trial) float64) sample {
	s := sample{missing: a.Missing[side], asked: a.Rounds[work]}
	for _, r := range a.Works[work][side] {
		if r.Disturbed != "" {
			s.missing = tooFew
			continue
		}
		s.values, s.rounds = append(s.values, figure(r)), append(s.rounds, r.Round)
	}
	return s
}

func addedLines(a results) []line {
	mine := a.added(calls, ours)
	compare := func(side string, limit float64) line {
		return line{What: "time added per system call", Work: calls, Side: side, unit: ns}.ratio(mine,
			a.added(calls, side), limit)
	}
	return []line{
		compare(emptyPair, 2.2),
		compare(perfTrace, 0.2),
		compare(perf, 0),
		compare(perfZstd, 0),
		compare(straceAll, 0),
		line{What: "the same, record -- CMD", Work: calls, Side: emptyPair, unit: ns}.ratio(a.added(calls, oursCommand),
			a.added(calls, emptyPair), 0),
	}
}

func cpuLines(a results) []line {
	perRow := func(r *trial) float64 { return perCall(r.CPU(), r.Rows) }
	perSyscall := func(r *trial) float64 { return perCall(r.CPU(), r.Syscalls) }
	total := func(r *trial) float64 { return perCall(r.CPUTotal, r.Syscalls) }
	start := func(r *trial) float64 { return float64(r.CPUStart) / 1e6 }
	end := func(r *trial) float64 { return float64(r.CPUEnd) / 1e6 }
	var out []line
	for _, c := range []struct {
		work   string
		perRow float64 // at most, ns
	}{{calls, 220}, {mixed, 350}} {
		compare := func(what string, u unit, figure func(*trial) float64, limit float64) line {
			return line{What: what, Work: c.work, Side: perfZstd, unit: u}.ratio(
				a.each(c.work, oursCommand, figure), a.each(c.work, perfZstd, figure), limit)
		}
		out = append(out,
			line{What: "recorder's CPU per row, beside its start", Work: c.work, unit: ns}.limit(
				a.each(c.work, oursCommand, perRow), c.perRow),
			compare("recorder's CPU per system call, beside its start", ns, perSyscall, 1.0),
			compare("the same with its start", ns, total, 0),
			compare("its start: load, verify, attach", ms, start, 1.0),
			compare("its end: what is still in buffers, detach, close", ms, end, 0),
			line{What: "rows by compression", Work: c.work, Ours: a.codecs(c.work, oursCommand)},
		)
	}
	return append(out,
		line{What: "recorder's CPU per row, the whole host", Work: calls,
			unit: ns}.limit(a.each(calls, ours, perRow), 220))
}

// codecs returns the shares of a side's rows by compression, as text.
func (a results) codecs(work, side string) string {
	var shares []string
	for _, codec := range []string{"zstd", "lz4", "none"} {
		share := a.each(work, side,
			func(r *trial) float64 { return 100 * float64(r.Codecs[codec]) / float64(max(r.Rows, 1)) })
		if len(share.values) == 0 {
			return share.text(percent)
		}
		if share.median() > 0 {
			shares = append(shares, fmt.Sprintf("%.1f %% %s", share.median(), codec))
		}
	}
	return strings.Join(shares, ", ")
}

func bytesLines(a results) []line {
	perRow := func(r *trial) float64 { return float64(r.Bytes) / float64(max(r.Rows, 1)) }
	perSyscall := func(r *trial) float64 { return float64(r.Bytes) / float64(max(r.Syscalls, 1)) }
	alone := func(r *trial) float64 { return float64(r.Tables["syscall"]) / float64(max(r.Syscalls, 1)) }
	// What perf records too: the calls, and the tasks that made them.
	common := func(r *trial) float64 {
		return float64(r.Bytes-r.Tables["file"]-r.Tables["path"]) / float64(max(r.Syscalls, 1))
	}
	limit := func(what string, figure func(*trial) float64, limit float64) line {
		return line{What: what, Work: mixed, unit: byteUnit}.limit(a.each(mixed, oursCommand, figure), limit)
	}
	compare := func(what string, figure func(*trial) float64, limit float64) line {
		return line{What: what, Work: mixed, Side: perfZstd, unit: byteUnit}.ratio(
			a.each(mixed, oursCommand, figure), a.each(mixed, perfZstd, perSyscall), limit)
	}
	return []line{
		limit("bytes per row, whole capture", perRow, 8.0),
		limit("bytes per row, table syscall", alone, 7.0),
		compare("bytes per system call, without tables file and path", common, 0.5),
		compare("bytes of the whole capture per system call", perSyscall, 0.5),
	}
}

func lostLines(a results) []line {
	share := func(r *trial) float64 { return 100 * float64(r.Lost) / float64(max(r.Rows+r.Lost, 1)) }
	// Calls that the recorder neither recorded nor counted as lost.
	unaccounted := func(r *trial) float64 { return float64(max(0, r.Made-r.Syscalls-r.Lost)) }
	return []line{
		line{What: "rows lost", Work: busy, unit: rowUnit}.limit(
			a.each(busy, ours, func(r *trial) float64 { return float64(r.Lost) }), 0),
		line{What: "calls made, and neither recorded nor counted lost", Work: busy,
			unit: rowUnit}.limit(a.each(busy, ours, unaccounted), 0),
		line{What: "rows lost", Work: busy, Side: perfHost, unit: percent}.show(
			a.each(busy, ours, share), a.each(busy, perfHost, share)),
		line{What: "rows recorded per second", Work: busy, Side: perfHost, unit: rowUnit}.show(
			a.each(busy, ours, perSecond), a.each(busy, perfHost, perSecond)),
		{What: "rows by compression", Work: busy, Ours: a.codecs(busy, ours)},
	}
}

func perSecond(r *trial) float64 { return float64(r.Rows) / r.Wall.Seconds() }

func memoryLines(a results) []line {
	held := func(what func(peak, early, late int64) int64) sample {
		return a.each(busy, ours, func(r *trial) float64 { return float64(what(memoryPeaks(r.Memory))) / (1 << 20) })
	}
	rings := a.each(busy, ours, func(r *trial) float64 {
		var most int64
		for _, m := range r.Memory {
			most = max(most, m.Rings)
		}
		return float64(most) / (1 << 20)
	})
	return []line{
		line{What: "recorder's memory beside the rings, most", Work: busy, unit: mib}.limit(
			held(func(peak, _, _ int64) int64 { return peak }), 64),
		line{What: "its growth, second to last quarter of the time", Work: busy, unit: mib}.limit(
			held(func(_, early, late int64) int64 { return late - early }), maxGrowth),
		{What: "the rings, as mapped", Work: busy, Ours: rings.text(mib)},
	}
}

// maxGrowth is by how many MiB memory may grow and still count as constant: it varies with the garbage collector.
const maxGrowth = 4

// idleRows is how many rows a second an idle host may make.
const idleRows = 1000

func idleLines(a results) []line {
	used := a.each(idle, ours, func(r *trial) float64 { return 100 * float64(r.CPU()) / float64(r.Wall) })
	rows := a.each(idle, ours, perSecond)
	cpu := line{What: "recorder's CPU, of one CPU", Work: idle, unit: percent}.limit(used, 1)
	if rows.median() > idleRows {
		cpu.Met = "not measured: the host was not idle"
	}
	// A shared machine is never idle, but a command that only sleeps is.
	asleep := a.each(idle, oursCommand, func(r *trial) float64 { return 100 * float64(r.CPU()) / float64(r.Wall) })
	return []line{cpu, line{What: "the same, record -- sleep", Work: idle, unit: percent}.limit(asleep, 1),
		{What: "what the host did, rows per second", Work: idle, Ours: rows.text(rowUnit)}}
}

func smallLines(a results) []line {
	l := line{What: "time added per system call, family syscall", Work: small, Side: perfTrace, unit: ns}
	return []line{l.ratio(a.added(small, oursCalls), a.added(small, perfTrace), 0.25)}
}

func largeLines(a results) []line {
	l := line{What: "time added per system call, family file", Work: large, Side: perfFiles, unit: ns}
	return []line{l.ratio(a.added(large, oursFiles), a.added(large, perfFiles), 0.3)}
}
