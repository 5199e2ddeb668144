// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"fmt"
	"strings"
	"testing"
)

// contract is the column list that readers are promised, FORMAT.md.
const contract = `
task: task int32, ts timestamp[ns, UTC], tid int32, pid int32, ppid int32, uid int64, gid int64, cgroup int64, comm utf8, exe utf8
path: path int32, dev int64, ino int64, name utf8
cgroup: cgroup int64, name utf8, container utf8
process: ts timestamp[ns, UTC], cpu int32, task int32, op utf8, pid int32, ppid int32, filename utf8, args list<utf8>, exit_code int32, signal int32, duration_ns int64
syscall: ts timestamp[ns, UTC], cpu int32, task int32, nr int32, ret int64, duration_ns int64, arg0 int64, arg1 int64, arg2 int64, arg3 int64, arg4 int64, arg5 int64
pending: ts timestamp[ns, UTC], cpu int32, task int32, nr int32, arg0 int64, arg1 int64, arg2 int64, arg3 int64, arg4 int64, arg5 int64
file: ts timestamp[ns, UTC], cpu int32, task int32, op utf8, path int32, offset int64, size int64, ret int64, duration_ns int64
ipc: ts timestamp[ns, UTC], cpu int32, task int32, key int64, id int32, uid int64, owner int64, creator int64, mode int32, flag int32
tcp: ts timestamp[ns, UTC], cpu int32, task int32, op utf8, family int32, saddr utf8, sport int32, daddr utf8, dport int32, ret int32, duration_ns int64, sent int64, received int64, retransmits int32, srtt_ns int64
seccomp: ts timestamp[ns, UTC], cpu int32, task int32, nr int32, action utf8, code int32, ip int64
`

func TestTablesFollowFromTheObject(t *testing.T) {
	all, err := Layouts()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, l := range all {
		if l == nil {
			continue
		}
		var columns []string
		for _, c := range l.Schema.Columns {
			columns = append(columns, fmt.Sprintf("%s %v", c.Name, c.Type))
		}
		fmt.Fprintf(&got, "%s: %s\n", l.Schema.Table, strings.Join(columns, ", "))
	}
	if want := strings.TrimSpace(contract) + "\n"; got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestWhatIsBulk(t *testing.T) {
	all, err := Layouts()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if l != nil && l.Bulk != (l.Schema.Table == "syscall" || l.Schema.Table == "file") {
			t.Errorf("%s: bulk %v", l.Schema.Table, l.Bulk)
		}
	}
}
