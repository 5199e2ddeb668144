// SPDX-License-Identifier: Apache-2.0

// Package syscalls formats Linux system calls: their names, arguments and results, for every architecture that a
// capture may come from. The tables are generated; nothing is taken from the machine it runs on.
//
// A call is identified by one int32: the number in the native ABI; with bit 29 set, the number in the 32-bit compat ABI
// (i386 under x86_64, the arm EABI under aarch64); with bit 30 set, as in the kernel, an x32 call. Names of calls
// outside the native ABI have a prefix: "i386:open", "arm:open", "x32:read".
package syscalls

//go:generate go run ./gen -o tables.go -c ../../bpf/numbers.h

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrArch means an architecture that this package has no tables for.
var ErrArch = errors.New("unknown architecture")

// Bits of a call's number that select its ABI.
const (
	compatBit = 0x20000000
	x32Bit    = 0x40000000
)

// Table has the calls of one architecture, including its compat ABIs; the zero Table has none. It is immutable, so safe
// for concurrent use.
type Table struct {
	calls   []call           // by number; unknown ones have no name
	private []call           // by number minus armPrivateBase; only arm has them
	sets    []*set           // by kind minus firstSet
	narrow  bool             // registers have 32 bits
	prefix  string           // of the names of all calls of this ABI
	bit     int32            // set in the numbers of all calls of this ABI
	numbers map[string]int32 // by name, of all ABIs; only in the table of the native ABI

	compat, x32 *Table // nil: the architecture has none
}

type call struct {
	name      string
	prototype uint16 // index into prototypes
}

// Param is one parameter of a call: one register.
type Param struct {
	Name, Type string // Type as in C
	kind       kind
	wide       bool // the type is as wide as a register
}

// ForArch returns the table of an architecture, which is named as by uname -m. The error is ErrArch.
func ForArch(arch string) (*Table, error) {
	var t *Table
	switch arch {
	case "x86_64":
		t = newTable(amd64Calls[:], amd64Sets[:], "", 0)
		t.compat = newTable(i386Calls[:], i386Sets[:], "i386:", compatBit)
		t.compat.narrow = true
		t.x32 = newTable(x32Calls(), amd64Sets[:], "x32:", x32Bit)
	case "aarch64":
		t = newTable(arm64Calls[:], arm64Sets[:], "", 0)
		t.compat = newArm("arm:", compatBit)
	case "i386", "i486", "i586", "i686":
		t = newTable(i386Calls[:], i386Sets[:], "", 0)
		t.narrow = true
	default:
		if !strings.HasPrefix(arch, "armv") && arch != "arm" {
			return nil, fmt.Errorf("%w %q", ErrArch, arch)
		}
		t = newArm("", 0)
	}
	t.numbers = map[string]int32{}
	for _, abi := range []*Table{t.compat, t.x32, t} {
		if abi == nil {
			continue
		}
		for nr, c := range abi.calls {
			t.numbers[c.name] = int32(nr) | abi.bit
		}
		for i, c := range abi.private {
			t.numbers[c.name] = int32(armPrivateBase+i) | abi.bit
		}
	}
	delete(t.numbers, "")
	return t, nil
}

func newTable(calls []call, sets []*set, prefix string, bit int32) *Table {
	return &Table{calls: prefixed(calls, prefix), sets: sets, prefix: prefix, bit: bit}
}

func newArm(prefix string, bit int32) *Table {
	t := newTable(armCalls[:], armSets[:], prefix, bit)
	t.narrow = true
	t.private = prefixed(armPrivateCalls[:], prefix)
	return t
}

func prefixed(calls []call, prefix string) []call {
	if prefix == "" {
		return calls
	}
	named := make([]call, len(calls))
	for i, c := range calls {
		if c.name != "" {
			named[i] = call{prefix + c.name, c.prototype}
		}
	}
	return named
}

// x32Calls are the native calls, and from 512 on those with a number of their own because their structs contain
// pointers.
func x32Calls() []call {
	byName := map[string]call{}
	for _, c := range amd64Calls {
		byName[c.name] = c
	}
	calls := make([]call, 512, 512+len(x32Only))
	copy(calls, amd64Calls[:])
	for _, name := range x32Only {
		calls = append(calls, byName[name])
		for nr := range calls[:512] {
			if calls[nr].name == name {
				calls[nr] = call{} // x32 has no call of this number
			}
		}
	}
	return calls
}

// find returns the table of the ABI that nr is of, and the call in it, nil if it is unknown.
func (t *Table) find(nr int32) (*Table, *call) {
	if nr >= 0 {
		switch nr & (compatBit | x32Bit) {
		case compatBit:
			if t.compat != nil {
				t = t.compat
			}
		case x32Bit:
			if t.x32 != nil {
				t = t.x32
			}
		}
		nr &^= t.bit
	}
	if uint32(nr) < uint32(len(t.calls)) && t.calls[nr].name != "" {
		return t, &t.calls[nr]
	}
	if i := nr - armPrivateBase; uint32(i) < uint32(len(t.private)) && t.private[i].name != "" {
		return t, &t.private[i]
	}
	return t, nil
}

func (t *Table) prototype(nr int32) *prototype {
	if _, c := t.find(nr); c != nil {
		return &prototypes[c.prototype]
	}
	return &prototypes[0]
}

// Name returns the name of call nr: "openat", "i386:open", "nr_1234" if it is unknown.
func (t *Table) Name(nr int32) string {
	abi, c := t.find(nr)
	if c != nil {
		return c.name
	}
	return abi.prefix + "nr_" + strconv.Itoa(int(nr&^abi.bit))
}

// Number is the inverse of Name.
func (t *Table) Number(name string) (int32, bool) {
	if nr, ok := t.numbers[name]; ok {
		return nr, true
	}
	for _, abi := range []*Table{t, t.compat, t.x32} {
		if abi == nil {
			continue
		}
		if text, ok := strings.CutPrefix(name, abi.prefix+"nr_"); ok {
			nr, err := strconv.ParseInt(text, 10, 32)
			if n := int32(nr) | abi.bit; err == nil && t.Name(n) == name {
				return n, true
			}
		}
	}
	return 0, false
}

// Arity returns how many arguments call nr takes, 6 if it is unknown.
func (t *Table) Arity(nr int32) int { return len(t.prototype(nr).params) }

// Params returns the parameters of call nr, one for each register that it reads. They are shared: do not change them.
func (t *Table) Params(nr int32) []Param { return t.prototype(nr).params }

// AppendCall appends call nr and its arguments as text:
//
//	openat(AT_FDCWD, 0x7ffd3a2c10, O_RDONLY|O_CLOEXEC)
//
// It does not allocate while dst has room.
func (t *Table) AppendCall(dst []byte, nr int32, args [6]int64) []byte {
	return t.AppendCallTexts(dst, nr, args, [2][]byte{})
}

// AppendCallTexts is AppendCall with the first and the second text of the call in the place of their addresses. They
// are in quotes and printable; nil: it is not known. Addresses of sockets are put in braces:
//
//	openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)
//	connect(3, {10.0.0.1:443}, 16)
func (t *Table) AppendCallTexts(dst []byte, nr int32, args [6]int64, texts [2][]byte) []byte {
	abi, c := t.find(nr)
	p := &prototypes[0]
	if c != nil {
		p = &prototypes[c.prototype]
		dst = append(dst, c.name...)
	} else {
		dst = append(dst, abi.prefix...)
		dst = append(dst, "nr_"...)
		dst = strconv.AppendInt(dst, int64(nr&^abi.bit), 10)
	}
	dst = append(dst, '(')
	dst = abi.appendArgs(dst, p, &args, &texts)
	return append(dst, ')')
}

// AppendRet appends the result of call nr as text:
//
//	= 3
//	= -1 ENOENT (No such file or directory)
//	= 0x7f1234560000
//	= ? ERESTARTSYS (To be restarted if SA_RESTART is set)
func (t *Table) AppendRet(dst []byte, nr int32, ret int64) []byte {
	abi, c := t.find(nr)
	if abi.narrow {
		ret = int64(int32(ret))
	}
	if ret < 0 && ret >= -maxErrno {
		return AppendResult(dst, ret)
	}
	dst = append(dst, "= "...)
	r := resultNumber
	if c != nil {
		r = prototypes[c.prototype].result
	}
	switch r {
	case resultAddress:
		if abi.narrow {
			ret = int64(uint32(ret))
		}
		return appendHex(dst, uint64(ret))
	case resultOctal:
		return AppendOctal(dst, uint64(ret))
	case resultNone:
		if ret == 0 {
			return append(dst, '?')
		}
	}
	return strconv.AppendInt(dst, ret, 10)
}

// AppendResult appends a result of the kernel that is a number or an error, as AppendRet does.
func AppendResult(dst []byte, ret int64) []byte {
	if e := errnoOf(ret); e != nil {
		if restarts(ret) {
			dst = append(dst, "= ? "...)
		} else {
			dst = append(dst, "= -1 "...)
		}
		dst = append(dst, e.name...)
		dst = append(dst, " ("...)
		dst = append(dst, e.text...)
		return append(dst, ')')
	}
	if ret < 0 && ret >= -maxErrno {
		dst = append(dst, "= -1 (errno "...)
		dst = strconv.AppendInt(dst, -ret, 10)
		return append(dst, ')')
	}
	return strconv.AppendInt(append(dst, "= "...), ret, 10)
}

// maxErrno is MAX_ERRNO of the kernel: results from -4095 to -1 are errors.
const maxErrno = 4095

// Failed reports whether a result is an error.
func Failed(ret int64) bool { return uint64(ret) > ^uint64(maxErrno) }

// errno is an error that a call may return: "ENOENT", "No such file or directory".
type errno struct{ name, text string }

// errnoOf returns the error that a result stands for, nil if it is not an error or one without a name.
func errnoOf(ret int64) *errno {
	if ret < 0 && ret > -int64(len(errnos)) {
		if e := &errnos[-ret]; e.name != "" {
			return e
		}
	}
	return nil
}

// restarts reports whether the kernel does not return this result to the caller, but restarts the call or returns
// EINTR.
func restarts(ret int64) bool {
	switch ret {
	case -512, -513, -514, -516: // ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK
		return true
	}
	return false
}

// Errno returns the name of the error that a result stands for, "" if it is not an error or one without a name.
func Errno(ret int64) string {
	if e := errnoOf(ret); e != nil {
		return e.name
	}
	return ""
}
