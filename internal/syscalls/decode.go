// SPDX-License-Identifier: Apache-2.0

package syscalls

import (
	"math/bits"
	"strconv"
	"strings"
)

// kind says how an argument is shown. Kinds from firstSet on are sets of named constants, whose values may differ
// between architectures.
type kind uint8

const (
	kindInt        kind = iota // signed decimal
	kindUint                   // unsigned decimal: sizes, counts
	kindHex                    // hexadecimal, 0 as 0
	kindPointer                // hexadecimal, 0 as NULL
	kindFD                     // file descriptor
	kindDirFD                  // file descriptor or AT_FDCWD
	kindMode                   // permissions, octal
	kindID                     // user or group id; -1 means that it is not changed
	kindDevice                 // makedev(major, minor)
	kindOffset                 // 64 bits, in two registers where registers have 32
	kindHidden                 // not shown: padding, or the upper half of the argument before
	kindFcntlArg               // depends on the command, argument 1
	kindSockOption             // depends on the level, argument 1
	kindProtocol               // depends on the address family, argument 0
	kindFutexWait              // a timeout or a count, depending on the operation, argument 1
	firstSet
)

// set is a set of named constants: the bits of mask hold one of values, and every other bit is a flag. Values are
// sorted. A flag of several bits comes before the flags it is made of.
type set struct {
	mask      uint64
	values    []constant
	flags     []constant
	zero      string // shown for 0
	style     style  // how bits without a name are shown
	valueLast bool   // the value is shown after the flags
}

type constant struct {
	value uint64
	name  string
}

type style uint8

const (
	decimal style = iota
	hex
	octal
)

// result says how the return value of a call is shown.
type result uint8

const (
	resultNumber  result = iota
	resultAddress        // mmap and its like
	resultOctal          // umask
	resultNone           // the call does not return
)

type prototype struct {
	params []Param
	shown  func(args [6]int64) int // how many of the parameters the call reads; nil: all of them
	result result
	texts  [2]uint8 // the first and the second argument that is a text, from 1 on; 0: none
}

// appendArgs appends the arguments of a call, without the parentheses.
func (t *Table) appendArgs(dst []byte, p *prototype, args *[6]int64, texts *[2][]byte) []byte {
	params := p.params
	if p.shown != nil {
		params = params[:min(p.shown(*args), len(params))]
	}
	for i := range params {
		q := &params[i]
		if q.kind == kindHidden {
			continue
		}
		if i > 0 {
			dst = append(dst, ',', ' ')
		}
		if i+1 == int(p.texts[0]) && texts[0] != nil {
			dst = appendText(dst, q, texts[0])
			continue
		} else if i+1 == int(p.texts[1]) && texts[1] != nil {
			dst = appendText(dst, q, texts[1])
			continue
		}
		v := args[i]
		if q.wide && !t.narrow {
			dst = t.appendArg(dst, q.kind, v, uint64(v), i, args)
		} else {
			dst = t.appendArg(dst, q.kind, int64(int32(v)), uint64(uint32(v)), i, args)
		}
	}
	return dst
}

// appendText appends an argument that is a text in quotes, or the address of a socket as one.
func appendText(dst []byte, q *Param, quoted []byte) []byte {
	if strings.Contains(q.Type, "char") || q.Type == "const void *" {
		return append(dst, quoted...)
	}
	dst = append(dst, '{')
	dst = append(dst, quoted[1:len(quoted)-1]...)
	return append(dst, '}')
}

// appendArg appends argument i. s and u are its value as a signed and as an unsigned number of the parameter's width.
func (t *Table) appendArg(dst []byte, k kind, s int64, u uint64, i int, args *[6]int64) []byte {
	switch k {
	case kindInt:
		return strconv.AppendInt(dst, s, 10)
	case kindUint:
		return strconv.AppendUint(dst, u, 10)
	case kindHex:
		return appendHex(dst, u)
	case kindPointer:
		return appendPointer(dst, u)
	case kindFD:
		return strconv.AppendInt(dst, int64(int32(s)), 10)
	case kindDirFD:
		if int32(s) == atFDCWD {
			return append(dst, "AT_FDCWD"...)
		}
		return strconv.AppendInt(dst, int64(int32(s)), 10)
	case kindMode:
		return AppendOctal(dst, u&0xffff)
	case kindID:
		if int32(s) == -1 {
			return append(dst, "-1"...)
		}
		return strconv.AppendUint(dst, u, 10)
	case kindDevice:
		return appendDevice(dst, u)
	case kindOffset:
		v := args[i]
		if t.narrow && i+1 < len(args) {
			v = v&0xffffffff | args[i+1]<<32
		}
		return strconv.AppendInt(dst, v, 10)
	case kindFcntlArg:
		return t.appendFcntlArg(dst, uint32(args[1]), s, u)
	case kindSockOption:
		return t.appendSockOption(dst, int32(args[1]), s, u)
	case kindProtocol:
		if f := int32(args[0]); f == afInet || f == afInet6 {
			return t.appendSet(dst, setProtocol, u)
		}
		return strconv.AppendInt(dst, s, 10)
	case kindFutexWait:
		switch args[1] & futexCommand {
		case futexRequeue, futexCmpRequeue, futexWakeOp, futexCmpRequeuePI:
			return strconv.AppendUint(dst, uint64(uint32(u)), 10) // how many waiters to move or wake
		}
		return appendPointer(dst, u)
	}
	return t.appendSet(dst, k, u)
}

// appendDevice splits a device number as new_decode_dev of the kernel does.
func appendDevice(dst []byte, u uint64) []byte {
	dst = append(dst, "makedev("...)
	dst = strconv.AppendUint(dst, u>>8&0xfff, 10)
	dst = append(dst, ", "...)
	dst = strconv.AppendUint(dst, u&0xff|u>>12&0xfff00, 10)
	return append(dst, ')')
}

func (t *Table) appendSockOption(dst []byte, level int32, s int64, u uint64) []byte {
	switch level {
	case solSocket:
		return t.appendSet(dst, setSockOption, u)
	case ipprotoIP:
		return t.appendSet(dst, setIPOption, u)
	case ipprotoTCP:
		return t.appendSet(dst, setTCPOption, u)
	case ipprotoIPv6:
		return t.appendSet(dst, setIPv6Option, u)
	}
	return strconv.AppendInt(dst, s, 10)
}

// Constants on which the decoding of other arguments depends. They are the same on all architectures that this package
// knows.
const (
	atFDCWD     = -100
	afInet      = 2
	afInet6     = 10
	solSocket   = 1
	ipprotoIP   = 0
	ipprotoTCP  = 6
	ipprotoIPv6 = 41

	openCreate    = 0x40
	openTemporary = 0x400000

	futexCommand      = 0x7f
	futexWait         = 0
	futexWake         = 1
	futexRequeue      = 3
	futexCmpRequeue   = 4
	futexWakeOp       = 5
	futexLockPI       = 6
	futexUnlockPI     = 7
	futexTrylockPI    = 8
	futexWakeBitset   = 10
	futexCmpRequeuePI = 12

	fcntlDup        = 0
	fcntlGetFD      = 1
	fcntlSetFD      = 2
	fcntlGetFlags   = 3
	fcntlSetFlags   = 4
	fcntlSetOwner   = 8
	fcntlGetOwner   = 9
	fcntlSetSignal  = 10
	fcntlGetSignal  = 11
	fcntlSetLease   = 1024
	fcntlGetLease   = 1025
	fcntlDupQuery   = 1027
	fcntlDupCloExec = 1030
	fcntlSetPipe    = 1031
	fcntlGetPipe    = 1032
	fcntlAddSeals   = 1033
	fcntlGetSeals   = 1034

	mremapMoves = 2 | 4 // MREMAP_FIXED, MREMAP_DONTUNMAP
)

func (t *Table) appendFcntlArg(dst []byte, command uint32, s int64, u uint64) []byte {
	switch command {
	case fcntlSetFD:
		return t.appendSet(dst, setFD, u)
	case fcntlSetFlags:
		return t.appendSet(dst, setOpen, u)
	case fcntlDup, fcntlDupCloExec, fcntlDupQuery, fcntlSetOwner, fcntlSetPipe:
		return strconv.AppendInt(dst, int64(int32(s)), 10)
	case fcntlSetSignal:
		return t.appendSet(dst, setSignal, uint64(uint32(u)))
	case fcntlSetLease:
		return t.appendSet(dst, setLease, uint64(uint32(u)))
	case fcntlAddSeals:
		return t.appendSet(dst, setSeal, uint64(uint32(u)))
	}
	return appendHex(dst, u)
}

// The functions below are prototype.shown of the calls they are named after. Further registers hold leftovers.

func shownOpen(args [6]int64) int { return 2 + creates(args[1]) }

func shownOpenat(args [6]int64) int { return 3 + creates(args[2]) }

func shownMqOpen(args [6]int64) int { return 2 + 2*creates(args[1]) }

// creates is 1 if these flags of open may create a file, which takes its mode as a further argument, otherwise 0.
func creates(flags int64) int {
	if flags&(openCreate|openTemporary) != 0 {
		return 1
	}
	return 0
}

func shownFcntl(args [6]int64) int {
	switch args[1] {
	case fcntlGetFD, fcntlGetFlags, fcntlGetOwner, fcntlGetSignal, fcntlGetLease, fcntlGetPipe, fcntlGetSeals:
		return 2
	}
	return 3
}

func shownMremap(args [6]int64) int {
	if args[3]&mremapMoves == 0 {
		return 4
	}
	return 5
}

func shownFutex(args [6]int64) int {
	switch args[1] & futexCommand {
	case futexUnlockPI, futexTrylockPI:
		return 2
	case futexWake:
		return 3
	case futexWait, futexLockPI:
		return 4
	case futexRequeue:
		return 5
	}
	return 6
}

// appendSet appends v as names of the set k, separated by bars, and bits without a name as one number.
func (t *Table) appendSet(dst []byte, k kind, v uint64) []byte {
	s := t.sets[k-firstSet]
	if v == 0 && s.zero != "" {
		return append(dst, s.zero...)
	}
	start := len(dst)
	value, rest := v&s.mask, v&^s.mask
	name := ""
	if s.mask != 0 {
		name = s.lookup(value)
	}
	if name == "" {
		rest |= value // shown as a number
	}
	if name != "" && !s.valueLast {
		dst = append(dst, name...)
	}
	if rest != 0 {
		for i := range s.flags {
			f := &s.flags[i]
			if rest&f.value == f.value {
				dst = appendBar(dst, start)
				dst = append(dst, f.name...)
				if rest &^= f.value; rest == 0 {
					break
				}
			}
		}
	}
	if name != "" && s.valueLast {
		dst = append(appendBar(dst, start), name...)
	}
	if rest != 0 || len(dst) == start {
		dst = appendBar(dst, start)
		switch s.style {
		case hex:
			return appendHex(dst, rest)
		case octal:
			return AppendOctal(dst, rest)
		}
		if s.mask != ^uint64(0) {
			return strconv.AppendUint(dst, rest, 10)
		}
		return strconv.AppendInt(dst, int64(int32(rest)), 10)
	}
	return dst
}

// lookup returns the name of a value of the mask, "" if it has none.
func (s *set) lookup(v uint64) string {
	low, high := 0, len(s.values)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if s.values[mid].value < v {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(s.values) && s.values[low].value == v {
		return s.values[low].name
	}
	return ""
}

// appendBar appends a bar if anything was appended since dst had the length start.
func appendBar(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = append(dst, '|')
	}
	return dst
}

func appendPointer(dst []byte, v uint64) []byte {
	if v == 0 {
		return append(dst, "NULL"...)
	}
	return appendHex(dst, v)
}

const digits = "0123456789abcdef"

func appendHex(dst []byte, v uint64) []byte {
	if v == 0 {
		return append(dst, '0')
	}
	var b [18]byte
	i := len(b)
	for ; v != 0; v >>= 4 {
		i--
		b[i] = digits[v&15]
	}
	i--
	b[i] = 'x'
	i--
	b[i] = '0'
	return append(dst, b[i:]...)
}

// AppendOctal appends v with at least three digits and a leading zero: 000, 007, 0644.
func AppendOctal(dst []byte, v uint64) []byte {
	dst = append(dst, '0')
	for n := bits.Len64(v); n < 4; n += 3 { // two digits must follow
		dst = append(dst, '0')
	}
	if v == 0 {
		return dst
	}
	return strconv.AppendUint(dst, v, 8)
}
