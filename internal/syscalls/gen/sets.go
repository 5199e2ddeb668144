// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/bits"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// set is a set of named constants, see the type in package syscalls. A list of constants is words separated by spaces:
//
//	NAME              a constant of the headers
//	NAME=VALUE        one that the headers do not have, or not as an integer
//	PREFIX_*@FILE.h   all that match, in one header; without @FILE.h in all of them
//	enum:TAG          all of an enum
//	-NAME -PREFIX_*   leaves these out
//	none              nothing
//
// Of two names with one value the first is shown.
type set struct {
	name      string
	mask      string // bits that hold one of the values; "": none if there are flags, otherwise all
	value     string // list
	flags     string // list
	zero      string // shown for 0
	style     string // how bits without a name are shown: "" (decimal), hex, octal
	valueLast bool   // the value is shown after the flags
}

// sets writes the sets, each once for all ABIs in which it is the same, and then the list of each ABI.
func (g *generator) sets() error {
	g.printf("const (\n")
	for i, s := range sets {
		if i == 0 {
			g.printf("set%s kind = firstSet + iota\n", s.name)
		} else {
			g.printf("set%s\n", s.name)
		}
	}
	g.printf(")\n\n")
	envs := map[string]*constants{} // by ABI
	for _, a := range abis {
		env, err := g.constants(a)
		if err != nil {
			return err
		}
		envs[a.name] = env
	}
	lists := map[string][]string{} // ABI -> variables
	for _, s := range sets {
		versions := map[string]string{} // source -> variable
		for _, a := range abis {
			text, err := s.source(envs[a.name])
			if err != nil {
				return fmt.Errorf("set %s of %s: %w", s.name, a.name, err)
			}
			if versions[text] == "" {
				v := a.name + s.name
				versions[text] = v
				g.printf("var %s = set%s\n\n", v, text)
			}
			lists[a.name] = append(lists[a.name], versions[text])
		}
	}
	for _, a := range abis {
		g.printf("var %sSets = [...]*set{\n", a.name)
		for _, v := range lists[a.name] {
			g.printf("&%s,\n", v)
		}
		g.printf("}\n\n")
	}
	return nil
}

// constants reads the headers as one architecture has them.
func (g *generator) constants(a abi) (*constants, error) {
	c := newConstants()
	for _, h := range uapi {
		base := path.Base(h)
		files := []string{filepath.Join("include", h)}
		if strings.HasPrefix(h, "uapi/asm/") {
			files = []string{filepath.Join("arch", a.arch, "include", h),
				filepath.Join("include/uapi/asm-generic", base)}
		}
		found := false
		for _, f := range files {
			err := c.add(filepath.Join(g.headers, f), base)
			if err == nil {
				found = true
			} else if !os.IsNotExist(err) {
				return nil, err
			}
		}
		if !found && !strings.HasPrefix(h, "uapi/asm/") {
			return nil, fmt.Errorf("header %s is missing", h)
		}
	}
	return c, nil
}

// source renders the set as a Go composite literal without its type.
func (s set) source(env *constants) (string, error) {
	value, err := env.list(s.value)
	if err != nil {
		return "", err
	}
	flags, err := env.list(s.flags)
	if err != nil {
		return "", err
	}
	for i := range value { // an int may be negative; the decoder compares 32 bits
		value[i].value = uint64(uint32(value[i].value))
	}
	sort.SliceStable(value, func(i, j int) bool { return value[i].value < value[j].value })
	value = unique(value)
	flags = sortedFlags(flags)
	mask := s.mask
	if mask == "" && s.flags == "" {
		mask = "1<<64 - 1"
	}
	var b strings.Builder
	b.WriteString("{")
	if mask != "" {
		fmt.Fprintf(&b, "mask: %s,", mask)
	}
	write := func(field string, items []item) {
		if len(items) > 0 {
			fmt.Fprintf(&b, "%s: []constant{\n", field)
			for _, it := range items {
				fmt.Fprintf(&b, "{%#x, %q},\n", it.value, it.name)
			}
			b.WriteString("},")
		}
	}
	write("values", value)
	write("flags", flags)
	if s.zero != "" {
		fmt.Fprintf(&b, "zero: %q,", s.zero)
	}
	if s.style != "" {
		fmt.Fprintf(&b, "style: %s,", s.style)
	}
	if s.valueLast {
		b.WriteString("valueLast: true,")
	}
	b.WriteString("}")
	return b.String(), nil
}

// sortedFlags sorts flags by value, but a flag of several bits before the flags it is made of.
func sortedFlags(flags []item) []item {
	sort.SliceStable(flags, func(i, j int) bool { return flags[i].value < flags[j].value })
	flags = unique(flags)
	for i := 1; i < len(flags); i++ {
		f := flags[i]
		for j := range flags[:i] {
			part := flags[j].value
			if part&f.value == part && bits.OnesCount64(part) < bits.OnesCount64(f.value) {
				copy(flags[j+1:i+1], flags[j:i])
				flags[j] = f
				break
			}
		}
	}
	return flags
}

// unique keeps the first of the items with one value; items are sorted by value.
func unique(items []item) []item {
	out := items[:0]
	for _, it := range items {
		if len(out) == 0 || out[len(out)-1].value != it.value {
			out = append(out, it)
		}
	}
	return out
}
