// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Error is what is wrong with an expression, and where.
type Error struct {
	Column  int // of the character, from 1; of all lines counted through
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

func fail(at ast.Node, format string, args ...any) error {
	return &Error{at.Location().From + 1, fmt.Sprintf(format, args...)}
}

// lower makes the parser's messages ours: no capital, one line.
func lower(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if message == "" {
		return "not an expression"
	}
	return strings.ToLower(message[:1]) + message[1:]
}

// quoted shows a name of the expression; it may hold anything.
func quoted(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
}
