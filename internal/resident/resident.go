// SPDX-License-Identifier: Apache-2.0

// Package resident says how much memory a process holds.
package resident

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Memory is what is resident of a process at one moment, bytes.
type Memory struct {
	// mappings of BPF maps: a recorder's rings, of which some are mapped twice, and its counters
	Rings int64 `json:"rings"`
	Rest  int64 `json:"rest"` // everything else, code too
}

// Of adds up /proc/PID/smaps.
func Of(pid int) (m Memory, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return m, err
	}
	defer f.Close()
	to := &m.Rest
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := s.Text()
		field, value, _ := strings.Cut(line, ":")
		if strings.Contains(field, " ") { // "address perms ... path": the head of a mapping
			if to = &m.Rest; strings.Contains(line, "bpf-map") {
				to = &m.Rings
			}
		} else if field == "Rss" {
			var kib int64
			fmt.Sscan(value, &kib)
			*to += kib << 10
		}
	}
	return m, s.Err()
}
