// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

type compiler struct {
	kinds map[string]kinds
	uses  []use // of names, in the order in which they were compiled
}

func (c *compiler) compile(src string) (root *node, err error) {
	if len(src) > maxSource {
		return nil, &Error{maxSource + 1, fmt.Sprintf("expression longer than %d bytes", maxSource)}
	}
	if strings.TrimSpace(src) == "" {
		return nil, &Error{1, "empty expression"}
	}
	tree, err := parser.Parse(src)
	if err != nil {
		var at *file.Error
		if errors.As(err, &at) {
			return nil, &Error{at.From + 1, lower(at.Message)}
		}
		return nil, &Error{1, lower(err.Error())}
	}
	return c.boolean(tree.Node, false, 0)
}

// boolean compiles a condition, or its negation if not is set.
func (c *compiler) boolean(n ast.Node, not bool, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fail(n, "nested more than %d deep", maxDepth)
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return &node{op: opConst, value: n.Value != not}, nil
	case *ast.UnaryNode:
		if b := negated(n); b != nil {
			out, err := c.boolean(b, not, depth+1)
			if err == nil {
				out.leaf.not = !out.leaf.not
			}
			return out, err
		}
		if n.Operator == "!" || n.Operator == "not" {
			inner := n.Node
			for not = !not; ; not = !not { // skip repeated negations, however many, without recursion
				u, ok := inner.(*ast.UnaryNode)
				if !ok || u.Operator != "!" && u.Operator != "not" || negated(u) != nil {
					break
				}
				inner = u.Node
			}
			return c.boolean(inner, not, depth+1)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and", "||", "or":
			return c.chain(n, not, depth)
		case "==", "!=", "<", "<=", ">", ">=":
			l, err := c.compare(n)
			return &node{op: opLeaf, leaf: l, not: not}, err
		case "in":
			l, err := c.in(n)
			return &node{op: opLeaf, leaf: l, not: not}, err
		case "matches", "contains", "startsWith", "endsWith":
			l, err := c.search(n)
			return &node{op: opLeaf, leaf: l, not: not}, err
		}
	case *ast.IdentifierNode:
		if _, err := c.kind(n); err != nil {
			return nil, err
		}
		return nil, fail(n, "%s alone is no condition: compare it with something", n.Value)
	}
	return nil, c.unsupported(n)
}

// negated returns the comparison `x in y` if n is `x not in y`, else nil. The parser turns the latter into a negation,
// which differs from not (x in y) in that both nodes have the same location.
func negated(n *ast.UnaryNode) *ast.BinaryNode {
	if b, ok := n.Node.(*ast.BinaryNode); ok && n.Operator == "not" && b.Location() == n.Location() {
		return b
	}
	return nil
}

// chain compiles a && b && c, or a || b || c, into one node. The parser nests such chains to the left, as deep as they
// are long, so this does not recurse into the left side.
func (c *compiler) chain(n *ast.BinaryNode, not bool, depth int) (*node, error) {
	and := n.Operator == "&&" || n.Operator == "and"
	var parts []ast.Node
	var at ast.Node = n
	for {
		b, ok := at.(*ast.BinaryNode)
		if !ok || and != (b.Operator == "&&" || b.Operator == "and") ||
			!and && b.Operator != "||" && b.Operator != "or" {
			break
		}
		parts = append(parts, b.Right)
		at = b.Left
	}
	parts = append(parts, at)
	out := &node{op: opOr}
	if and != not {
		out.op = opAnd
	}
	for i := len(parts) - 1; i >= 0; i-- {
		child, err := c.boolean(parts[i], not, depth+1)
		if err != nil {
			return nil, err
		}
		if child.op == out.op {
			out.children = append(out.children, child.children...)
		} else {
			out.children = append(out.children, child)
		}
	}
	return out, nil
}

// kind returns the kinds of a name. The error for an unknown name has suggestions.
func (c *compiler) kind(n *ast.IdentifierNode) (kinds, error) {
	if k, ok := c.kinds[n.Value]; ok {
		c.uses = append(c.uses, use{n.Value, n.Location().From + 1})
		return k, nil
	}
	message := "unknown name " + quoted(n.Value)
	if names := suggestions(n.Value, c.kinds); len(names) > 0 {
		message += " (did you mean " + strings.Join(names, " or ") + "?)"
	}
	return 0, fail(n, "%s", message)
}

// mirrored has the operators for swapped operands.
var mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func (c *compiler) compare(n *ast.BinaryNode) (*leaf, error) {
	left, right, op := n.Left, n.Right, n.Operator
	if _, ok := literal(left); ok {
		left, right, op = right, left, mirrored[op]
	}
	name, ok := left.(*ast.IdentifierNode)
	if !ok {
		if _, ok := literal(left); ok {
			return nil, fail(n, "two values are compared: one side must be a name")
		}
		return nil, c.unsupported(left)
	}
	k, err := c.kind(name)
	if err != nil {
		return nil, err
	}
	l := &leaf{name: name.Value}
	if other, ok := right.(*ast.IdentifierNode); ok {
		l.pair, err = c.pair(n, name, other, op)
		return l, err
	}
	v, ok := literal(right)
	if !ok {
		return nil, c.unsupported(right)
	}
	v, err = c.fit(name, k, v)
	if err != nil {
		return nil, err
	}
	if v.kind == text {
		if op != "==" && op != "!=" {
			return nil, fail(n, "texts have no order: %s %s a text", name.Value, op)
		}
		l.texts = &texts{op: textIs, words: [][]byte{[]byte(v.s)}}
		l.not = op == "!="
		return l, nil
	}
	if op == "!=" {
		op, l.not = "==", true
	}
	l.numbers = compareNumber(op, v)
	if k&duration != 0 && l.numbers.lo == math.MinInt64 && l.numbers.hi >= 0 {
		l.numbers.lo = 0 // -1 is unknown, and not less than anything
	}
	return l, nil
}

// pair compiles tid == pid.
func (c *compiler) pair(n *ast.BinaryNode, name, other *ast.IdentifierNode, op string) (*pair, error) {
	k, err := c.kind(name)
	if err != nil {
		return nil, err
	}
	ko, err := c.kind(other)
	if err != nil {
		return nil, err
	}
	p := &pair{other: other.Value, op: op, kinds: k & ko & (number | text)}
	ordered := op[0] == '<' || op[0] == '>'
	switch {
	case p.kinds == 0:
		return nil, fail(n, "%s and %s cannot be compared: %s is %s, %s is %s", name.Value, other.Value, name.Value, k,
			other.Value, ko)
	case ordered && p.kinds&number == 0:
		return nil, fail(n, "texts have no order: %s %s %s", name.Value, op, other.Value)
	case ordered:
		p.kinds = number
	case mirrored[op] == "" && p.kinds&text == 0:
		return nil, fail(n, "%s is for texts: %s is %s", op, name.Value, k)
	case mirrored[op] == "":
		p.kinds = text
	}
	return p, nil
}

func (c *compiler) in(n *ast.BinaryNode) (*leaf, error) {
	if v, ok := literal(n.Left); ok {
		return c.inList(n, v)
	}
	name, ok := n.Left.(*ast.IdentifierNode)
	if !ok {
		return nil, c.unsupported(n.Left)
	}
	k, err := c.kind(name)
	if err != nil {
		return nil, err
	}
	switch right := n.Right.(type) {
	case *ast.BinaryNode:
		if right.Operator == ".." {
			return c.inRange(name, k, right)
		}
	case *ast.ArrayNode:
		return c.inArray(name, k, right)
	}
	return nil, fail(n.Right, "in wants a list: %s in [...]", name.Value)
}

// inList compiles "text" in args.
func (c *compiler) inList(n *ast.BinaryNode, v value) (*leaf, error) {
	name, ok := n.Right.(*ast.IdentifierNode)
	if !ok {
		return nil, fail(n, "two values are compared: one side must be a name")
	}
	k, err := c.kind(name)
	if err != nil {
		return nil, err
	}
	if k&list == 0 {
		return nil, fail(name, "%s is %s, not a list of texts", name.Value, k)
	}
	if v.kind != text {
		return nil, fail(v.at, "%s is %s: its elements are texts", name.Value, k)
	}
	return &leaf{name: name.Value, member: true, texts: &texts{op: textIs, words: [][]byte{[]byte(v.s)}}}, nil
}

// inRange compiles pid in 1..9.
func (c *compiler) inRange(name *ast.IdentifierNode, k kinds, span *ast.BinaryNode) (*leaf, error) {
	from, okFrom := literal(span.Left)
	to, okTo := literal(span.Right)
	if !okFrom || !okTo || !from.exact || !to.exact {
		return nil, fail(span, "a range has an integer on either side of ..")
	}
	from, err := c.fit(name, k, from)
	if err != nil {
		return nil, err
	}
	return &leaf{name: name.Value, numbers: &numbers{lo: from.i, hi: to.i}}, nil
}

// inArray compiles op in ["exec", "exit"].
func (c *compiler) inArray(name *ast.IdentifierNode, k kinds, array *ast.ArrayNode) (*leaf, error) {
	l := &leaf{name: name.Value}
	var words [][]byte
	var values []int64
	for _, e := range array.Nodes {
		v, ok := literal(e)
		if !ok {
			return nil, fail(e, "a list has numbers or texts")
		}
		v, err := c.fit(name, k, v)
		if err != nil {
			return nil, err
		}
		if v.kind == text {
			words = append(words, []byte(v.s))
		} else if r := compareNumber("==", v); r.lo <= r.hi { // a fraction equals no integer
			values = append(values, r.lo)
		}
		if v.kind == number && words != nil || v.kind == text && values != nil {
			return nil, fail(e, "a list has numbers or texts, not both")
		}
	}
	if words != nil {
		l.texts = &texts{op: textIs, words: words}
		return l, nil
	}
	if k&number == 0 { // an empty list
		l.texts = &texts{op: textIs}
		return l, nil
	}
	l.numbers = oneOf(values)
	return l, nil
}

func (c *compiler) search(n *ast.BinaryNode) (*leaf, error) {
	name, ok := n.Left.(*ast.IdentifierNode)
	if !ok {
		if _, ok := literal(n.Left); ok {
			return nil, fail(n.Left, "%s wants a name before it", n.Operator)
		}
		return nil, c.unsupported(n.Left)
	}
	k, err := c.kind(name)
	if err != nil {
		return nil, err
	}
	if k&(text|list) == 0 {
		return nil, fail(n, "%s is %s: %s is for texts", name.Value, k, n.Operator)
	}
	if other, ok := n.Right.(*ast.IdentifierNode); ok && n.Operator != "matches" {
		p, err := c.pair(n, name, other, n.Operator)
		return &leaf{name: name.Value, pair: p}, err
	}
	v, ok := literal(n.Right)
	if !ok || v.kind != text {
		return nil, fail(n.Right, "%s wants a text in quotes after it", n.Operator)
	}
	t := &texts{words: [][]byte{[]byte(v.s)}}
	switch n.Operator {
	case "contains":
		t.op = textContains
	case "startsWith":
		t.op = textStarts
	case "endsWith":
		t.op = textEnds
	case "matches":
		t.op = textMatches
		if t.regexp, err = regexp.Compile(v.s); err != nil {
			return nil, fail(v.at, "%s", lower(err.Error()))
		}
	}
	return &leaf{name: name.Value, texts: t}, nil
}

func (c *compiler) unsupported(n ast.Node) error {
	what := "this"
	switch n := n.(type) {
	case *ast.BinaryNode:
		what = n.Operator
		if slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "and", "or", "matches",
			"contains", "startsWith", "endsWith"}, what) {
			return fail(n, "a condition is compared: put it in parentheses of its own")
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return fail(n, "%s negates a condition: write !(...) around a whole comparison", n.Operator)
		}
		what = n.Operator
	case *ast.CallNode, *ast.BuiltinNode:
		what = "a function"
	case *ast.NilNode:
		what = "nil"
	case *ast.BoolNode:
		what = "a truth value in a comparison"
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return fail(n, "a value alone is no condition: compare a name with it")
	case *ast.ArrayNode:
		what = "a list here"
	case *ast.ConditionalNode:
		what = "?:"
	case *ast.MemberNode, *ast.SliceNode, *ast.ChainNode:
		what = "a part of a value"
	case *ast.SequenceNode:
		what = ";"
	case *ast.VariableDeclaratorNode:
		what = "let"
	}
	return fail(n, "%s is not supported in a filter", what)
}
