//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"

	"github.com/fletch-trace/fletch/format"
)

// DescribeHost fills in what a manifest says of the machine.
func DescribeHost() (format.Manifest, error) {
	var m format.Manifest
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return m, fmt.Errorf("naming the host: uname: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return m, fmt.Errorf("reading the boot id: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return m, fmt.Errorf("counting CPUs: %w", err)
	}
	m.Host = unix.ByteSliceToString(uts.Nodename[:])
	m.Kernel = unix.ByteSliceToString(uts.Release[:])
	m.Arch = unix.ByteSliceToString(uts.Machine[:])
	m.BootID = strings.TrimSpace(string(boot))
	m.CPUs = cpus
	m.PageSize = os.Getpagesize()
	return m, nil
}
