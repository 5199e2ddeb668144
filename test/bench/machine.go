//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A machine is where a table was measured.
type machine struct {
	CPU      string
	CPUs     int
	Memory   int64 // bytes
	Kernel   string
	System   string
	Versions []string // of what was compared
}

func describeMachine(ctx context.Context, b *bench) (machine, error) {
	m := machine{CPUs: len(cpus()), CPU: field("/proc/cpuinfo", "model name"), System: strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`)}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("naming the kernel: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Machine[:])
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	m.Versions = append(m.Versions, "fletch "+firstLine(ctx, b.root, "git", "describe", "--always", "--dirty"), runtime.Version())
	for _, program := range []string{"perf", "strace"} {
		version := firstLine(ctx, b.root, program, "--version")
		if version == "" {
			version = program + " is not installed"
		}
		m.Versions = append(m.Versions, version)
	}
	return m, nil
}

// field is the value of the first line "name : value" or "name=value" of a file.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			return strings.TrimLeft(rest, "\t :=")
		}
	}
	return ""
}

func firstLine(ctx context.Context, dir, program string, args ...string) string {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}

func (m machine) String() string {
	return fmt.Sprintf("%d × %s, Linux %s; %s", m.CPUs, m.CPU, m.Kernel, strings.Join(m.Versions, ", "))
}

func (m machine) markdown() string {
	return fmt.Sprintf("- %d × %s, %d GiB\n- %s, Linux %s\n- %s", m.CPUs, m.CPU, (m.Memory+1<<29)>>30, m.System, m.Kernel,
		strings.Join(m.Versions, ", "))
}
