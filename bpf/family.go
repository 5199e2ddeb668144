// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"slices"

	"github.com/cilium/ebpf"
)

// A family is a kind of event a user asks for, with the ways to get it, best first.
type family struct {
	name       string
	mechanisms []mechanism
}

// A mechanism is a set of programs, of which all must load and attach.
type mechanism struct {
	name     string
	programs []string
	wants    []string                          // switches of the programs (want_…) that it turns on
	check    func(coll *ebpf.Collection) error // that what is attached is ever called; nil: it is
}

// calls are the programs on every system call's entry and exit, and on what may happen between the two.
var calls = []string{"calls_enter", "calls_exit", "calls_switch"}

// families are those that events.h names, with their mechanisms.
var families = []family{
	{"process", []mechanism{
		{"tp_btf", []string{"process_exit"}, []string{"want_process"}, nil},
	}},
	{"syscall", []mechanism{
		{"tp_btf", append(calls, "calls_death"), []string{"want_syscall"}, nil},
	}},
	{"file", []mechanism{
		{"fentry", []string{"file_read_fentry", "file_read_fexit", "file_write_fentry", "file_write_fexit"}, nil, nil},
		{"kprobe", []string{"file_read_kprobe", "file_read_kretprobe", "file_write_kprobe", "file_write_kretprobe"}, nil, nil},
		{"tp_btf", calls, []string{"want_file_calls"}, nil},
	}},
	{"ipc", []mechanism{
		{"lsm", []string{"ipc_permission_lsm"}, nil, ipcFires},
		{"fentry", []string{"ipc_permission_fentry"}, nil, ipcFires},
		{"kprobe", []string{"ipc_permission_kprobe"}, nil, ipcFires},
		{"tp_btf", calls, []string{"want_ipc_calls"}, nil},
	}},
	{"tcp", []mechanism{
		{"fentry", append(calls, "tcp_state", "tcp_v4_fentry", "tcp_v4_fexit", "tcp_v6_fentry", "tcp_v6_fexit"), []string{"want_tcp"}, nil},
		{"kprobe", append(calls, "tcp_state", "tcp_v4_kprobe", "tcp_v4_kretprobe", "tcp_v6_kprobe", "tcp_v6_kretprobe"), []string{"want_tcp"}, nil},
		{"tp_btf", append(calls, "tcp_state"), []string{"want_tcp", "want_tcp_connects"}, nil},
	}},
	{"seccomp", []mechanism{
		{"fentry", append(calls, "seccomp_signal", "seccomp_exit", "seccomp_fentry"), []string{"want_seccomp"}, nil},
		{"kprobe", append(calls, "seccomp_signal", "seccomp_exit", "seccomp_kprobe"), []string{"want_seccomp"}, nil},
		{"tp_btf", append(calls, "seccomp_signal", "seccomp_exit"), []string{"want_seccomp"}, nil},
	}},
	{"signal", []mechanism{
		{"tp_btf", []string{"signal_sent"}, nil, nil},
	}},
}

// identity are the programs every recording needs: they keep task ids and what is followed.
var identity = mechanism{"tp_btf", []string{"process_rename", "process_fork", "process_exec", "snapshot_begin", "snapshot_pending"}, nil, nil}

var iterators = map[string]bool{"snapshot_begin": true, "snapshot_pending": true}

// Mechanisms are the names of a family's mechanisms, best first; nil for what is no family.
func Mechanisms(name string) []string {
	var names []string
	for _, m := range familyOf(name).mechanisms {
		names = append(names, m.name)
	}
	return names
}

func familyOf(name string) family {
	for _, f := range families {
		if f.name == name {
			return f
		}
	}
	return family{}
}

// ErrRefused: the kernel allows no mechanism of a family that was asked for.
var ErrRefused = errors.New("no mechanism works on this kernel")

// allowed are the mechanisms that may be tried: all, or the one that is forced.
func (f family) allowed(opt Options) []mechanism {
	forced := opt.Mechanisms[f.name]
	return slices.DeleteFunc(slices.Clone(f.mechanisms), func(m mechanism) bool { return forced != "" && m.name != forced })
}

func mechanismOf(familyName, name string) mechanism {
	for _, m := range familyOf(familyName).mechanisms {
		if m.name == name {
			return m
		}
	}
	return mechanism{}
}
