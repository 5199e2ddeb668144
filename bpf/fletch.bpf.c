//go:build ignore
/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* All families in one object: they share the rings and the task storage; the loader drops what it does not use. */
#include "process.bpf.c"
#include "calls.bpf.c"
#include "snapshot.bpf.c"
#include "connections.bpf.c"
#include "signal.bpf.c"
#include "namespace.bpf.c"
#include "tree.bpf.c"

/* A type only ever cast to would not be in the BTF, which is the schema. */
struct task_event *schema_task;
struct path_event *schema_path;
struct string_event *schema_string;
struct cgroup_event *schema_cgroup;
struct process_event *schema_process;
struct syscall_event *schema_syscall;
struct pending_event *schema_pending;
struct file_event *schema_file;
struct ipc_event *schema_ipc;
struct tcp_event *schema_tcp;
struct seccomp_event *schema_seccomp;
struct signal_event *schema_signal;
enum record_kind schema_kinds;
enum ref_flags schema_flags;
const volatile u32 args_max = ARGS_MAX;

char LICENSE[] SEC("license") = "Dual BSD/GPL";
