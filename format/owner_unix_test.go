// SPDX-License-Identifier: Apache-2.0

//go:build unix

package format

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestCreateOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving files away takes root")
	}
	dir := t.TempDir()
	for _, name := range []string{"a", "a.tar"} {
		w, err := Create(filepath.Join(dir, name), testManifest, WriterOptions{UID: 1234, GID: 4321})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(fill(NewBatch(syscallSchema), 5, 1), Zstd); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "a/capture.json", "a/syscall", "a/syscall/000001.arrow", "a.tar"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 4321 {
			t.Errorf("%s: owner %d:%d", name, st.Uid, st.Gid)
		}
	}
}
