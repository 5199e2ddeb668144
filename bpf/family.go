// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"slices"

	"github.com/cilium/ebpf"
)

// A family is a group of events that can be recorded, with its mechanisms, best first.
type family struct {
	name       string
	mechanisms []mechanism
}

// A mechanism is a way to record a family: a set of programs that must all load and attach.
type mechanism struct {
	name     string
	programs []string
	switches []string                          // constants of the programs (want_…) to set to true
	check    func(coll *ebpf.Collection) error // checks that attached programs are called; nil: they always are
}

// callPrograms run at the entry and exit of every system call, at context switches and before signal handlers.
var callPrograms = []string{"calls_enter", "calls_exit", "calls_switch", "calls_signal"}

// tcpPrograms are those that each mechanism of tcp needs.
var tcpPrograms = slices.Concat(callPrograms, []string{
	"tcp_state", "connections_waiting", "connections_begin", "connections_open", "connections_end",
})

// families are the families of events.h, with their mechanisms.
var families = []family{
	{"process", []mechanism{
		{"tp_btf", []string{"process_exit", "calls_switch", "processes_used", "processes_end", "processes_leaving"}, []string{"want_process"}, nil},
	}},
	{"syscall", []mechanism{
		{"tp_btf", append(callPrograms, "calls_death"), []string{"want_syscall", "want_rename_calls"}, nil},
	}},
	{"file", []mechanism{
		{"fentry", []string{"file_read_fentry", "file_read_fexit", "file_write_fentry", "file_write_fexit",
			"file_rename_fexit"},
			[]string{"want_file"}, nil},
		{"kprobe", []string{"file_read_kprobe", "file_read_kretprobe", "file_write_kprobe", "file_write_kretprobe",
			"file_rename_kretprobe", "file_death"},
			[]string{"want_file", "want_file_frames"}, nil},
		{"tp_btf", callPrograms, []string{"want_file", "want_file_calls", "want_rename_calls"}, nil},
	}},
	{"ipc", []mechanism{
		{"lsm", []string{"ipc_permission_lsm"}, nil, checkIPC},
		{"fentry", []string{"ipc_permission_fentry"}, nil, checkIPC},
		{"kprobe", []string{"ipc_permission_kprobe"}, nil, checkIPC},
		{"tp_btf", callPrograms, []string{"want_ipc_calls"}, nil},
	}},
	{"tcp", []mechanism{
		{"fentry", slices.Concat(tcpPrograms,
			[]string{"tcp_v4_fentry", "tcp_v4_fexit", "tcp_v6_fentry", "tcp_v6_fexit"}), []string{"want_tcp"}, nil},
		{"kprobe", slices.Concat(tcpPrograms,
			[]string{"tcp_v4_kprobe", "tcp_v4_kretprobe", "tcp_v6_kprobe", "tcp_v6_kretprobe"}), []string{"want_tcp"}, nil},
		{"tp_btf", tcpPrograms, []string{"want_tcp", "want_tcp_connects"}, nil},
	}},
	{"seccomp", []mechanism{
		{"fentry", append(callPrograms, "seccomp_signal", "seccomp_exit", "seccomp_fentry"),
			[]string{"want_seccomp"}, nil},
		{"kprobe", append(callPrograms, "seccomp_signal", "seccomp_exit", "seccomp_kprobe"),
			[]string{"want_seccomp"}, nil},
		{"tp_btf", append(callPrograms, "seccomp_signal", "seccomp_exit"), []string{"want_seccomp"}, nil},
	}},
	{"signal", []mechanism{
		{"tp_btf", []string{"signal_sent"}, nil, nil},
	}},
}

// identity are the programs that every recording needs: they keep the ids of tasks, and follow forks.
var identity = mechanism{"tp_btf", []string{
	"process_rename", "process_fork", "process_exec", "process_moved", "process_transferred",
	"process_cgroup_renamed", "snapshot_begin", "snapshot_pending",
}, nil, nil}

// isIterator has the programs that are iterators.
var isIterator = map[string]bool{
	"snapshot_begin": true, "snapshot_pending": true,
	"processes_used": true, "processes_end": true, "processes_leaving": true,
	"connections_waiting": true, "connections_begin": true, "connections_open": true, "connections_end": true,
}

// Mechanisms returns the names of a family's mechanisms, best first; nil if there is no such family.
func Mechanisms(name string) []string {
	var names []string
	for _, m := range familyOf(name).mechanisms {
		names = append(names, m.name)
	}
	return names
}

// familyOf returns the family of that name, a zero one if there is none.
func familyOf(name string) family {
	for _, f := range families {
		if f.name == name {
			return f
		}
	}
	return family{}
}

// ErrRefused is returned if the kernel allows no mechanism of the families to record.
var ErrRefused = errors.New("no mechanism works on this kernel")

// allowed returns the mechanisms that the options allow: all, or the forced one.
func (f family) allowed(opt Options) []mechanism {
	forced := opt.Mechanisms[f.name]
	return slices.DeleteFunc(slices.Clone(f.mechanisms), func(m mechanism) bool {
		return forced != "" && m.name != forced
	})
}

// mechanismOf returns a family's mechanism, a zero one if there is none of that name.
func mechanismOf(familyName, name string) mechanism {
	for _, m := range familyOf(familyName).mechanisms {
		if m.name == name {
			return m
		}
	}
	return mechanism{}
}
