// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// moduleDir returns where the module cache holds a module this one requires.
func moduleDir(module string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("finding module %s: %w", module, err)
	}
	return dir, nil
}

// sysVersion is the version in a module cache directory, golang.org/x/sys@VERSION.
func sysVersion(dir string) string {
	_, version, _ := strings.Cut(filepath.Base(dir), "@")
	return version
}

// headersVersion is the name of the headers package, linux-headers-VERSION-common.
func headersVersion(dir string) string { return filepath.Base(filepath.Clean(dir)) }

type number struct {
	name string
	nr   int
}

// sysNumbers reads the SYS_ constants of a file of package unix.
func sysNumbers(path string) ([]number, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	var numbers []number
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, spec := range gen.Specs {
			v := spec.(*ast.ValueSpec)
			name, ok := strings.CutPrefix(v.Names[0].Name, "SYS_")
			if !ok || name == "SYSCALL_MASK" || name == "ARCH_SPECIFIC_SYSCALL" { // bounds, not calls
				continue
			}
			nr, err := evaluate(v.Values[0], nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, name, err)
			}
			numbers = append(numbers, number{strings.ToLower(name), int(nr)})
		}
	}
	if len(numbers) < 250 {
		return nil, fmt.Errorf("%s: only %d numbers found", path, len(numbers))
	}
	return numbers, nil
}

var errorLine = regexp.MustCompile(`(?m)^\t\{(\d+), "E\w+", "(.*)"\},$`)

// errors writes the table of errors: names of the headers, texts of package
// unix, then those the kernel keeps to itself, which a tracer sees all the same.
func (g *generator) errors() error {
	source, err := os.ReadFile(filepath.Join(g.sys, "unix", "zerrors_linux_amd64.go"))
	if err != nil {
		return err
	}
	texts := map[int64]string{}
	for _, m := range errorLine.FindAllStringSubmatch(string(source), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return err
		}
		texts[n] = strings.ToUpper(m[2][:1]) + m[2][1:]
	}
	g.printf("// failures is indexed by error number.\nvar failures = [...]failure{\n")
	seen := map[int64]bool{}
	for _, h := range []string{"uapi/asm-generic/errno-base.h", "uapi/asm-generic/errno.h", "linux/errno.h"} {
		env := newConstants()
		if err := env.add(filepath.Join(g.headers, "include", h), h); err != nil {
			return err
		}
		for _, name := range env.order {
			if !strings.HasPrefix(name, "E") || !wordOnly.MatchString(env.expr[name]) {
				continue
			}
			v, err := strconv.ParseInt(env.expr[name], 10, 64)
			if err != nil || seen[v] { // an alias
				continue
			}
			seen[v] = true
			text := texts[v]
			if own, ok := kernelErrors[name]; ok {
				text = own
			}
			if text == "" {
				return fmt.Errorf("error %s (%d) has no text", name, v)
			}
			g.printf("%d: {%q, %q},\n", v, name, text)
		}
	}
	if len(seen) < 150 {
		return fmt.Errorf("only %d errors found", len(seen))
	}
	g.printf("}\n")
	return nil
}

// constants are the names some headers define, in order, each once: the
// first definition wins, as it does under the #ifndef of generic headers.
type constants struct {
	order  []string
	expr   map[string]string
	header map[string]string // of each name
	enums  map[string][]string
}

var (
	comment  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	line     = regexp.MustCompile(`//[^\n]*`)
	define   = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(\S[^\n]*)$`)
	enum     = regexp.MustCompile(`(?s)\benum\s*(\w*)\s*\{([^}]*)\}`)
	suffix   = regexp.MustCompile(`\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]+\b`)
	bit      = regexp.MustCompile(`_BITUL?L?\(([^()]*)\)`)
	wordOnly = regexp.MustCompile(`^\w+$`)
)

func stripComments(text string) string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	return line.ReplaceAllString(comment.ReplaceAllString(text, " "), "")
}

func newConstants() *constants {
	return &constants{expr: map[string]string{}, header: map[string]string{}, enums: map[string][]string{}}
}

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
			name, expr, set := strings.Cut(item, "=")
			name = strings.TrimSpace(name)
			if !wordOnly.MatchString(name) {
				continue
			}
			if set {
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

// value evaluates a name's definition.
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

// evaluate computes an integer expression that C and Go write alike.
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
