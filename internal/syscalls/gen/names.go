// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// callNames says which arguments of a call have names: the first two descriptors, and the first two texts.
type callNames struct {
	fds     []int // arguments
	returns bool  // the result is a descriptor
	byArgs  bool  // other arguments decide whether it has, or returns, a descriptor
	ends    int   // which of fds the call ends: 0 the first, 1 the second, -1 none
	texts   []text
}

// text is an argument that is a text, or has an address that is shown as one.
type text struct {
	arg  int
	kind string // TEXT_... of bpf/calls.h, without the prefix
	// aux is another argument: of a PATH its directory, of COUNTED and ADDRESS the length, of CONFIG the command. -1 is
	// none.
	aux int
}

// textRules has the kinds of the parameters of type char *, by "call.parameter" or "*.parameter". Each needs a rule:
// the type does not tell a path from another text, or from a buffer of data.
var textRules = rules(
	"PATH", `*.filename *.pathname *.path *.oldname *.newname *.from_path *.to_path *.specialfile *.new_root
		*.put_old *.library *.special mount.dir_name umount.name oldumount.name acct.name name_to_handle_at.name
		symlink.new`,
	"STRING", `*.name symlink.old symlinkat.oldname mount.dev_name mount.type *._type *._description *._callout_info
		*.name_user *.uname_ptr *.uargs *.fs_name fsconfig.key`,
	"COUNTED", `sethostname.name setdomainname.name kexec_file_load.cmdline_ptr`,
	"", `*.buf *.msg_ptr *.u_msg_ptr *.list *.optval *.shmaddr`,
)

// counts has the parameter with the length of a text that has no zero at its end.
var counts = map[string]string{
	"sethostname": "len", "setdomainname": "len", "kexec_file_load": "cmdline_len",
}

// returnsFD are the calls that return a descriptor. Their prototypes do not tell: all calls return long. (Those of
// pipe, socketpair and clone are in memory.)
var returnsFD = strings.Fields(
	`open openat openat2 creat open_by_handle_at open_tree open_tree_attr fsopen fsmount fspick
	dup dup2 dup3 socket accept accept4 epoll_create epoll_create1 eventfd eventfd2 signalfd signalfd4 timerfd_create
	inotify_init inotify_init1 fanotify_init memfd_create memfd_secret pidfd_open pidfd_getfd perf_event_open
	userfaultfd io_uring_setup mq_open`,
)

// fdByArgs are the calls that return a descriptor for some commands only, or have it in memory.
var fdByArgs = strings.Fields("fcntl fcntl64 bpf seccomp landlock_create_ruleset socketcall")

// ends are the calls after which a descriptor that they were given is not the same file: the index of the descriptor.
var ends = map[string]int{"close": 0, "dup2": 1, "dup3": 1}

// noFD are parameters that are shown as descriptors, but are of another process.
var noFD = []string{"pidfd_getfd.fd"}

// namesOf returns the names of a call, whose parameters are those of one ABI: one for each register.
func (g *generator) namesOf(call string, params []param) (n callNames) {
	n.ends = -1
	if i, ok := ends[call]; ok {
		n.ends = i
	}
	n.byArgs = slices.Contains(fdByArgs, call)
	if n.returns = slices.Contains(returnsFD, call); n.returns {
		g.used["descriptor "+call] = true
	}
	for i, q := range params {
		if (q.kind == "kindFD" || q.kind == "kindDirFD") && !slices.Contains(noFD, call+"."+q.name) {
			n.fds = append(n.fds, i)
		}
		if t := g.textOf(call, params, i); t.kind != "" {
			n.texts = append(n.texts, t)
		}
	}
	n.fds, n.texts = n.fds[:min(2, len(n.fds))], n.texts[:min(2, len(n.texts))]
	return n
}

// textOf returns the text that parameter i is, one without a kind if it is none.
func (g *generator) textOf(call string, params []param, i int) text {
	q := params[i]
	switch q.ctype {
	case "char *", "const char *":
		return g.charText(call, params, i)
	case "const void *":
		if call == "fsconfig" {
			return text{i, "CONFIG", i - 2}
		}
	case "struct sockaddr *":
		if params[i+1].ctype == "int *" {
			return text{i, "ADDRESS_OUT", i + 1}
		}
		return text{i, "ADDRESS", i + 1}
	case "struct user_msghdr *", "struct mmsghdr *":
		if strings.HasPrefix(call, "recv") {
			return text{i, "MESSAGE_OUT", -1}
		}
		return text{i, "MESSAGE", -1}
	case "unsigned long *":
		if call == "socketcall" {
			return text{i, "SOCKETCALL", -1}
		}
	}
	return text{}
}

// charText is textOf for a parameter of type char *. A path starts from the descriptor of the parameter before it, if
// that is one of a directory.
func (g *generator) charText(call string, params []param, i int) text {
	rule := call + "." + params[i].name
	kind, ok := textRules[rule]
	if !ok {
		rule = "*." + params[i].name
		if kind, ok = textRules[rule]; !ok {
			panic(fmt.Sprintf("no rule for the text %s.%s", call, params[i].name))
		}
	}
	g.used["text "+rule] = true
	t := text{i, kind, -1}
	switch kind {
	case "PATH":
		if i > 0 && params[i-1].kind == "kindDirFD" {
			t.aux = i - 1
		}
	case "COUNTED":
		t.aux = slices.IndexFunc(params, func(q param) bool { return q.name == counts[call] })
	}
	return t
}

// c returns the word of bpf/calls.h that says the same, as an expression in C.
func (n callNames) c() string {
	var terms []string
	for i, arg := range n.fds {
		terms = append(terms, fmt.Sprintf("FD%d(%d)", i+1, arg))
	}
	if n.returns {
		terms = append(terms, "FD_RETURNED")
	}
	if n.byArgs {
		terms = append(terms, "FD_BY_ARGS")
	}
	if n.ends >= 0 {
		terms = append(terms, fmt.Sprintf("FD%d_ENDS", n.ends+1))
	}
	for i, t := range n.texts {
		terms = append(terms, fmt.Sprintf("TEXT%d(%s, %d, %d)", i+1, t.kind, t.arg, t.aux))
	}
	if terms == nil {
		return "0"
	}
	return strings.Join(terms, " | ")
}

// goTexts returns the arguments that are texts as source of an array in Go, "" if there are none. An argument counts
// from 1.
func (n callNames) goTexts() string {
	if n.texts == nil {
		return ""
	}
	var args [2]int
	for i, t := range n.texts {
		args[i] = t.arg + 1
	}
	return fmt.Sprintf("[2]uint8{%d, %d}", args[0], args[1])
}
