// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// Error is an error in an expression.
type Error struct {
	Column  int // number of the character from 1, counted over all lines
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

func fail(at ast.Node, format string, args ...any) error {
	return &Error{at.Location().From + 1, fmt.Sprintf(format, args...)}
}

// lower turns a message of the parser into one like ours: one line, no capital.
func lower(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if message == "" {
		return "not an expression"
	}
	return strings.ToLower(message[:1]) + message[1:]
}

// quoted quotes a name or text of the expression for a message, shortened if it is long.
func quoted(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "\uFFFD"))
}
