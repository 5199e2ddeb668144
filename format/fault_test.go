// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// faults makes operations on a disk fail. It is for one goroutine.
type faults struct {
	disk  *disk
	codec Codec
	count int // operations so far
	at    int // the first that fails, from 1; 0 none
	err   error
	until int // the last that fails; 0 is at
	only  map[string]bool
	part  func(n int) int // how much a failing write writes of n bytes; nil is 0
	log   []string        // the operations that failed, as "number: operation path"
	links error           // if not nil, every link fails with it: there are no hard links
}

var errKilled = errors.New("killed")

// next counts an operation and returns its error.
func (f *faults) next(what, name string) error {
	f.count++
	if f.at == 0 || f.count < f.at || f.count > max(f.until, f.at) || f.only != nil && !f.only[what] {
		return nil
	}
	f.log = append(f.log, fmt.Sprintf("%d: %s %s", f.count, what, name))
	return &fs.PathError{Op: what, Path: name, Err: f.err}
}

// faultyDirectory is a directory in which operations fail.
type faultyDirectory struct {
	directory
	faults *faults
	name   string
}

type faultyFile struct {
	file
	faults *faults
	name   string
}

func (f *faults) wrap(in directory, name string, err error) (directory, error) {
	if err != nil {
		return nil, err
	}
	return faultyDirectory{in, f, name}, nil
}

// open opens a directory; not an operation on one, and so not counted.
func (f *faults) open(path string) (directory, error) {
	in, err := diskDirectory{f.disk.root}.enter(path)
	return f.wrap(in, "", err)
}

func (f faultyDirectory) path(name string) string { return filepath.Join(f.name, name) }

func (f faultyDirectory) create(name string) (file, error) {
	if err := f.faults.next("create", f.path(name)); err != nil {
		return nil, err
	}
	inner, err := f.directory.create(name)
	if err != nil {
		return nil, err
	}
	return faultyFile{inner, f.faults, f.path(name)}, nil
}

func (f faultyDirectory) open(name string) (file, error) {
	if err := f.faults.next("open", f.path(name)); err != nil {
		return nil, err
	}
	inner, err := f.directory.open(name)
	if err != nil {
		return nil, err
	}
	return faultyFile{inner, f.faults, f.path(name)}, nil
}

func (f faultyDirectory) enter(name string) (directory, error) {
	if err := f.faults.next("enter", f.path(name)); err != nil {
		return nil, err
	}
	in, err := f.directory.enter(name)
	return f.faults.wrap(in, f.path(name), err)
}

func (f faultyDirectory) mkdir(name string) error {
	if err := f.faults.next("mkdir", f.path(name)); err != nil {
		return err
	}
	return f.directory.mkdir(name)
}

func (f faultyDirectory) rename(from, to string) error {
	if err := f.faults.next("rename", f.path(from)); err != nil {
		return err
	}
	return f.directory.rename(from, to)
}

func (f faultyDirectory) link(from directory, name string) error {
	if err := f.faults.next("link", f.path(name)); err != nil {
		return err
	}
	if f.faults.links != nil {
		return &fs.PathError{Op: "link", Path: f.path(name), Err: f.faults.links}
	}
	return f.directory.link(from.(faultyDirectory).directory, name)
}

func (f faultyDirectory) remove(name string) error {
	if err := f.faults.next("remove", f.path(name)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			f.directory.remove(name) // as if another program had removed it
		}
		return err
	}
	return f.directory.remove(name)
}

func (f faultyDirectory) lstat(name string) (fs.FileInfo, error) {
	if err := f.faults.next("lstat", f.path(name)); err != nil {
		return nil, err
	}
	return f.directory.lstat(name)
}

func (f faultyFile) Write(p []byte) (n int, err error) {
	if err := f.faults.next("write", f.name); err != nil {
		if f.faults.part != nil {
			n, _ = f.file.Write(p[:f.faults.part(len(p))])
		}
		return n, err
	}
	return f.file.Write(p)
}

func (f faultyFile) Read(p []byte) (n int, err error) {
	if err := f.faults.next("read", f.name); err != nil {
		return 0, err
	}
	return f.file.Read(p)
}

func (f faultyFile) Truncate(size int64) error {
	if err := f.faults.next("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f faultyFile) Sync() error {
	if err := f.faults.next("sync", f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

// Close closes the file in any case, as close(2) does.
func (f faultyFile) Close() error {
	err := f.faults.next("close", f.name)
	return errors.Join(err, f.file.Close())
}

// recording is one run of all operations of a Writer, with their results.
type recording struct {
	path     string
	disk     *disk
	err      error // of Create
	errs     []error
	appended map[string]map[int][]*Batch // by table and generation
	accepted map[string]map[int]int      // how many of those Append accepted
	flushed  map[string]int              // how many of a table were accepted before Flush succeeded
	synced   map[string]map[int]int      // accepted, when Sync succeeded last
	dropped  int                         // last generation that Drop was called for
	closed   error
	dumps    []dumped
	tables   map[string]TableInfo
}

type dumped struct {
	path     string
	from, to int
	dropped  int // when it was made
	accepted map[string]map[int]int
	synced   bool // it must survive a loss of power
	err      error
}

func cloneAccepted(accepted map[string]map[int]int) map[string]map[int]int {
	out := map[string]map[int]int{}
	for table, n := range accepted {
		out[table] = map[int]int{}
		for generation, n := range n {
			out[table][generation] = n
		}
	}
	return out
}

const recordingGenerations = 5

type batchKey struct {
	schema *Schema
	n, i   int
}

// batchCache holds what recordingBatch made, and its rows.
var batchCache = map[batchKey]*Batch{}
var rowCache = map[*Batch][][]any{}

// recordingBatch returns batch i of generation n.
func recordingBatch(s *Schema, n, i int) *Batch {
	key := batchKey{s, n, i}
	if batchCache[key] == nil {
		b := fill(NewBatch(s), 7, uint64(10*n+i))
		b.Generation = n
		batchCache[key], rowCache[b] = b, rows(b)
	}
	return batchCache[key]
}

// record writes five generations to path, keeps the last two, dumps, syncs and
// closes. It continues after errors.
func (f *faults) record(path string, opt WriterOptions) *recording {
	opt.openDirectory = f.open
	r := &recording{
		path: path, disk: f.disk,
		appended: map[string]map[int][]*Batch{}, accepted: map[string]map[int]int{}, flushed: map[string]int{},
	}
	w, err := Create(path, generationManifest, opt)
	if r.err = err; err != nil {
		return r
	}
	note := func(err error) error {
		if err != nil {
			r.errs = append(r.errs, err)
		}
		return err
	}
	dump := func(name string, from, to int) {
		d := dumped{path: "/" + name, from: from, to: to, dropped: r.dropped}
		d.accepted, d.synced = cloneAccepted(r.accepted), r.synced != nil
		d.err = note(w.Dump(d.path, from, to, nil))
		r.dumps = append(r.dumps, d)
	}
	tar := strings.HasSuffix(path, ".tar")
	for n := 1; n <= recordingGenerations; n++ {
		r.append(w, n, f.codec, note)
		if n != 2 && note(w.Sync()) == nil {
			r.synced = cloneAccepted(r.accepted)
		}
		note(w.Finish(n))
		if tar {
			continue
		}
		if n == 3 {
			dump("three", 2, 3)
		}
		r.dropped = max(n-2, 0)
		note(w.Drop(r.dropped))
		if n == 4 {
			dump("four", 1, 4)
		}
	}
	r.closed = note(w.Close(nil))
	r.tables = w.Tables()
	return r
}

// append writes the batches of generation n and flushes them, and keeps count of what was accepted.
func (r *recording) append(w *Writer, n int, codec Codec, note func(error) error) {
	for i := range 2 {
		for _, s := range []*Schema{taskSchema, pathSchema, processSchema, syscallSchema} {
			if s == pathSchema && n > 1 || s == processSchema && n%2 == 0 {
				continue
			}
			if r.appended[s.Table] == nil {
				r.appended[s.Table], r.accepted[s.Table] = map[int][]*Batch{}, map[int]int{}
			}
			b := recordingBatch(s, n, i)
			r.appended[s.Table][n] = append(r.appended[s.Table][n], b)
			if note(w.Append(b, codec)) == nil {
				r.accepted[s.Table][n]++
			}
		}
		if note(w.Flush()) == nil {
			for table, generations := range r.accepted {
				r.flushed[table] = 0
				for _, n := range generations {
					r.flushed[table] += n
				}
			}
		}
	}
}

// parts returns how many batches of each table and generation a capture holds,
// after comparing their rows with what was appended.
func (r *recording) parts(t *testing.T, c *Capture) map[string]map[int]int {
	t.Helper()
	parts := map[string]map[int]int{}
	for _, table := range c.Tables() {
		name := table.Schema.Table
		parts[name] = map[int]int{}
		for i := range table.Segments {
			var n int
			fmt.Sscanf(filepath.Base(table.Segments[i].Name), "%d.arrow", &n)
			var b Batch
			for j, block := range table.Segments[i].Blocks {
				if err := table.Read(&b, block, nil); err != nil {
					t.Fatal(err)
				}
				appended := r.appended[name][n]
				if j >= len(appended) || !reflect.DeepEqual(rows(&b), rowCache[appended[j]]) {
					t.Fatalf("segment %s: batch %d was never appended", table.Segments[i].Name, j)
				}
				parts[name][n]++
			}
		}
	}
	return parts
}

// check checks a capture at path: it has at least the accepted batches of the
// generations from..to and, if exact, none of later generations. A generation with
// events also has the rows of table task for them.
func (r *recording) check(
	t *testing.T, path string, accepted map[string]map[int]int, from, to int, exact bool,
) *Capture {
	t.Helper()
	c, err := r.disk.capture(path)
	if err != nil {
		t.Fatalf("%s does not open: %v", path, err)
	}
	parts := r.parts(t, c)
	for table, generations := range accepted {
		for n, want := range generations {
			if got := parts[table][n]; n >= from && n <= to &&
				(got < want || exact && got > len(r.appended[table][n])) {
				t.Errorf("%s: table %s, generation %d: %d batches, not %d", path, table, n, got, want)
			}
		}
	}
	for table, generations := range parts {
		for n := range generations {
			if exact && n > to {
				t.Errorf("%s: table %s has generation %d", path, table, n)
			}
			if (table == "syscall" || table == "process") && parts["task"][n] < min(1, accepted["task"][n]) {
				t.Errorf("%s: table %s has generation %d, and there are no names", path, table, n)
			}
		}
	}
	return c
}

// checkComplete checks that c, if its manifest says that it is complete, has every
// batch of the generations from..to.
func (r *recording) checkComplete(t *testing.T, c *Capture, from, to int) {
	t.Helper()
	if !c.Manifest.Complete {
		return
	}
	parts := r.parts(t, c)
	for table, generations := range r.appended {
		for n, batches := range generations {
			if n >= from && n <= to && parts[table][n] != len(batches) {
				t.Errorf("%s is complete, but table %s has %d batches of generation %d, not %d", c.Path, table,
					parts[table][n], n, len(batches))
			}
		}
	}
}

// checkAll checks the capture and all dumps, and that nothing else was left.
func (r *recording) checkAll(t *testing.T, opt WriterOptions) {
	t.Helper()
	found := map[string]bool{}
	for _, name := range r.disk.names("/") {
		found["/"+name] = true
	}
	if r.err != nil {
		if len(found) > 0 {
			t.Errorf("Create failed and left %v", found)
		}
		return
	}
	if !opt.Memory {
		delete(found, r.path)
		c := r.check(t, r.path, r.accepted, r.dropped+1, recordingGenerations, false)
		for _, d := range c.Damage() {
			t.Errorf("damage: %v", d)
		}
		if c.Manifest.Complete && !reflect.DeepEqual(c.Manifest.Tables, r.tables) {
			t.Errorf("has %v, not %v", c.Manifest.Tables, r.tables)
		}
		r.checkComplete(t, c, r.dropped+1, recordingGenerations)
		// What fails after the last manifest cannot be in it.
		if !c.Manifest.Complete && r.closed == nil {
			t.Error("incomplete, and Close did not say why")
		}
	}
	for _, d := range r.dumps {
		name := d.path
		if d.err != nil {
			if found[name] || found[name+".new"] {
				t.Errorf("dump %s failed and is there", name)
			}
			continue
		}
		if !found[name] {
			t.Errorf("no dump %s", name)
			continue
		}
		delete(found, name)
		c := r.check(t, d.path, d.accepted, max(d.from, d.dropped+1), d.to, true)
		r.checkComplete(t, c, max(d.from, d.dropped+1), d.to)
		if len(c.Damage()) > 0 || !c.Manifest.Complete && len(r.errs) == 0 {
			t.Errorf("dump %s: complete %v, damage %v", name, c.Manifest.Complete, c.Damage())
		}
	}
	if len(found) > 0 {
		t.Errorf("left %v", found)
	}
}

// checkTar checks a capture that is a tar.
func (r *recording) checkTar(t *testing.T) {
	t.Helper()
	if r.err != nil {
		if len(r.disk.names("/")) > 0 {
			t.Errorf("Create failed and left a file")
		}
		return
	}
	c, err := r.disk.capture(r.path)
	if err != nil {
		t.Fatalf("does not open: %v", err)
	}
	for _, d := range c.Damage() {
		t.Errorf("damage: %v", d)
	}
	got := content(t, c)
	for table, generations := range r.appended {
		var want [][]any
		for n := 1; n <= recordingGenerations; n++ {
			for _, b := range generations[n] {
				want = append(want, rowCache[b]...)
			}
		}
		if n := len(got[table]); n < 7*r.flushed[table] || n > 0 && !reflect.DeepEqual(got[table], want[:n]) {
			t.Errorf("table %s: %d rows, %d batches of 7 flushed", table, n, r.flushed[table])
		}
	}
	if !c.Manifest.Complete && r.closed == nil {
		t.Error("incomplete, and Close did not say why")
	}
	if c.Manifest.Complete && !reflect.DeepEqual(c.Manifest.Tables, r.tables) {
		t.Errorf("has %v, not %v", c.Manifest.Tables, r.tables)
	}
}

// needSpace are the operations that fail on a full disk.
var needSpace = map[string]bool{"create": true, "mkdir": true, "link": true, "write": true}

// lookups are the operations that fail once a directory was removed.
var lookups = map[string]bool{"create": true, "mkdir": true, "link": true, "open": true, "enter": true,
	"rename": true, "remove": true}

// modifying are the operations that fail on a read-only file system.
var modifying = map[string]bool{
	"create": true, "mkdir": true, "link": true, "write": true, "rename": true, "remove": true, "truncate": true,
	"sync": true,
}

// Whichever operation fails, once or from then on: the capture opens and has what
// Append accepted unless it was dropped, a dump is whole or does not exist, and the
// error is returned and names the table, capture or dump.
func TestEveryOperationFails(t *testing.T) {
	const ever = 1 << 30
	failures := []struct {
		name string
		faults
	}{
		{"EIO once", faults{err: syscall.EIO}},
		{"ENOENT once", faults{err: syscall.ENOENT, only: lookups}},
		{"ENOSPC once, half a write", faults{err: syscall.ENOSPC, only: needSpace,
			part: func(n int) int { return n / 2 }}},
		{"ENOSPC from then on", faults{err: syscall.ENOSPC, until: ever, only: needSpace,
			part: func(n int) int { return n - 1 }}},
		{"EROFS from then on", faults{err: syscall.EROFS, until: ever, only: modifying}},
	}
	for _, kind := range recordingKinds {
		for i, failure := range failures {
			if kind.link != nil && i%2 == 1 {
				continue // only Dump differs
			}
			t.Run(kind.name+", "+failure.name, func(t *testing.T) {
				runs := 0
				for at := 1; ; at += thin(7) {
					f := failure.faults
					f.disk, f.at, f.links = newDisk(), at, kind.link
					r := f.record(kind.file, kind.opt)
					if f.count < at {
						break // every operation has failed once
					}
					if len(f.log) == 0 {
						continue // not an operation that can fail like this
					}
					runs++
					t.Run(f.log[0], func(t *testing.T) {
						r.checkFailure(t, &f, kind.opt)
						if t.Failed() {
							t.Logf("errors: %v", errors.Join(r.errs...))
						}
					})
				}
				if runs*thin(7) < 5 {
					t.Errorf("only %d operations", runs)
				}
				t.Logf("%d operations failed in turn", runs)
			})
		}
	}
}

func (r *recording) checkFailure(t *testing.T, f *faults, opt WriterOptions) {
	t.Helper()
	lasting := f.until > f.at
	first := r.err
	for _, err := range r.errs {
		if first == nil {
			first = err
		}
		if !errors.Is(err, f.err) && !errors.Is(err, fs.ErrExist) {
			t.Errorf("another error: %v", err)
		}
		if !strings.Contains(err.Error(), "table ") && !strings.Contains(err.Error(), "capture") &&
			!strings.Contains(err.Error(), "dump ") &&
			!strings.Contains(err.Error(), "generations up to") {
			t.Errorf("does not say what: %v", err)
		}
	}
	removesEmptyTable := strings.HasSuffix(f.log[0], " remove c/path")
	alreadyRemoved := f.err == syscall.ENOENT && strings.Contains(f.log[0], " remove ")
	if !errors.Is(first, f.err) && !removesEmptyTable && !alreadyRemoved {
		t.Errorf("the error was not returned: %v", first)
	}
	cannotRemove := lasting && f.only["remove"]
	if strings.HasSuffix(r.path, ".tar") {
		if r.err == nil || !cannotRemove {
			r.checkTar(t)
		}
		return
	}
	if cannotRemove {
		// On a read-only disk nothing can be removed either.
		r.checkLeftovers(t, opt)
		return
	}
	r.checkAll(t, opt)
}

// checkLeftovers checks the disk after an end without cleaning up: every capture
// opens that has at least a manifest.
func (r *recording) checkLeftovers(t *testing.T, opt WriterOptions) {
	t.Helper()
	for _, name := range r.disk.names("/") {
		name := "/" + name
		inside := r.disk.names(name)
		if len(inside) == 0 || len(inside) == 1 && !isManifest(r.disk.root.find(name+"/"+inside[0]).data) {
			if name == r.path && r.err == nil {
				t.Errorf("%s is empty", name)
			}
			continue
		}
		if name == r.path {
			r.check(t, name, r.accepted, r.dropped+1, recordingGenerations, false)
			continue
		}
		c, err := r.disk.capture(name)
		if err != nil {
			t.Errorf("%s does not open: %v", name, err)
			continue
		}
		r.parts(t, c)
		if !strings.HasSuffix(name, ".new") && !c.Manifest.Complete && len(r.errs) == 0 {
			t.Errorf("dump %s: not complete", name)
		}
	}
	for _, d := range r.dumps {
		if d.err == nil {
			r.check(t, d.path, d.accepted, max(d.from, d.dropped+1), d.to, true)
		}
	}
}

// recordingKinds are the ways in which recordings are written.
var recordingKinds = []struct {
	name string
	file string
	opt  WriterOptions
	link error
}{
	{"directory", "/c", WriterOptions{}, nil},
	{"directory without links", "/c", WriterOptions{}, syscall.EXDEV},
	{"memory", "/c", WriterOptions{Memory: true}, nil},
	{"tar", "/c.tar", WriterOptions{}, nil},
}

// A recorder that is killed between any two operations, or in the middle of a write,
// leaves a capture that opens and has every batch that Append accepted.
func TestKilledAtEveryOperation(t *testing.T) {
	for _, kind := range recordingKinds {
		t.Run(kind.name, func(t *testing.T) {
			runs, whole := 0, 3
			for at, part := 1, 0; ; {
				f, r := killedAt(at, kind.file, kind.opt, kind.link, None, func(n int) int { return n * part / whole })
				if len(f.log) == 0 {
					break
				}
				runs++
				t.Run(fmt.Sprintf("%s, %d of %d", f.log[0], part, whole), func(t *testing.T) {
					if kind.file != "/c.tar" {
						r.checkLeftovers(t, kind.opt)
					} else if r.err == nil {
						r.checkTar(t)
					}
				})
				if part++; part > 1 || !strings.Contains(f.log[0], ": write ") {
					at, part = at+thin(5), 0
				}
			}
			if runs*thin(5) < 10 {
				t.Errorf("only %d operations", runs)
			}
			t.Logf("killed %d times", runs)
		})
	}
}

// killedAt makes a recording that is killed at an operation, of which part bytes of a
// write are done.
func killedAt(at int, file string, opt WriterOptions, link error, codec Codec, part func(n int) int) (*faults,
	*recording) {
	f := &faults{disk: newDisk(), codec: codec, err: errKilled, at: at, until: 1 << 30, links: link}
	f.part = func(n int) int {
		if f.count > at {
			return 0
		}
		return part(n)
	}
	return f, f.record(file, opt)
}

// After a loss of power at any moment, everything is there that was written before
// the last Sync returned. The codec has a checksum, because otherwise zeros that
// replace lost bytes could be read as values.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, kind := range recordingKinds {
		t.Run(kind.name, func(t *testing.T) {
			cuts := 0
			for at := 1; ; at += thin(7) {
				f, r := killedAt(at, kind.file, kind.opt, kind.link, Zstd, func(n int) int { return n / 2 })
				if len(f.log) == 0 {
					break
				}
				before := r.disk
				for i := range 4 {
					var random *rand.Rand
					if i > 0 {
						random = rand.New(rand.NewPCG(uint64(at), uint64(i)))
					}
					r.disk = before.cut(random)
					cuts++
					t.Run(fmt.Sprintf("%s, %d", f.log[0], i), func(t *testing.T) { r.checkPowerCut(t, kind.opt) })
				}
			}
			t.Logf("%d cuts", cuts)
		})
	}
}

func (r *recording) checkPowerCut(t *testing.T, opt WriterOptions) {
	for _, d := range r.dumps {
		if d.err == nil && d.synced {
			c := r.check(t, d.path, d.accepted, max(d.from, d.dropped+1), d.to, true)
			if !c.Manifest.Complete || len(c.Damage()) > 0 {
				t.Errorf("dump %s: complete %v, damage %v", d.path, c.Manifest.Complete, c.Damage())
			}
		}
	}
	if r.synced == nil || opt.Memory {
		return // nothing was promised
	}
	c, err := r.disk.capture(r.path)
	if err != nil {
		t.Fatalf("does not open: %v", err)
	}
	if strings.HasSuffix(r.path, ".tar") {
		got := content(t, c)
		for table, generations := range r.synced {
			n := 0
			for _, batches := range generations {
				n += batches
			}
			if len(got[table]) < 7*n {
				t.Errorf("table %s: %d rows, %d batches of 7 were synced", table, len(got[table]), n)
			}
		}
		return
	}
	parts := r.parts(t, c)
	for table, generations := range r.synced {
		for n, want := range generations {
			if got := parts[table][n]; n > r.dropped && got < want {
				t.Errorf("table %s, generation %d: %d batches, %d were synced", table, n, got, want)
			}
		}
	}
}
