// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"time"

	"github.com/expr-lang/expr/ast"
)

// value is a literal.
type value struct {
	at    ast.Node
	kind  kinds // number or text
	exact bool  // the number is i, else f
	i     int64
	f     float64
	s     string
}

// literal returns the value of a literal, and false if n is not one.
func literal(n ast.Node) (value, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return value{at: n, kind: number, exact: true, i: int64(n.Value)}, true
	case *ast.FloatNode:
		return value{at: n, kind: number, f: n.Value}, true
	case *ast.StringNode:
		return value{at: n, kind: text, s: n.Value}, true
	case *ast.UnaryNode:
		v, ok := value{}, false
		if n.Operator == "-" || n.Operator == "+" {
			if _, nested := n.Node.(*ast.UnaryNode); !nested {
				v, ok = literal(n.Node)
			}
		}
		if !ok || v.kind != number {
			return value{}, false
		}
		if n.Operator == "-" {
			v.i, v.f = -v.i, -v.f
		}
		v.at = n
		return v, true
	}
	return value{}, false
}

// fit converts a literal to the kind of the columns of a name.
func (c *compiler) fit(name *ast.IdentifierNode, k kinds, v value) (value, error) {
	switch {
	case v.kind&k != 0:
		return v, nil
	case v.kind == text && k&moment != 0:
		ns, ok := parseTime(v.s)
		if !ok {
			return v, fail(v.at, "%s is no time: write \"2026-01-02T03:04:05Z\"", quoted(v.s))
		}
		return value{at: v.at, kind: number, exact: true, i: ns}, nil
	case v.kind == text && k&duration != 0:
		d, err := time.ParseDuration(v.s)
		if err != nil {
			return v, fail(v.at, "%s is no duration: write \"10ms\"", quoted(v.s))
		}
		return value{at: v.at, kind: number, exact: true, i: int64(d)}, nil
	case k&list != 0 && v.kind == text:
		return v, fail(v.at, "%s is a list of texts: use %s in %s, or contains", name.Value, quoted(v.s), name.Value)
	case v.kind == text:
		return v, fail(v.at, "%s is %s, not a text", name.Value, k)
	}
	return v, fail(v.at, "%s is %s, not a number", name.Value, k)
}

// layouts are the accepted formats of times. What they leave out is zero, and the time zone is UTC.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly,
}

func parseTime(s string) (ns int64, ok bool) {
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		// Outside these years ns since the Unix epoch do not fit into 64 bits.
		if y := t.Year(); y < 1678 || y > 2261 {
			return 0, false
		}
		return t.UnixNano(), true
	}
	return 0, false
}
