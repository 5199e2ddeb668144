// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// names keep each generation of a recording that drops its oldest ones whole by itself: what its events refer to has
// its row among its own.
//
// The programs announce a task and a path again in every epoch, which begins with a generation, but an announcement and
// an event that refers to it may be swept on either side of the border. So announcements go in here first, and a
// generation is given the rows that its batches refer to.
type names struct {
	task, path, cgroup *dimension
	connections        map[uint64]int32 // by the hash of their addresses: which task their closes may name
	seed               maphash.Seed
}

// lingers is how long an unused row is kept, ns: a socket that was shut down may take a minute (tcp_fin_timeout) until it
// is closed, by nobody, and the row of its end names who shut it down. Tests do not wait for it.
var lingers = int64(64e9)

// A dimension is one table of rows that others refer to.
type dimension struct {
	*table
	mu    sync.RWMutex   // of known: the drain writes, triggers look
	known map[int64]*row // by id
	pins  map[int64]int  // rows that are kept whatever their age: how often
	now   *references    // of the generation that events go into
	old   *references    // of the one before while it is being settled, else nil
}

// A row is what was announced of an id. It does not change.
type row struct {
	record []byte // bpf.Records.Copy
	used   int64  // when it was last announced or referred to, about; monotonic ns; the drain's
}

// references are the ids that a generation's batches refer to.
type references struct {
	seen    map[int64]struct{}
	missing []int64          // not yet among the generation's rows
	recent  [recentIDs]int64 // seen lately, by the id's low bits
}

const recentIDs = 1 << 10

func newReferences() *references { return &references{seen: make(map[int64]struct{})} }

func (r *references) add(id int64) {
	if id <= 0 || r.recent[id&(recentIDs-1)] == id {
		return
	}
	r.recent[id&(recentIDs-1)] = id
	if _, ok := r.seen[id]; !ok {
		r.seen[id] = struct{}{}
		r.missing = append(r.missing, id)
	}
}

// addAll takes a batch's column. Its events come in runs of few tasks.
func (r *references) addAll(ids []int32) {
	var last int32
	for _, id := range ids {
		if id != last {
			r.add(int64(id))
			last = id
		}
	}
}

const (
	// maxConnections is how many the programs follow at once.
	maxConnections = 65536
	// maxLinger is how many rows of each dimension linger.
	maxLinger = 1 << 16
	// rowOverhead is what a row takes besides its record, about, bytes.
	rowOverhead = 128
)

func newNames(r *recorder) *names {
	n := &names{connections: make(map[uint64]int32), seed: maphash.MakeSeed()}
	n.task, n.path, n.cgroup = newDimension(r, "task"), newDimension(r, "path"), newDimension(r, "cgroup")
	return n
}

func newDimension(r *recorder, table string) *dimension {
	return &dimension{table: r.table(table), known: make(map[int64]*row), pins: make(map[int64]int), now: newReferences()}
}

func (n *names) all() []*dimension { return []*dimension{n.task, n.path, n.cgroup} }

func (n *names) of(l *bpf.Layout) *dimension {
	for _, d := range n.all() {
		if d.layout == l {
			return d
		}
	}
	return nil
}

// learn keeps announcements. now is monotonic ns.
func (d *dimension) learn(recs bpf.Records, now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range recs.Len() {
		id, record := d.layout.ID(recs, i), recs.Copy(i)
		if k := d.known[id]; k != nil && bytes.Equal(k.record, record) {
			k.used = now
		} else {
			d.known[id] = &row{record, now}
		}
	}
}

// note takes down what a batch of events refers to.
func (n *names) note(b *format.Batch) {
	n.task.now.addAll(b.Column("task").I32)
	if v := b.Column("path"); v != nil {
		n.path.now.addAll(v.I32)
	}
	if b.Schema.Table == "tcp" {
		n.follow(b)
	}
}

// follow keeps the tasks that closes of open connections may name.
func (n *names) follow(b *format.Batch) {
	task, op, ret := b.Column("task").I32, &b.Column("op").Str, b.Column("ret").I32
	saddr, daddr := &b.Column("saddr").Str, &b.Column("daddr").Str
	sport, dport := b.Column("sport").I32, b.Column("dport").I32
	var h maphash.Hash
	h.SetSeed(n.seed)
	for i := range b.Rows {
		h.Reset()
		h.Write(saddr.Bytes(i))
		h.Write(daddr.Bytes(i))
		maphash.WriteComparable(&h, [2]int32{sport[i], dport[i]})
		c := h.Sum64()
		closes := string(op.Bytes(i)) == "close"
		if !closes && ret[i] != 0 {
			continue
		}
		if before, ok := n.connections[c]; ok {
			delete(n.connections, c)
			n.task.unpin(int64(before))
		}
		if !closes && len(n.connections) < maxConnections {
			n.connections[c] = task[i]
			n.task.pins[int64(task[i])]++
		}
	}
}

func (d *dimension) unpin(id int64) {
	if d.pins[id]--; d.pins[id] <= 0 {
		delete(d.pins, id)
	}
}

// turn begins a generation; the one before stays open for settling.
func (n *names) turn() {
	for _, d := range n.all() {
		d.old, d.now = d.now, newReferences()
	}
}

// fill gives rows to what the batches of a generation refer to (the old one's, if there is one), as far as they are known
// and there are batches for them; it says whether there were.
func (n *names) fill(r *recorder, now int64) bool {
	enough := true
	for _, d := range n.all() { // tasks before cgroups, which they refer to
		refs := d.current()
		left := refs.missing[:0]
		for at, id := range refs.missing {
			k := d.known[id]
			if k == nil {
				left = append(left, id)
				continue
			}
			if d.batch == nil && !r.next(d.table) {
				left = append(left, refs.missing[at:]...)
				enough = false
				break
			}
			k.used = now
			d.layout.Gather(d.batch, bpf.One(k.record), -1, r.wall)
			if d == n.task {
				cgroup := d.batch.Column("cgroup").I64
				n.cgroup.current().add(cgroup[len(cgroup)-1])
			}
			if d.full() {
				r.hand(d.table)
			}
		}
		refs.missing = left
	}
	return enough
}

func (d *dimension) current() *references {
	if d.old != nil {
		return d.old
	}
	return d.now
}

// missing says how many ids of each table the current generation refers to and nobody announced: rows that are lost, when
// everything that will be known is known.
func (n *names) missing() map[string]int64 {
	lost := make(map[string]int64)
	for _, d := range n.all() {
		if m := len(d.current().missing); m > 0 {
			lost[d.layout.Schema.Table] = int64(m)
		}
	}
	return lost
}

// settle ends the old generation.
func (n *names) settle() {
	for _, d := range n.all() {
		d.old = nil
	}
}

// forget drops rows that were neither announced nor referred to since before, and that no close of a connection will
// refer to any more. Names of cgroups stay: the programs announce them once, and not more than 65536. limit is how many
// bytes rows may take that are only kept because they might be referred to; 0: no limit.
func (n *names) forget(before, now, limit int64) {
	for _, d := range []*dimension{n.task, n.path} {
		d.mu.Lock()
		var idle []int64
		var size int64
		for id, k := range d.known {
			switch {
			case k.used >= before || d.pins[id] > 0:
			case k.used < now-lingers:
				delete(d.known, id)
			default:
				idle = append(idle, id)
				size += int64(len(k.record)) + rowOverhead
			}
		}
		if len(idle) > maxLinger || limit > 0 && size > limit/2 {
			for _, id := range idle {
				delete(d.known, id)
			}
		}
		d.mu.Unlock()
	}
}
