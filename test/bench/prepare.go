//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
)

// prepare makes what the runs need: the recorder, a directory, and tracefs. cleanup removes it.
func prepare(ctx context.Context, opt *options, stderr io.Writer) (b *bench, cleanup func(), err error) {
	b = &bench{rounds: opt.rounds, patience: opt.patience.Duration(), stderr: stderr,
		limit: 2*time.Minute + 2*opt.busy.Duration()}
	if b.self, err = os.Executable(); err != nil {
		return nil, nil, err
	}
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the project: %w", err)
	}
	b.root = filepath.Dir(strings.TrimSpace(string(mod)))
	if _, err := os.Stat(filepath.Join(b.root, mixedScript)); err != nil {
		return nil, nil, cli.WithHint(err, "run it in the project's directory")
	}
	if err := b.checkTree(ctx, opt.dirty); err != nil {
		return nil, nil, err
	}
	// Under sudo record would give its files to the calling user, and run COMMAND as that. Here all is root's.
	b.env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SUDO_") })
	b.env = append(b.env, "LC_ALL=C")
	if b.dir, err = os.MkdirTemp(opt.dir, "fletch-bench-"); err != nil {
		return nil, nil, err
	}
	undo := []func(){func() { os.RemoveAll(b.dir) }}
	cleanup = func() {
		for _, f := range undo {
			f()
		}
	}
	if opt.record, err = b.recorder(ctx, opt.record); err != nil {
		cleanup()
		return nil, nil, err
	}
	unmount, err := mountTracing()
	if err != nil {
		cli.Warn(stderr, "bench", err.Error())
	}
	undo = append(undo, unmount)
	return b, cleanup, nil
}

// checkTree returns an error if the tree has changes that are in no commit, since nobody could repeat the measurement;
// with dirty it only notes it. BENCHMARKS.md may have changed.
func (b *bench) checkTree(ctx context.Context, dirty bool) error {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = b.root
		var output bytes.Buffer
		cmd.Stderr = &output
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("finding the commit of the tree: %w: %s", err, strings.TrimSpace(output.String()))
		}
		return strings.TrimSpace(string(out)), err
	}
	version, err := git("describe", "--always")
	if err == nil {
		var changed string
		if changed, err = git("status", "--porcelain", "--", ".", ":!BENCHMARKS.md"); err == nil && changed != "" {
			first, _, _ := strings.Cut(changed, "\n")
			err = fmt.Errorf("the tree is dirty: it has changes that are in no commit: %s", first)
		}
	}
	if err != nil && !dirty {
		return cli.WithHint(err, "commit them, or say --dirty, and the page will say so too")
	}
	b.version, b.dirty = version, err != nil
	if b.dirty {
		b.version += "-dirty"
	}
	return nil
}

// recorder returns the path of the recorder to be measured: the one given, or one built from this tree.
func (b *bench) recorder(ctx context.Context, given string) (path string, err error) {
	if given != "" {
		b.version += ", but the recorder " + given
		return filepath.Abs(given)
	}
	path = filepath.Join(b.dir, "record")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/record")
	build.Dir = b.root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("building record: %w", err), errors.New(string(out)))
	}
	return path, nil
}
