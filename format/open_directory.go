// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// files are open files that are closed together.
type files []*os.File

func (f files) close() error {
	var errs []error
	for _, f := range f {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (o Opener) openDirectory(path string) (*Capture, error) {
	manifest, entries, open, err := readCaptureDirectory(path)
	if err != nil {
		open.close()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	if manifest == nil && len(entries) == 0 {
		if inside := capturesIn(path); len(inside) > 0 {
			return nil, fmt.Errorf("opening capture %s: %w, but a directory of captures: %s",
				path, ErrNotCapture, strings.Join(inside, ", "))
		}
	}
	return o.newCapture(path, manifest, entries, nil, open.close)
}

// capturesIn returns the names of the first three captures in a directory, such as
// the one in which a flight recorder writes its dumps, and "..." if it has more.
func capturesIn(path string) (names []string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(path, e.Name(), ManifestName)); err != nil {
			continue
		}
		if len(names) == 3 {
			return append(names, "...")
		}
		names = append(names, e.Name())
	}
	return names
}

func readCaptureDirectory(path string) (manifest []byte, entries []segmentFile, open files, err error) {
	manifest, err = readManifest(filepath.Join(path, ManifestName))
	if err != nil {
		return nil, nil, nil, err
	}
	if manifest == nil {
		manifest = unfinishedManifest(readManifest(filepath.Join(path, manifestTemp)))
	}
	err = walkSegments(path, func(table, number, name string) error {
		full := filepath.Join(path, filepath.FromSlash(name))
		// Only regular files: opening a pipe would block, and a device has no end.
		// A recorder that drops old generations may have removed it meanwhile.
		info, err := os.Stat(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		open = append(open, f)
		entries = append(entries, segmentFile{table, number, name, f, info.Size()})
		return nil
	})
	return manifest, entries, open, err
}

// walkSegments calls fn for each segment in the directory of a capture.
func walkSegments(path string, fn func(table, number, name string) error) error {
	tables, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if !t.IsDir() || !validName(t.Name()) {
			continue
		}
		segments, err := os.ReadDir(filepath.Join(path, t.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile, as in readCaptureDirectory
		}
		if err != nil {
			return err
		}
		for _, s := range segments {
			table, number, ok := segmentName(t.Name(), s.Name())
			if !ok {
				continue
			}
			if err := fn(table, number, table+"/"+s.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// unfinishedManifest returns the content of a capture.json.new, if it is whole: a
// recorder was killed before it gave its first manifest the name. Where there is a
// capture.json it does not count.
func unfinishedManifest(data []byte, err error) []byte {
	if err != nil || !isManifest(data) {
		return nil
	}
	return data
}

// readManifest returns the content of a capture.json, nil if there is none.
func readManifest(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a file", ManifestName, ErrNotCapture)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// If it is too long the result is empty, which parseManifest refuses.
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifest {
		data = data[:0]
	}
	return data, nil
}
