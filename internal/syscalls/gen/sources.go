// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// moduleDir returns the directory of a required module in the module cache.
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

// errors writes the table of errors, with names from the headers and texts from package unix. It includes those that
// the kernel does not return to user space, because a tracer sees them.
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
	g.printf("// errnos is indexed by error number.\nvar errnos = [...]errno{\n")
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

// kernelErrors are the texts of errors that are not in user-space headers.
var kernelErrors = map[string]string{
	"ERESTARTSYS":           "To be restarted if SA_RESTART is set",
	"ERESTARTNOINTR":        "To be restarted",
	"ERESTARTNOHAND":        "To be restarted if no handler",
	"ENOIOCTLCMD":           "No ioctl command",
	"ERESTART_RESTARTBLOCK": "Interrupted by signal",
	"EPROBE_DEFER":          "Driver requests probe retry",
	"EOPENSTALE":            "Open found a stale dentry",
	"ENOPARAM":              "Parameter not supported",
	"EBADHANDLE":            "Illegal NFS file handle",
	"ENOTSYNC":              "Update synchronization mismatch",
	"EBADCOOKIE":            "Cookie is stale",
	"ENOTSUPP":              "Operation is not supported",
	"ETOOSMALL":             "Buffer or request is too small",
	"ESERVERFAULT":          "An untranslatable error occurred",
	"EBADTYPE":              "Type not supported by server",
	"EJUKEBOX":              "Request initiated, but will not complete before timeout",
	"EIOCBQUEUED":           "Iocb queued, will get completion event",
	"ERECALLCONFLICT":       "Conflict with recalled state",
	"ENOGRACE":              "NFS file lock reclaim refused",
}
