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
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine describes where a table was measured.
type machine struct {
	CPU      string   `json:"cpu"`
	CPUs     int      `json:"cpus"`
	Memory   int64    `json:"memory"` // bytes
	Kernel   string   `json:"kernel"`
	System   string   `json:"system"`
	Versions []string `json:"versions"` // of what was compared
}

func describeMachine(ctx context.Context, b *bench) (machine, error) {
	m := machine{CPUs: len(cpus()), CPU: field("/proc/cpuinfo", "model name"),
		System: strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`)}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, fmt.Errorf("naming the kernel: %w", err)
	}
	m.Kernel = unix.ByteSliceToString(name.Release[:]) + " " + unix.ByteSliceToString(name.Machine[:])
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	m.Versions = append(m.Versions, "fletch "+b.version, runtime.Version())
	for _, program := range []string{"perf", "strace"} {
		version := firstLine(ctx, b.root, program, "--version")
		if version == "" {
			version = program + " is not installed"
		}
		m.Versions = append(m.Versions, version)
	}
	return m, nil
}

// field returns the value of the first line "name : value" or "name=value" of a file; "" if there is none.
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
	return fmt.Sprintf("- %d × %s, %d GiB\n- %s, Linux %s\n- %s", m.CPUs, m.CPU, (m.Memory+1<<29)>>30,
		m.System, m.Kernel,
		strings.Join(m.Versions, ", "))
}

// startOthers returns a function that returns what share of all CPUs, 0 to 1, was used since by processes other than
// this one and its children, by kernel threads, and by the host of a virtual machine.
func startOthers() func() float64 {
	const tick = time.Second / 100 // USER_HZ
	taken := func() time.Duration {
		var spent [8]int64 // user, nice, system, idle, iowait, irq, softirq, steal: proc(5)
		text := strings.Fields(field("/proc/stat", "cpu "))
		for i := range min(len(spent), len(text)) {
			spent[i], _ = strconv.ParseInt(text[i], 10, 64)
		}
		busy := time.Duration(spent[0]+spent[1]+spent[2]+spent[5]+spent[6]+spent[7]) * tick
		return busy - usage(unix.RUSAGE_SELF) - usage(unix.RUSAGE_CHILDREN)
	}
	begun, before := time.Now(), taken()
	return func() float64 {
		cpus := runtime.NumCPU()
		// A count of ticks may be off by one at the beginning and by one at the end, on each CPU.
		others := taken() - before - time.Duration(2*cpus)*tick
		return max(0, float64(others)/float64(time.Since(begun))/float64(cpus))
	}
}
