// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// renamed has the kernel's names of calls that are called otherwise in package unix.
var renamed = map[string]string{
	"arm64:fstatat": "newfstatat", // __NR_newfstatat where longs have 64 bits
}

// entries has the kernel function (without sys_) of calls that are named otherwise, as in the tables of the kernel:
// arch/x86/entry/syscalls/*.tbl, asm-generic/unistd.h, arm's unistd32.h.
var entries = map[string]string{
	"fstat":           "newfstat",
	"lstat":           "newlstat",
	"newfstatat":      "newfstatat",
	"stat":            "newstat",
	"umount2":         "umount",
	"uname":           "newuname",
	"_llseek":         "llseek",
	"_newselect":      "select",
	"ugetrlimit":      "getrlimit",
	"clock_adjtime64": "clock_adjtime",

	"amd64:sendfile":  "sendfile64",
	"arm64:sendfile":  "sendfile64",
	"arm64:fadvise64": "fadvise64_64",

	"i386:oldstat":     "stat",
	"i386:oldlstat":    "lstat",
	"i386:oldfstat":    "fstat",
	"i386:oldolduname": "olduname",
	"i386:olduname":    "uname",
	"i386:umount":      "oldumount",
	"i386:getrlimit":   "old_getrlimit",
	"i386:mmap":        "old_mmap",
	"i386:select":      "old_select",
	"i386:readdir":     "old_readdir",

	"arm:arm_sync_file_range": "sync_file_range2",
	"arm:sigaction":           "sigaction",
}

// override is a prototype that include/linux/syscalls.h does not have, has without parameter names, or has in several
// variants that depend on the configuration.
type override struct {
	abis string // separated by spaces; "": all
	c    string // the prototype in C
}

var overrides = []override{
	// Declared without the names of their parameters.
	{"", "accept(int fd, struct sockaddr *upeer_sockaddr, int *upeer_addrlen)"},
	{"", "accept4(int fd, struct sockaddr *upeer_sockaddr, int *upeer_addrlen, int flags)"},
	{"", "bind(int fd, struct sockaddr *umyaddr, int addrlen)"},
	{"", "connect(int fd, struct sockaddr *uservaddr, int addrlen)"},
	{"", "getpeername(int fd, struct sockaddr *usockaddr, int *usockaddr_len)"},
	{"", "getsockname(int fd, struct sockaddr *usockaddr, int *usockaddr_len)"},
	{"", "io_submit(aio_context_t ctx_id, long nr, struct iocb **iocbpp)"},
	{"", "listen(int fd, int backlog)"},
	{"i386", "old_readdir(unsigned int fd, struct old_linux_dirent *dirent, unsigned int count)"},
	{"i386", "olduname(struct oldold_utsname *name)"},
	{"", `ppoll(struct pollfd *ufds, unsigned int nfds, struct __kernel_timespec *tsp, const sigset_t *sigmask,
		size_t sigsetsize)`},
	{"", "pselect6(int n, fd_set *inp, fd_set *outp, fd_set *exp, struct __kernel_timespec *tsp, void *sig)"},
	{"arm", "recv(int fd, void *ubuf, size_t size, unsigned int flags)"},
	{"", "recvfrom(int fd, void *ubuf, size_t size, unsigned int flags, struct sockaddr *addr, int *addr_len)"},
	{"", "rt_sigaction(int sig, const struct sigaction *act, struct sigaction *oact, size_t sigsetsize)"},
	{"arm", "send(int fd, void *buff, size_t len, unsigned int flags)"},
	{"", "sendto(int fd, void *buff, size_t len, unsigned int flags, struct sockaddr *addr, int addr_len)"},
	{"", "shutdown(int fd, int how)"},
	{"i386 arm", "sigaction(int sig, const struct old_sigaction *act, struct old_sigaction *oact)"},
	{"", "socket(int family, int type, int protocol)"},
	{"", "socketpair(int family, int type, int protocol, int *usockvec)"},
	{"i386", "uname(struct old_utsname *name)"},

	// The architecture decides about the order or the number of parameters.
	{"amd64", `clone(unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, int *child_tidptr,
		unsigned long tls)`},
	// CONFIG_CLONE_BACKWARDS
	{"arm64 i386 arm", `clone(unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, unsigned long tls,
		int *child_tidptr)`},
	{"", "fanotify_mark(int fanotify_fd, unsigned int flags, u64 mask, int dfd, const char *pathname)"},
	{"i386 arm", "sigsuspend(int unused1, int unused2, old_sigset_t mask)"},    // CONFIG_OLD_SIGSUSPEND3
	{"arm", "arm_fadvise64_64(int fd, int advice, loff_t offset, loff_t len)"}, // so that register pairs are even

	// Declared only by architectures, or nowhere.
	{"amd64 arm64", `mmap(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags,
		unsigned long fd, unsigned long off)`},
	{"i386 arm", `mmap2(unsigned long addr, unsigned long len, unsigned long prot, unsigned long flags,
		unsigned long fd, unsigned long pgoff)`},
	{"", "rt_sigreturn()"}, // takes the frame on the stack
	{"i386 arm", "sigreturn()"},
	{"amd64 i386", "arch_prctl(int option, unsigned long arg2)"},
	{"amd64 i386", "iopl(unsigned int level)"},
	{"amd64 i386", "modify_ldt(int func, void *ptr, unsigned long bytecount)"},
	{"amd64 i386", "set_thread_area(struct user_desc *u_info)"},
	{"amd64 i386", "get_thread_area(struct user_desc *u_info)"},
	{"i386", "vm86old(struct vm86_struct *user_vm86)"},
	{"i386", "vm86(unsigned long cmd, unsigned long arg)"},
	{"amd64", "uprobe()"},

	// Removed from the kernel. They still have their numbers, and old kernels have the calls.
	{"", "_sysctl(struct __sysctl_args *args)"},
	{"", "lookup_dcookie(u64 cookie64, char *buf, size_t len)"},
	{"i386 arm", "bdflush(int func, long data)"},
	{"amd64 i386", "create_module(const char *name, size_t size)"},
	{"amd64 i386", "get_kernel_syms(struct kernel_sym *table)"},
	{"amd64 i386", "query_module(const char *name, int which, void *buf, size_t bufsize, size_t *ret)"},
	{"", "nfsservctl(int cmd, struct nfsctl_arg *argp, union nfsctl_res *resp)"},
	{"amd64", "epoll_ctl_old(int epfd, int op, int fd, struct epoll_event *event)"},
	{"amd64", "epoll_wait_old(int epfd, struct epoll_event *events, int maxevents, int timeout)"},

	// Newer than the headers.
	{"", `setxattrat(int dfd, const char *path, unsigned int at_flags, const char *name, const struct xattr_args *args,
		size_t size)`},
	{"", `getxattrat(int dfd, const char *path, unsigned int at_flags, const char *name, struct xattr_args *args,
		size_t size)`},
	{"", "listxattrat(int dfd, const char *path, unsigned int at_flags, char *list, size_t size)"},
	{"", "removexattrat(int dfd, const char *path, unsigned int at_flags, const char *name)"},
	{"", "open_tree_attr(int dfd, const char *path, unsigned int flags, struct mount_attr *uattr, size_t usize)"},
	{"", "file_getattr(int dfd, const char *path, struct file_attr *ufattr, size_t usize, unsigned int at_flags)"},
	{"", "file_setattr(int dfd, const char *path, struct file_attr *ufattr, size_t usize, unsigned int at_flags)"},
	{"", "listns(const struct ns_id_req *req, u64 *ns_ids, size_t nr_ns_ids, unsigned int flags)"},
	{"", "rseq_slice_yield()"},
}

// armPrivateBase is __ARM_NR_BASE, and armPrivate are the calls from there on: arch/arm/include/uapi/asm/unistd.h,
// arch/arm/kernel/traps.c.
const armPrivateBase = 0x0f0000

var armPrivate = []string{
	1: "breakpoint()",
	2: "cacheflush(unsigned long start, unsigned long end, unsigned long flags)",
	3: "usr26()",
	4: "usr32()",
	5: "set_tls(unsigned long val)",
	6: "get_tls()",
}

// unimplemented are calls that have a number, but no implementation and no prototype. They are shown with all six
// registers.
var unimplemented = map[string]bool{
	"afs_syscall": true, "break": true, "ftime": true, "getpmsg": true,
	"gtty": true, "idle": true, "lock": true, "mpx": true, "prof": true,
	"profil": true, "putpmsg": true, "security": true, "stty": true,
	"tuxcall": true, "ulimit": true, "vserver": true,
}

// typeWords are the last words of declarations without a parameter name.
var typeWords = map[string]bool{"int": true, "long": true, "unsigned": true, "size_t": true}

// wideTypes are as wide as a register, also where that is 64 bits. Pointers are too.
var wideTypes = map[string]bool{
	"long": true, "unsigned long": true, "size_t": true, "off_t": true, "loff_t": true, "u64": true,
	"aio_context_t": true, "cap_user_header_t": true, "cap_user_data_t": true, "const cap_user_data_t": true,
	"__sighandler_t": true, "old_sigset_t": true,
}

// doubleTypes take two registers where registers have 32 bits.
var doubleTypes = map[string]bool{"loff_t": true, "u64": true}

// shownArguments has the function of package syscalls that returns how many arguments are shown, by call. Of all others
// every argument is.
var shownArguments = map[string]string{
	"open": "shownOpen", "openat": "shownOpenat", "mq_open": "shownMqOpen",
	"futex": "shownFutex", "futex_time32": "shownFutex",
	"fcntl": "shownFcntl", "fcntl64": "shownFcntl", "mremap": "shownMremap",
}

// results has how the result is shown, by call. All others return a plain number.
var results = map[string]string{
	"mmap": "resultAddress", "mmap2": "resultAddress", "old_mmap": "resultAddress", "brk": "resultAddress",
	"mremap": "resultAddress", "shmat": "resultAddress", "map_shadow_stack": "resultAddress",
	"umask": "resultOctal",
	"exit":  "resultNone", "exit_group": "resultNone",
}

// param is one argument register.
type param struct {
	name, ctype string
	kind        string // constant of package syscalls
	wide        bool   // the type is as wide as a register
}

type proto struct {
	name   string // of the kernel's entry, without sys_
	params []param
}

// headerPrototypes reads the asmlinkage declarations of syscalls.h. Calls that it declares more than once, depending on
// the configuration, are left out; they need an override.
func headerPrototypes(path string) (map[string]proto, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	protos, ambiguous := map[string]proto{}, map[string]bool{}
	for _, d := range declaration.FindAllString(stripComments(string(text)), -1) {
		if strings.Contains(d, "##") {
			continue // inside the macros that define calls
		}
		c := strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(d, "asmlinkage")), "long")
		c = strings.TrimPrefix(strings.TrimSpace(c), "sys_")
		p, err := parsePrototype(strings.TrimSuffix(c, ";"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if _, ok := protos[p.name]; ok {
			ambiguous[p.name] = true
		}
		protos[p.name] = p
	}
	if len(protos) < 400 {
		return nil, fmt.Errorf("%s: only %d prototypes found", path, len(protos))
	}
	for name := range ambiguous {
		delete(protos, name)
	}
	return protos, nil
}

// parsePrototype reads "name(type name, type)".
func parsePrototype(c string) (proto, error) {
	c = strings.NewReplacer("__user", " ", "__force", " ", "\n", " ").Replace(c)
	name, list, ok := strings.Cut(c, "(")
	if !ok || !strings.HasSuffix(strings.TrimSpace(list), ")") {
		return proto{}, fmt.Errorf("not a prototype: %s", c)
	}
	p := proto{name: strings.TrimSpace(name)}
	list = strings.TrimSpace(list)
	list = strings.TrimSpace(list[:len(list)-1])
	if list == "" || list == "void" {
		return p, nil
	}
	for i, decl := range strings.Split(list, ",") {
		decl = strings.TrimSpace(space.ReplaceAllString(decl, " "))
		at := strings.LastIndexAny(decl, " *")
		q := param{ctype: decl, name: fmt.Sprintf("arg%d", i)}
		if at >= 0 && !typeWords[decl[at+1:]] && decl[at+1:] != "" {
			q.ctype, q.name = decl[:at+1], decl[at+1:]
		}
		q.ctype = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(q.ctype, " *", "*"), "*", " *"))
		q.ctype = strings.ReplaceAll(q.ctype, "* *", "**")
		if strings.HasPrefix(q.ctype, "struct ") && !strings.Contains(q.ctype, "*") || q.ctype == "" {
			return proto{}, fmt.Errorf("parameter %q of %s", decl, p.name)
		}
		p.params = append(p.params, q)
	}
	return p, nil
}

var declaration = regexp.MustCompile(`(?s)asmlinkage\s+long\s+sys_\w+\s*\([^;]*\);`)

var space = regexp.MustCompile(`\s+`)

// lookup finds the prototype of a call: an override, or the declaration of its function in the headers.
func (g *generator) lookup(a abi, name string) (proto, bool) {
	if entry, ok := entries[a.name+":"+name]; ok {
		name = entry
	} else if entry, ok := entries[name]; ok {
		name = entry
	}
	for _, key := range []string{a.name + ":" + name, name} {
		if p, ok := g.overrides[key]; ok {
			g.used["override "+key] = true
			return p, true
		}
	}
	candidates := []string{name}
	if a.narrow {
		// In the tables of 32-bit ABIs the plain name is the function with narrow ids or times; the one with wide ones
		// has another name.
		candidates = []string{name + "16", name + "_time32", name + "32", name,
			strings.TrimSuffix(name, "_time64"), strings.TrimSuffix(name, "64"), strings.TrimSuffix(name, "32")}
	}
	for _, c := range candidates {
		if p, ok := g.protos[c]; ok {
			return p, true
		}
	}
	return proto{}, false
}

// registers returns the parameters of p in an ABI, one for each register.
func (g *generator) registers(p proto, a abi) []param {
	params := make([]param, 0, 6)
	for _, q := range p.params {
		q.kind = g.kind(p.name, q)
		q.wide = wideTypes[q.ctype] || strings.Contains(q.ctype, "*")
		if a.narrow && doubleTypes[q.ctype] {
			if a.pairs && len(params)%2 == 1 {
				params = append(params, param{name: "pad", ctype: "u32", kind: "kindHidden"})
			}
			params = append(params, param{name: q.name + "_lo", ctype: "u32", kind: "kindOffset"},
				param{name: q.name + "_hi", ctype: "u32", kind: "kindHidden"})
			continue
		}
		params = append(params, q)
	}
	if len(params) > 6 {
		panic("more than six arguments: " + p.name)
	}
	return params
}

// prototype renders p for an ABI and returns its index in rendered.
func (g *generator) prototype(p proto, a abi) int {
	params := g.registers(p, a)
	var b strings.Builder
	b.WriteString("{")
	if len(params) > 0 {
		b.WriteString("params: []Param{\n")
		for _, q := range params {
			fmt.Fprintf(&b, "{%q, %q, %s, %t},\n", q.name, q.ctype, q.kind, q.wide)
		}
		b.WriteString("}")
	}
	if f := shownArguments[p.name]; f != "" {
		fmt.Fprintf(&b, ", shown: %s", f)
	}
	if r := results[p.name]; r != "" {
		fmt.Fprintf(&b, ", result: %s", r)
	}
	if texts := g.namesOf(p.name, params).goTexts(); texts != "" {
		fmt.Fprintf(&b, ", texts: %s", texts)
	}
	b.WriteString("},\n")
	text := b.String()
	i, ok := g.index[text]
	if !ok {
		i = len(g.rendered)
		g.index[text] = i
		g.rendered = append(g.rendered, text)
		g.arities = append(g.arities, len(params))
	}
	return i
}

func unknownParams() []param {
	params := make([]param, 6)
	for i := range params {
		params[i] = param{name: fmt.Sprintf("arg%d", i), ctype: "unsigned long"}
	}
	return params
}
