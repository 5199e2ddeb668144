//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"strings"
	"testing"
)

func TestTriggers(t *testing.T) {
	all := []string{"process", "syscall", "file", "ipc", "tcp", "seccomp"}
	tests := []struct {
		src      string
		families []string
		tables   string // whose rows can match
		wrong    string // in the error
	}{
		{src: `op == "exit" && comm == "nginx" && signal != 0`, families: all, tables: "process"},
		{src: `family == "syscall" && name == "fsync" && duration_ns > 1e9`, families: all, tables: "syscall"},
		{src: `ret < 0`, families: all, tables: "syscall tcp"},
		{src: `ret < 0`, families: []string{"tcp"}, tables: "tcp"},
		{src: `uid == 0`, families: []string{"seccomp", "ipc"}, tables: "ipc seccomp"},
		{src: `family == "seccomp"`, families: []string{"process"}, wrong: "only seccomp events"},
		{src: `offset > 3`, families: all, wrong: "no event can match"},
		{src: `nonsense == 1`, families: all, wrong: "unknown name"},
		{src: ``, families: all, wrong: ""},
	}
	for _, test := range tests {
		c, err := CompileTrigger(test.src, test.families)
		switch {
		case test.tables == "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: error %v, want %s", test.src, err, test.wrong)
		case test.tables != "" && err != nil:
			t.Errorf("%s: %v", test.src, err)
		case test.tables != "":
			for _, want := range strings.Fields(test.tables) {
				if !strings.Contains(strings.Join(c.tables, " "), want) {
					t.Errorf("%s: looks at %v, want %s", test.src, c.tables, test.tables)
				}
			}
			if len(c.tables) != len(strings.Fields(test.tables)) {
				t.Errorf("%s: looks at %v, want %s", test.src, c.tables, test.tables)
			}
		}
	}
}
