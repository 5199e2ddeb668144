// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

// The tasks of a pid namespace whose numbers are 1000 less than those of the initial one.
var someTasks = []taskNumbers{
	{OwnTID: 1, OwnPID: 1, PID: 1001, PPID: 7},
	{OwnTID: 2, OwnPID: 2, PID: 1002, PPID: 1001},
	{OwnTID: 3, OwnPID: 2, PID: 1002, PPID: 1001}, // a thread of 2
	{OwnTID: 4, OwnPID: 4, PID: 1004, PPID: 1002},
	{OwnTID: 5, OwnPID: 5, PID: 1005, PPID: 1002, Ended: 1},
	{OwnTID: 6, OwnPID: 6, PID: 1006, PPID: 1004},
	{OwnTID: 9, OwnPID: 9, PID: 1009, PPID: 1002}, // the recorder
}

func TestFindProcesses(t *testing.T) {
	pids, own, err := find(someTasks, []int{3, 4, 2})
	if err != nil || !slices.Equal(pids, []uint32{1002, 1004}) || !slices.Equal(own, []int{2, 4}) {
		t.Errorf("got %v, %v, %v", pids, own, err)
	}
	for id, ended := range map[int]bool{5: true, 7: false, 1002: false} {
		var missing *NoProcessError
		if _, _, err := find(someTasks, []int{2, id}); !errors.As(err, &missing) || missing.PID != id ||
			missing.Ended != ended {
			t.Errorf("%d: %v", id, err)
		}
	}
}

func TestChildrenOfMembers(t *testing.T) {
	s := &Session{namespaces: &namespaces{pid: 1009}}
	members := map[uint32]bool{1002: true}
	var found [][]uint32
	for {
		pids := s.children(someTasks, members)
		if len(pids) == 0 {
			break
		}
		found = append(found, pids)
		for _, pid := range pids {
			members[pid] = true
		}
	}
	if want := [][]uint32{{1004}, {1006}}; !reflect.DeepEqual(found, want) {
		t.Errorf("got %v, want %v", found, want)
	}
}

func TestNumbersInStatus(t *testing.T) {
	status := "Name:\tsh\nPid:\t1002\nNSpid:\t1002\t2\t1\nNSpgid:\t1002\n"
	if got := numbers([]byte(status)); !slices.Equal(got, []string{"1002", "2", "1"}) {
		t.Errorf("got %q", got)
	}
	if got := numbers(nil); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}
