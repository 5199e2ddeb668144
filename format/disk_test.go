// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// disk is a file system in memory that simulates a loss of power: what was synced is
// left, of files the bytes, of directories the entries.
type disk struct{ root *inode }

// inode is a file, or a directory.
type inode struct {
	entries       map[string]*inode // of a directory
	syncedEntries map[string]*inode // that a loss of power leaves
	data          []byte            // of a file
	syncedBytes   int               // of data, that a loss of power leaves
}

func newDirectoryInode() *inode { return &inode{entries: map[string]*inode{}} }

func newDisk() *disk { return &disk{newDirectoryInode()} }

func failed(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// find returns what is called name in n, which is a directory.
func (n *inode) find(name string) *inode {
	for _, part := range strings.Split(path.Clean(name), "/") {
		if part != "." && part != "" && n != nil {
			n = n.entries[part]
		}
	}
	return n
}

// diskDirectory is a directory of a disk.
type diskDirectory struct{ *inode }

// parent returns the directory that name is in, and what it is called there.
func (f diskDirectory) parent(op, name string) (*inode, string, error) {
	dir, base := path.Split(name)
	n := f.find(dir)
	if n == nil {
		return nil, "", failed(op, name, syscall.ENOENT)
	}
	return n, base, nil
}

func (f diskDirectory) add(op, name string, n *inode) error {
	dir, base, err := f.parent(op, name)
	if err != nil {
		return err
	}
	if dir.entries[base] != nil {
		return failed(op, name, syscall.EEXIST)
	}
	dir.entries[base] = n
	return nil
}

func (f diskDirectory) create(name string) (file, error) {
	n := &inode{}
	return &diskFile{inode: n}, f.add("create", name, n)
}

func (f diskDirectory) open(name string) (file, error) {
	n := f.find(name)
	if n == nil {
		return nil, failed("open", name, syscall.ENOENT)
	}
	return &diskFile{inode: n}, nil
}

func (f diskDirectory) enter(name string) (directory, error) {
	n := f.find(name)
	if n == nil || n.entries == nil {
		return nil, failed("enter", name, syscall.ENOENT)
	}
	return diskDirectory{n}, nil
}

func (f diskDirectory) mkdir(name string) error { return f.add("mkdir", name, newDirectoryInode()) }

func (f diskDirectory) rename(from, to string) error {
	dir, base, err := f.parent("rename", from)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return failed("rename", from, syscall.ENOENT)
	}
	if old := f.find(to); old != nil && old.entries != nil {
		return failed("rename", to, syscall.EEXIST)
	}
	delete(dir.entries, base)
	dir, base, err = f.parent("rename", to)
	if err == nil {
		dir.entries[base] = n
	}
	return err
}

func (f diskDirectory) link(from directory, name string) error {
	n := from.(diskDirectory).find(name)
	if n == nil {
		return failed("link", name, syscall.ENOENT)
	}
	return f.add("link", name, n)
}

func (f diskDirectory) remove(name string) error {
	dir, base, err := f.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.entries[base]
	if n == nil {
		return failed("remove", name, syscall.ENOENT)
	}
	if len(n.entries) > 0 {
		return failed("remove", name, syscall.ENOTEMPTY)
	}
	delete(dir.entries, base)
	return nil
}

func (f diskDirectory) lstat(name string) (fs.FileInfo, error) {
	n := f.find(name)
	if n == nil {
		return nil, failed("lstat", name, syscall.ENOENT)
	}
	return inodeInfo{n, path.Base(name)}, nil
}

func (f diskDirectory) close() error { return nil }

type inodeInfo struct {
	inode *inode
	name  string
}

func (i inodeInfo) Name() string       { return i.name }
func (i inodeInfo) Size() int64        { return int64(len(i.inode.data)) }
func (i inodeInfo) ModTime() time.Time { return time.Time{} }
func (i inodeInfo) IsDir() bool        { return i.inode.entries != nil }
func (i inodeInfo) Sys() any           { return nil }
func (i inodeInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

type diskFile struct {
	*inode
	at int
}

func (f *diskFile) Write(p []byte) (int, error) {
	f.data = append(f.data, p...)
	return len(p), nil
}

func (f *diskFile) Read(p []byte) (int, error) {
	n := copy(p, f.data[f.at:])
	if f.at += n; n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *diskFile) Truncate(size int64) error {
	f.data = f.data[:size]
	f.syncedBytes = min(f.syncedBytes, len(f.data))
	return nil
}

func (f *diskFile) Sync() error {
	f.syncedBytes = len(f.data)
	f.syncedEntries = maps.Clone(f.entries)
	return nil
}

func (f *diskFile) Close() error { return nil }

// names returns the sorted names in the directory at name.
func (d *disk) names(name string) []string {
	return slices.Sorted(maps.Keys(d.root.find(name).entries))
}

// capture opens the capture at name, a directory or a tar, as Open does.
func (d *disk) capture(name string) (*Capture, error) {
	n := d.root.find(name)
	if n == nil {
		return nil, fs.ErrNotExist
	}
	if n.entries == nil {
		return OpenTar(bytes.NewReader(n.data), int64(len(n.data)))
	}
	var manifest []byte
	if m := n.entries[ManifestName]; m != nil {
		manifest = append([]byte{}, m.data...)
	} else if m := n.entries[manifestTemp]; m != nil {
		manifest = unfinishedManifest(append([]byte{}, m.data...), nil)
	}
	var entries []segmentFile
	for dir, in := range n.entries {
		for base, s := range in.entries {
			if table, number, ok := segmentName(dir, base); ok {
				entries = append(entries, segmentFile{table, number, dir + "/" + base, bytes.NewReader(s.data),
					int64(len(s.data))})
			}
		}
	}
	return Opener{}.newCapture(name, manifest, entries, nil, func() error { return nil })
}

// cut returns the disk after a loss of power: with what was synced and, if r is not
// nil, a random part of the rest. A directory entry is the synced or the current one;
// a file has some of its bytes that were not synced, and after them some zeros.
func (d *disk) cut(r *rand.Rand) *disk {
	done := map[*inode]*inode{}
	var cut func(n *inode) *inode
	cut = func(n *inode) *inode {
		if done[n] != nil {
			return done[n] // another link
		}
		out := &inode{syncedBytes: n.syncedBytes}
		done[n] = out
		if n.entries == nil {
			out.data = slices.Clone(n.data[:n.syncedBytes])
			if r != nil {
				length := n.syncedBytes + r.IntN(len(n.data)-n.syncedBytes+1)
				out.data = append(out.data, n.data[n.syncedBytes:length]...)
				out.data = append(out.data, make([]byte, r.IntN(len(n.data)-length+1))...)
			}
			return out
		}
		out.entries = map[string]*inode{}
		names := maps.Clone(n.syncedEntries)
		if r != nil {
			names = maps.Clone(n.entries)
			for name := range n.syncedEntries {
				names[name] = n.entries[name]
			}
			for _, name := range slices.Sorted(maps.Keys(names)) {
				if r.IntN(2) == 0 {
					names[name] = n.syncedEntries[name]
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if names[name] != nil {
				out.entries[name] = cut(names[name])
			}
		}
		return out
	}
	return &disk{cut(d.root)}
}

// outcome returns the text of an error, the same for all that errors.Is cannot tell apart.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	for _, e := range []error{fs.ErrNotExist, fs.ErrExist, syscall.ENOTEMPTY} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return err.Error()
}

// exercise calls all operations of a directory, also such that fail, and returns the outcomes.
func exercise(in directory) (out []string) {
	note := func(err error) { out = append(out, outcome(err)) }
	write := func(name, text string) {
		f, err := in.create(name)
		note(err)
		if err == nil {
			_, err = f.Write([]byte(text))
			note(err)
			note(f.Truncate(2))
			_, err = f.Write([]byte("z"))
			note(err)
			note(f.Sync())
			note(f.Close())
		}
	}
	write("a/b", "x")
	note(in.mkdir("a"))
	note(in.mkdir("a"))
	write("a/b", "hello")
	write("a/b", "hello")
	note(in.mkdir("c"))
	inside, err := in.enter("c")
	note(err)
	note(inside.mkdir("a"))
	note(inside.link(in, "a/b"))
	note(inside.link(in, "a/b"))
	note(inside.link(in, "a/nothing"))
	note(in.remove("a"))
	note(in.remove("a/b"))
	note(in.remove("a/b"))
	note(in.remove("a"))
	f, err := in.open("c/a/b")
	note(err)
	data, err := io.ReadAll(f)
	note(err)
	note(f.Close())
	out = append(out, string(data))
	note(in.rename("c", "d"))
	note(in.rename("c", "d"))
	note(in.mkdir("e"))
	note(in.rename("e", "d"))
	note(in.remove("e"))
	note(in.rename("d", "e"))
	info, err := in.lstat("e/a/b")
	note(err)
	out = append(out, info.Mode().String(), info.Name())
	_, err = in.lstat("d")
	note(err)
	_, err = in.enter("d")
	note(err)
	_, err = in.open("d")
	note(err)
	note(inside.close())
	return out
}

// The simulated disk behaves like the file system of the machine.
func TestDisk(t *testing.T) {
	system, err := openOSDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer system.close()
	want := exercise(system)
	if got := exercise(diskDirectory{newDisk().root}); !slices.Equal(got, want) {
		t.Errorf("does  %q\nnot   %q", got, want)
	}
}
