// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	comment  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	line     = regexp.MustCompile(`//[^\n]*`)
	define   = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S[^\n]*)$`)
	enum     = regexp.MustCompile(`(?s)\benum\s*(\w*)\s*\{([^}]*)\}`)
	suffix   = regexp.MustCompile(`\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]+\b`)
	bit      = regexp.MustCompile(`_BITUL?L?\(([^()]*)\)`)
	wordOnly = regexp.MustCompile(`^\w+$`)
)

// constants are the constants that some headers define. Of two definitions of a name the first one counts, as it does
// with the #ifndef of generic headers.
type constants struct {
	order  []string            // names, as they are defined
	expr   map[string]string   // definition of each name, in C
	header map[string]string   // header of each name, without its directory
	enums  map[string][]string // names of each enum, by its tag
}

func stripComments(text string) string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	return line.ReplaceAllString(comment.ReplaceAllString(text, " "), "")
}

func newConstants() *constants {
	return &constants{expr: map[string]string{}, header: map[string]string{}, enums: map[string][]string{}}
}

// add reads the definitions of a header.
func (c *constants) add(path, header string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := stripComments(string(data))
	put := func(name, expr string) {
		if _, ok := c.expr[name]; ok || expr == name {
			return
		}
		c.order = append(c.order, name)
		c.expr[name], c.header[name] = expr, header
	}
	for _, m := range enum.FindAllStringSubmatch(text, -1) {
		last, offset := "", 0
		for _, item := range strings.Split(define.ReplaceAllString(m[2], ""), ",") {
			name, expr, explicit := strings.Cut(item, "=")
			name = strings.TrimSpace(name)
			if !wordOnly.MatchString(name) {
				continue
			}
			if explicit {
				last, offset = name, 0
				put(name, strings.TrimSpace(expr))
			} else if last == "" {
				put(name, fmt.Sprint(offset))
			} else {
				put(name, fmt.Sprintf("%s + %d", last, offset))
			}
			offset++
			c.enums[m[1]] = append(c.enums[m[1]], name)
		}
	}
	for _, m := range define.FindAllStringSubmatch(text, -1) {
		put(m[1], strings.TrimSpace(m[2]))
	}
	return nil
}

// value evaluates the definition of a name.
func (c *constants) value(name string) (int64, error) { return c.eval(name, 0) }

func (c *constants) eval(name string, depth int) (int64, error) {
	text, ok := c.expr[name]
	if !ok {
		return 0, fmt.Errorf("constant %s is defined nowhere", name)
	}
	if depth > 20 {
		return 0, fmt.Errorf("constant %s is defined by itself", name)
	}
	text = bit.ReplaceAllString(suffix.ReplaceAllString(text, "$1"), "(1<<($1))")
	e, err := parser.ParseExpr(text)
	if err != nil {
		return 0, fmt.Errorf("constant %s: %s: %w", name, text, err)
	}
	v, err := evaluate(e, func(id string) (int64, error) { return c.eval(id, depth+1) })
	if err != nil {
		return 0, fmt.Errorf("constant %s: %w", name, err)
	}
	return v, nil
}

// evaluate computes an integer expression that is the same in C and in Go.
func evaluate(e ast.Expr, lookup func(string) (int64, error)) (int64, error) {
	v, err := fold(e, lookup)
	if err != nil {
		return 0, err
	}
	n, exact := constant.Int64Val(v)
	if !exact {
		return 0, fmt.Errorf("%s does not fit 64 bits", v)
	}
	return n, nil
}

func fold(e ast.Expr, lookup func(string) (int64, error)) (constant.Value, error) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return fold(e.X, lookup)
	case *ast.BasicLit:
		if v := constant.MakeFromLiteral(e.Value, e.Kind, 0); e.Kind == token.INT && v.Kind() == constant.Int {
			return v, nil
		}
	case *ast.Ident:
		if lookup != nil {
			v, err := lookup(e.Name)
			return constant.MakeInt64(v), err
		}
	case *ast.UnaryExpr:
		x, err := fold(e.X, lookup)
		if err != nil {
			return nil, err
		}
		if e.Op == token.SUB || e.Op == token.ADD || e.Op == token.XOR {
			return constant.UnaryOp(e.Op, x, 0), nil
		}
	case *ast.BinaryExpr:
		x, err := fold(e.X, lookup)
		if err != nil {
			return nil, err
		}
		y, err := fold(e.Y, lookup)
		if err != nil {
			return nil, err
		}
		switch e.Op {
		case token.SHL:
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n)), nil
		case token.OR, token.AND, token.ADD, token.SUB, token.MUL:
			return constant.BinaryOp(x, e.Op, y), nil
		}
	}
	return nil, fmt.Errorf("unsupported expression %T", e)
}

// item is a constant of a set: its name and its value.
type item struct {
	value uint64
	name  string
}

// list evaluates a list of constants, as set describes it.
func (c *constants) list(words string) ([]item, error) {
	var items []item
	fields := strings.Fields(words)
	for _, word := range fields {
		if word == "none" || strings.HasPrefix(word, "-") {
			continue
		}
		if name, text, ok := strings.Cut(word, "="); ok {
			var v uint64
			if _, err := fmt.Sscan(text, &v); err != nil {
				return nil, fmt.Errorf("%s: %w", word, err)
			}
			items = append(items, item{v, name})
			continue
		}
		names, err := c.expand(word)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if excluded(fields, name) {
				continue
			}
			v, err := c.value(name)
			if err != nil {
				return nil, err
			}
			items = append(items, item{uint64(v), name})
		}
	}
	return items, nil
}

// excluded reports whether a word of a list, -NAME or -PREFIX_*, leaves out name.
func excluded(fields []string, name string) bool {
	return slices.ContainsFunc(fields, func(word string) bool {
		pattern, ok := strings.CutPrefix(word, "-")
		match, _ := path.Match(pattern, name)
		return ok && match
	})
}

// expand returns the names of constants that a word of a list stands for, in the order of the headers.
func (c *constants) expand(word string) (names []string, err error) {
	if tag, ok := strings.CutPrefix(word, "enum:"); ok {
		if len(c.enums[tag]) == 0 {
			return nil, fmt.Errorf("%s is not defined", word)
		}
		return c.enums[tag], nil
	}
	if !strings.Contains(word, "*") {
		if c.expr[word] == "" && archOnly[word] {
			return nil, nil
		}
		return []string{word}, nil
	}
	pattern, header, _ := strings.Cut(word, "@")
	for _, name := range c.order {
		if ok, _ := path.Match(pattern, name); !ok || header != "" && c.header[name] != header {
			continue
		}
		if _, err := c.value(name); err == nil { // not a macro that is no integer, such as _IOR(...)
			names = append(names, name)
		}
	}
	if len(names) == 0 && !archOnly[word] {
		return nil, fmt.Errorf("%s matches nothing", word)
	}
	return names, nil
}
