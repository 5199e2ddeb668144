// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
)

// fewRows is how many lines the lists of files, connections and denials have at most: they are to leave the screen to the
// calls.
const fewRows = 3

// fileOverview is what summary tells of reads and writes.
type fileOverview struct {
	Reads   int64       `json:"reads"`
	Writes  int64       `json:"writes"`
	Read    int64       `json:"read_bytes"`
	Written int64       `json:"written_bytes"`
	Errors  int64       `json:"errors"`
	Busiest []fileTotal `json:"busiest"` // by bytes
	Slowest []fileTotal `json:"slowest"` // by the slowest read or write
}

// fileTotal is what was done with one file, and the slowest read or write of it.
type fileTotal struct {
	Path    string `json:"path"`
	Read    int64  `json:"read_bytes"`
	Written int64  `json:"written_bytes"`
	Max     int64  `json:"max_ns"`
	Op      string `json:"max_op"`
	Comm    string `json:"max_comm"`
}

// tcpOverview is what summary tells of connections.
type tcpOverview struct {
	Connects    int64            `json:"connects"`
	Failed      int64            `json:"failed"`
	Accepts     int64            `json:"accepts"`
	Closes      int64            `json:"closes"`
	Sent        int64            `json:"sent_bytes"`
	Received    int64            `json:"received_bytes"`
	Retransmits int64            `json:"retransmits"`
	Failures    map[string]int64 `json:"failures"` // by error
	Slowest     []slowConnect    `json:"slowest_connects"`

	failures string
}

// slowConnect are the connects of a program to a peer.
type slowConnect struct {
	Comm     string `json:"comm"`
	Peer     string `json:"peer"`
	Port     int    `json:"port"`
	Connects int64  `json:"connects"`
	Failed   int64  `json:"failed"`
	Max      int64  `json:"max_connect_ns"`
}

// denialOverview is what summary tells of seccomp filters.
type denialOverview struct {
	Calls int64    `json:"calls"`
	Most  []denial `json:"most"`
}

type denial struct {
	Name   string `json:"name"`
	Action string `json:"action"` // with its error or signal
	Comm   string `json:"comm"`
	Calls  int64  `json:"calls"`
}

// countFamilies counts what is no call and no process.
func (v *overview) countFamilies(e *env, c *capture.Capture, only *filter.Program, n int) error {
	n = min(n, fewRows)
	set := capture.Set{c}
	files, err := filesView.count(e, only, set, []string{"path", "comm", "op"})
	if err != nil {
		return err
	}
	v.Files.fill(files, n)
	connections, err := tcpView.count(e, only, set, []string{"comm", "peer", "port"})
	if err != nil {
		return err
	}
	v.TCP.fill(connections, n)
	denials, err := denialView.count(e, only, set, []string{"name", "action", "comm"})
	if err != nil {
		return err
	}
	v.Denials.fill(denials, n)
	return nil
}

func (f *fileOverview) fill(all map[string]*viewGroup[fileUse], n int) {
	byPath := map[string]*fileTotal{}
	for _, g := range all {
		path, u := g.texts[0], &g.sum
		f.Reads += u.reads
		f.Writes += u.writes
		f.Read += u.read
		f.Written += u.written
		f.Errors += u.errors
		if byPath[path] == nil {
			byPath[path] = &fileTotal{Path: path, Max: -1}
		}
		t := byPath[path]
		t.Read += u.read
		t.Written += u.written
		// Of those that are as slow always the same one.
		if cmp.Or(cmp.Compare(u.max, t.Max), strings.Compare(t.Comm, g.texts[1]), strings.Compare(t.Op, g.texts[2])) > 0 {
			t.Max, t.Comm, t.Op = u.max, g.texts[1], g.texts[2]
		}
	}
	list := make([]fileTotal, 0, len(byPath))
	for _, t := range byPath {
		list = append(list, *t)
	}
	byName := func(a, b fileTotal) int { return strings.Compare(a.Path, b.Path) }
	f.Busiest = top(list, n, func(t fileTotal) int64 { return t.Read + t.Written }, byName)
	f.Slowest = top(list, n, func(t fileTotal) int64 { return t.Max }, byName)
}

func (f *fileOverview) title() string {
	return fmt.Sprintf("files: %s reads of %s, %s writes of %s, %s failed", term.Count(f.Reads), term.Bytes(f.Read),
		term.Count(f.Writes), term.Bytes(f.Written), term.Count(f.Errors))
}

// table has the files of the most bytes, then the slowest others.
func (f *fileOverview) table() *term.Table {
	t := term.NewTable(">read", ">written", ">slowest", "which was", "file")
	for _, l := range append(slices.Clone(f.Busiest), f.Slowest...) {
		if slices.Contains(f.Busiest, l) && t.Len() >= len(f.Busiest) {
			continue
		}
		t.Row(bytesOrNothing(l.Read), bytesOrNothing(l.Written), nanoseconds(l.Max), l.Op+" by "+l.Comm, l.Path)
	}
	return t
}

func (o *tcpOverview) fill(all map[string]*viewGroup[tcpUse], n int) {
	var sum tcpUse
	slowest := []slowConnect{}
	for _, g := range all {
		sum.merge(&g.sum)
		if g.sum.connects > 0 {
			port, _ := strconv.Atoi(g.texts[2]) // which is one
			slowest = append(slowest, slowConnect{g.texts[0], g.texts[1], port, g.sum.connects, g.sum.failed, g.sum.slowest})
		}
	}
	o.Connects, o.Failed, o.Accepts, o.Closes = sum.connects, sum.failed, sum.accepts, sum.closes
	o.Sent, o.Received, o.Retransmits = sum.sent, sum.received, sum.retransmits
	o.Failures, o.failures = sum.failuresByName(), sum.failureText()
	o.Slowest = top(slowest, n, func(c slowConnect) int64 { return c.Max }, func(a, b slowConnect) int {
		return cmp.Or(strings.Compare(a.Comm, b.Comm), strings.Compare(a.Peer, b.Peer), cmp.Compare(a.Port, b.Port))
	})
}

func (o *tcpOverview) any() bool { return o.Connects+o.Accepts+o.Closes > 0 }

// title may hold no text of a capture.
func (o *tcpOverview) title() string {
	failures := ""
	if o.failures != "" {
		failures = " (" + o.failures + ")"
	}
	return fmt.Sprintf("tcp: %s connects, %s failed%s, %s accepted, %s closed, sent %s, received %s, %s retransmits",
		term.Count(o.Connects), term.Count(o.Failed), failures, term.Count(o.Accepts), term.Count(o.Closes),
		term.Bytes(o.Sent), term.Bytes(o.Received), term.Count(o.Retransmits))
}

func (o *tcpOverview) table() *term.Table {
	t := term.NewTable(">slowest connect", "comm", "peer", ">port", ">connects", ">failed")
	for _, c := range o.Slowest {
		t.Row(nanoseconds(c.Max), c.Comm, c.Peer, strconv.Itoa(c.Port), term.Count(c.Connects), countOrNothing(c.Failed))
	}
	return t
}

func (o *denialOverview) fill(all map[string]*viewGroup[int64], n int) {
	list := []denial{}
	for g := range maps.Values(all) {
		o.Calls += g.sum
		list = append(list, denial{g.texts[0], g.texts[1], g.texts[2], g.sum})
	}
	o.Most = top(list, n, func(d denial) int64 { return d.Calls }, func(a, b denial) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Action, b.Action), strings.Compare(a.Comm, b.Comm))
	})
}

func (o *denialOverview) title() string {
	return fmt.Sprintf("seccomp: %s calls denied or logged", term.Count(o.Calls))
}

func (o *denialOverview) table() *term.Table {
	t := term.NewTable(">calls", "call", "action", "comm")
	for _, d := range o.Most {
		t.Row(term.Count(d.Calls), d.Name, d.Action, d.Comm)
	}
	return t
}

// denialView counts what seccomp filters did, for the summary.
var denialView = &view[int64]{
	table: "seccomp", ordered: true,
	columns: []format.Column{{Name: "task", Type: format.Int32}, {Name: "nr", Type: format.Int32}, {Name: "action", Type: format.String},
		{Name: "code", Type: format.Int32}},
	keys: []dimension{
		{"name", false, false, func(c *capture.Capture, _ any) (rowKey, error) {
			k := callKey(c.Calls())
			return rowKey{func(dst []uint64, b *format.Batch) { k.codes(dst, b.Column("nr"), nil) }, k.text}, nil
		}},
		{"action", false, false, func(*capture.Capture, any) (rowKey, error) {
			w := &words{}
			return rowKey{func(dst []uint64, b *format.Batch) {
				for i := range dst {
					dst[i] = w.add([]byte(capture.Action(b.Column("action").Str.At(i), b.Column("code").I32[i])))
				}
			}, w.text}, nil
		}},
		commDimension,
	},
	newAdd: func(*capture.Capture, int) (func(b *format.Batch) func(n *int64, i int), error) {
		return func(*format.Batch) func(n *int64, i int) { return func(n *int64, _ int) { *n++ } }, nil
	},
	merge: func(n, o *int64) { *n += *o },
}
