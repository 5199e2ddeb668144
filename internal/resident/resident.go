// SPDX-License-Identifier: Apache-2.0

// Package resident measures the resident memory of a process.
package resident

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Memory is the resident memory of a process, in bytes.
type Memory struct {
	Rings int64 `json:"rings"` // mapped BPF maps: a recorder's rings, some of which are mapped twice, and counters
	Rest  int64 `json:"rest"`  // everything else, including code
}

// Of reads /proc/PID/smaps.
func Of(pid int) (m Memory, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return m, err
	}
	defer f.Close()
	sum := &m.Rest // of the kind of mapping that the next lines are about
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := s.Text()
		field, value, _ := strings.Cut(line, ":")
		if strings.Contains(field, " ") { // the first line of a mapping: "address perms ... path"
			if sum = &m.Rest; strings.Contains(line, "bpf-map") {
				sum = &m.Rings
			}
		} else if field == "Rss" {
			var kib int64
			fmt.Sscan(value, &kib)
			*sum += kib << 10
		}
	}
	return m, s.Err()
}
