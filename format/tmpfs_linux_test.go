// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
	"testing"
)

// tmpfs mounts a file system of size bytes until the test ends.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); {
	case errors.Is(err, syscall.EPERM):
		t.Skip("mounting a small file system takes root")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// freeBytes returns how much room a file system has.
func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bavail) * st.Bsize
}

// block returns a batch of generation n, of 200 rows that hardly compress.
func block(n, i int) *Batch {
	b := fill(NewBatch(syscallSchema), 200, uint64(1000*n+i))
	b.Generation = n
	return b
}

// The error for which a disk is too full names the file, with a clean path.
func TestTmpfsFullNamesTheFile(t *testing.T) {
	dir := tmpfs(t, 64<<10)
	for _, path := range []string{dir, dir + "/", dir + "/."} {
		w, err := Create(path+"/window", testManifest, WriterOptions{Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := w.Append(block(1, i), None); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(1); err != nil {
			t.Fatal(err)
		}
		err = w.Dump(filepath.Join(dir, "dump"), 1, 1, nil)
		want := fmt.Sprintf("writing dump %[1]s/dump: write %[1]s/dump.new/syscall/000001.arrow: %[2]v",
			dir, syscall.ENOSPC)
		if !errors.Is(err, syscall.ENOSPC) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
	}
	w, err := Create(dir+"/capture", testManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 1000; i++ {
		err = w.Append(block(1, i), None)
	}
	want := fmt.Sprintf("appending to table syscall: write %s/capture/syscall/000001.arrow: %v", dir, syscall.ENOSPC)
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	w.Abort()
}

// A disk that fills up keeps what was written before it was full.
func TestTmpfsFull(t *testing.T) {
	for _, name := range []string{"c", "c.tar"} {
		t.Run(name, func(t *testing.T) {
			dir := tmpfs(t, 1<<20)
			path := filepath.Join(dir, name)
			w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 100_000})
			if err != nil {
				t.Fatal(err)
			}
			var want, pending [][]any
			var failed error
			for i := 0; failed == nil && i < 1000; i++ {
				b := block(0, i)
				if failed = w.Append(b, None); failed == nil {
					pending = append(pending, rows(b)...)
					failed = w.Flush()
				}
				if failed == nil {
					want, pending = append(want, pending...), nil
				}
			}
			if !errors.Is(failed, syscall.ENOSPC) {
				t.Fatalf("wrote %d rows: %v", len(want), failed)
			}
			// Close writes nothing more, though truncating may have made room.
			before := tree(t, dir)
			if err := w.Close(nil); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("close: %v", err)
			}
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("%q became %q", before, after)
			}
			c := open(t, path)
			got := content(t, c)["syscall"]
			if c.Manifest.Complete || len(c.Damage()) > 0 || len(got) < len(want) ||
				!reflect.DeepEqual(got[:len(want)], want) {
				t.Errorf("complete %v, damage %v, %d rows of %d", c.Manifest.Complete, c.Damage(), len(got), len(want))
			}
			t.Logf("%d rows written, %d there", len(want), len(got))
		})
	}
}

// Writing and dropping generations never fills a small disk. A dump takes room only
// when its generations are dropped, and one for which there is no room is removed.
func TestTmpfsRotation(t *testing.T) {
	for _, memory := range []bool{false, true} {
		t.Run(fmt.Sprintf("memory=%v", memory), func(t *testing.T) {
			rotateOnTmpfs(t, tmpfs(t, 1<<20), memory)
		})
	}
}

func rotateOnTmpfs(t *testing.T, dir string, memory bool) {
	path := filepath.Join(dir, "c")
	w, err := Create(path, generationManifest, WriterOptions{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	generation := func(n int) error {
		for i := range 3 {
			if err := w.Append(block(n, i), None); err != nil {
				return err
			}
		}
		return errors.Join(w.Finish(n), w.Drop(n-3))
	}
	last := 0
	for last < 60 { // several times the disk
		last++
		if err := generation(last); err != nil {
			t.Fatal(err)
		}
	}
	if w.Written() < 3<<20 {
		t.Errorf("only %d bytes written", w.Written())
	}
	dumps, last, err := dumpUntilFull(t, w, dir, last, generation)
	if !errors.Is(err, syscall.ENOSPC) || dumps < 3 {
		t.Errorf("%d dumps, then %v", dumps, err)
	}
	t.Logf("%d dumps, then %v", dumps, err)
	for i := range dumps {
		c := open(t, filepath.Join(dir, fmt.Sprint("dump", i)))
		if !c.Manifest.Complete || c.Table("syscall").Rows != 3*3*200 {
			t.Errorf("dump %d: complete %v, %d rows", i, c.Manifest.Complete, c.Table("syscall").Rows)
		}
		content(t, c)
		c.Close()
	}
	if !memory {
		c := open(t, path)
		if rows := c.Table("syscall").Rows; rows < 3*3*200 || len(c.Damage()) > 0 {
			t.Errorf("%d rows, damage %v", rows, c.Damage())
		}
		content(t, c)
		return
	}
	// Generations in memory can be dumped when there is room again.
	if err := os.RemoveAll(filepath.Join(dir, "dump0")); err != nil {
		t.Fatal(err)
	}
	if err := w.Dump(filepath.Join(dir, "again"), last-2, last, nil); err != nil {
		t.Fatal(err)
	}
	if c := open(t, filepath.Join(dir, "again")); c.Table("syscall").Rows != 3*3*200 || !c.Manifest.Complete {
		t.Errorf("again: %+v", c.Manifest)
	}
}

// dumpUntilFull dumps, writes three generations, and so on until there is no room. It returns the number of dumps, the
// last generation, and the error.
func dumpUntilFull(
	t *testing.T, w *Writer, dir string, last int, generation func(n int) error,
) (dumps, _ int, err error) {
	t.Helper()
	for ; dumps < 100; dumps++ {
		before := tree(t, dir)
		err = w.Dump(filepath.Join(dir, fmt.Sprint("dump", dumps)), last-2, last, nil)
		if err != nil {
			if after := tree(t, dir); !slices.Equal(before, after) {
				t.Errorf("a dump failed, and %q became %q", before, after)
			}
			break
		}
		for range 3 {
			if err == nil {
				last++
				err = generation(last)
			}
		}
		if err != nil {
			dumps++
			break
		}
	}
	return dumps, last, err
}

// The errors are returned if a file system becomes read-only, or the directory is removed.
func TestTmpfsReadOnlyAndRemoved(t *testing.T) {
	dir := tmpfs(t, 1<<20)
	path := filepath.Join(dir, "c")
	w, err := Create(path, generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := appendGeneration(w, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(1); err != nil {
		t.Fatal(err)
	}
	// As after an error of the disk; nothing is open to be written just now.
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"append": appendGeneration(w, 2), "drop": w.Drop(1), "dump": w.Dump(filepath.Join(dir, "d"), 1, 1, nil),
		"close": w.Close(nil),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	checkGenerations(t, path, 1, 1, false)

	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	before := freeBytes(t, dir)
	path = filepath.Join(dir, "gone")
	w, err = Create(path, generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := appendGeneration(w, 1); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"sync": w.Sync(), "append": appendGeneration(w, 2), "close": w.Close(nil)} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := freeBytes(t, dir); after < before {
		t.Errorf("%d bytes are still taken", before-after)
	}
}

// On a file system without hard links a dump has copies.
func TestDumpCopies(t *testing.T) {
	dir := t.TempDir()
	opt := WriterOptions{}
	opt.openDirectory = func(path string) (directory, error) {
		in, err := openOSDirectory(path)
		return noLinks{in}, err
	}
	w, err := Create(filepath.Join(dir, "c"), generationManifest, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(appendGeneration(w, 1), w.Finish(1), w.Dump(filepath.Join(dir, "d"), 1, 1, nil)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	checkGenerations(t, filepath.Join(dir, "d"), 1, 1, true)
	one, err := os.ReadFile(filepath.Join(dir, "c/syscall/000001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(filepath.Join(dir, "d/syscall/000001.arrow"))
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("%d bytes became %d: %v", len(one), len(two), err)
	}
}

// noLinks is a directory on a file system without hard links.
type noLinks struct{ directory }

func (f noLinks) enter(name string) (directory, error) {
	in, err := f.directory.enter(name)
	return noLinks{in}, err
}

func (f noLinks) link(directory, string) error { return syscall.EXDEV }
