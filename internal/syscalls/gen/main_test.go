// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The committed tables, and the numbers of the BPF programs, are what the generator makes of the inputs they name.
func TestGenerated(t *testing.T) {
	have, err := os.ReadFile("../tables.go")
	if err != nil {
		t.Fatal(err)
	}
	haveNumbers, err := os.ReadFile("../../../bpf/numbers.h")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`from (linux-headers-\S+) and golang\.org/x/sys@(\S+);`).FindSubmatch(have)
	if m == nil {
		t.Fatal("tables.go does not name its inputs")
	}
	version := string(m[1])
	headers := filepath.Join("/usr/src", version)
	if dir := os.Getenv("LINUX_HEADERS"); dir != "" && headersVersion(dir) == version {
		headers = dir
	}
	if _, err := os.Stat(headers); err != nil {
		t.Skipf("no %s under /usr/src or at LINUX_HEADERS to generate from", version)
	}
	sys, err := moduleDir("golang.org/x/sys")
	if err != nil {
		t.Skip(err)
	}
	if v := sysVersion(sys); v != string(m[2]) {
		t.Errorf("tables.go is of golang.org/x/sys %s, go.mod wants %s", m[2], v)
	}
	want, wantNumbers, err := generate(headers, sys)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("tables.go is not what go generate makes of its inputs")
	}
	if !bytes.Equal(haveNumbers, wantNumbers) {
		t.Error("bpf/numbers.h is not what go generate makes of its inputs")
	}
}

func TestParsePrototype(t *testing.T) {
	for _, c := range []struct{ c, want string }{
		{"getpid(void)", "getpid []"},
		{"socket(int, int, int)", "socket [{arg0 int} {arg1 int} {arg2 int}]"},
		{"read(unsigned int fd, char __user *buf, size_t count)",
			"read [{fd unsigned int} {buf char *} {count size_t}]"},
		{"execve(const char __user *filename,\n\t\tconst char __user *const __user *argv)",
			"execve [{filename const char *} {argv const char *const *}]"},
		{"io_submit(aio_context_t, long,\n\tstruct iocb __user * __user *)",
			"io_submit [{arg0 aio_context_t} {arg1 long} {arg2 struct iocb **}]"},
		{"getcpu(unsigned __user *cpu)", "getcpu [{cpu unsigned *}]"},
		{"f(struct stat st)", "error"},
		{"f(int", "error"},
		{"f(int a,, int b)", "error"},
	} {
		got := "error"
		if p, err := parsePrototype(c.c); err == nil {
			got = p.name + " ["
			for i, q := range p.params {
				if i > 0 {
					got += " "
				}
				got += fmt.Sprintf("{%s %s}", q.name, q.ctype)
			}
			got += "]"
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.c, got, c.want)
		}
	}
}

func TestConstants(t *testing.T) {
	header := filepath.Join(t.TempDir(), "x.h")
	if err := os.WriteFile(header, []byte(`
/* #define COMMENT 1 */
#define A 0x10UL
#  define B (A | 1<<2) // twenty
#define OCTAL 0017
#define LONG A + \
	B
#define F(x) ((x) << 1)
#define SELF SELF
#define LOOP LOOP2
#define LOOP2 LOOP
#define A 99
enum colour { RED, GREEN = 5, BLUE, /* last */ MAX_COLOUR, };
enum { FIRST = -1, SECOND };
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newConstants()
	if err := c.add(header, "x.h"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"A": "16", "B": "20", "OCTAL": "15", "LONG": "36", "RED": "0", "GREEN": "5", "BLUE": "6", "MAX_COLOUR": "7",
		"FIRST": "-1", "SECOND": "0", "COMMENT": "error", "F": "error", "SELF": "error", "LOOP": "error",
	} {
		got := "error"
		if v, err := c.value(name); err == nil {
			got = fmt.Sprint(v)
		}
		if got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	items, err := c.list("enum:colour -MAX_* OWN=7 A")
	if got := fmt.Sprint(items, err); got != "[{0 RED} {5 GREEN} {6 BLUE} {7 OWN} {16 A}] <nil>" {
		t.Errorf("list is %s", got)
	}
	for _, words := range []string{"MISSING", "enum:shape", "X_*@x.h"} {
		if items, err := c.list(words); err == nil {
			t.Errorf("list %q is %v", words, items)
		}
	}
}
