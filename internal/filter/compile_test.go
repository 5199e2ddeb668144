// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{``, `column 1: empty expression`},
		{" \n", `column 1: empty expression`},
		{`ret <`, `column 5: unexpected token EOF`},
		{`(ret < 0`, `column 8: unexpected token EOF`},
		{`ret < 0)`, `column 8: unexpected token Bracket(")")`},
		{`ret = 0`, `column 5: unexpected token Operator("=")`},
		{`comm == "nginx`, `column 15: literal not terminated`},
		{`ret & 4`, `column 5: unexpected token Operator("&")`},
		{`ret == 99999999999999999999`,
			`column 27: invalid integer literal: strconv.ParseInt: parsing "99999999999999999999": value out of range`},

		{`com == "x"`, `column 1: unknown name "com" (did you mean comm?)`},
		{`comm == "x" && dur > 3`, `column 16: unknown name "dur" (did you mean dir or duration or duration_ns?)`},
		{`ret < 0 && comn == "x"`, `column 12: unknown name "comn" (did you mean comm?)`},
		{`Comm == "x"`, `column 1: unknown name "Comm" (did you mean comm?)`},
		{`zebra == 1`, `column 1: unknown name "zebra"`},
		{`é == 1 && zebra == 1`, `column 1: unknown name "é"`},
		{`comm == "é" && zebra == 1`, `column 16: unknown name "zebra"`},
		{"ret < 0 &&\nzebra == 1", `column 12: unknown name "zebra"`},

		{`comm == 5`, `column 9: comm is a text, not a number`},
		{`5 == comm`, `column 1: comm is a text, not a number`},
		{`ret == "ENOENT"`, `column 8: ret is a number, not a text`},
		{`args == "x"`, `column 9: args is a list of texts: use "x" in args, or contains`},
		{`args == 3`, `column 9: args is a list of texts, not a number`},
		{`comm < "x"`, `column 6: texts have no order: comm < a text`},
		{`ts > "yesterday"`, `column 6: "yesterday" is no time: write "2026-01-02T03:04:05Z"`},
		{`ts > "9999-01-01"`, `column 6: "9999-01-01" is no time: write "2026-01-02T03:04:05Z"`},
		{`duration > "10 parsecs"`, `column 12: "10 parsecs" is no duration: write "10ms"`},
		{`ret in ["a"]`, `column 9: ret is a number, not a text`},
		{`comm in ["a", 3]`, `column 15: comm is a text, not a number`},
		{`family in ["tcp", 4]`, `column 19: a list has numbers or texts, not both`},
		{`comm in ["a", exe]`, `column 15: a list has numbers or texts`},
		{`comm in "nginx"`, `column 9: in wants a list: comm in [...]`},
		{`comm in 1..3`, `column 9: comm is a text, not a number`},
		{`ret in 1..x`, `column 9: a range has an integer on either side of ..`},
		{`"x" in comm`, `column 8: comm is a text, not a list of texts`},
		{`3 in args`, `column 1: args is a list of texts: its elements are texts`},
		{`"x" in ["x"]`, `column 5: two values are compared: one side must be a name`},
		{`1 == 1`, `column 3: two values are compared: one side must be a name`},
		{`comm == pid`, `column 6: comm and pid cannot be compared: comm is a text, pid is a number`},
		{`args != comm`, `column 6: args and comm cannot be compared: args is a list of texts, comm is a text`},
		{`comm <= exe`, `column 6: texts have no order: comm <= exe`},
		{`pid == pidd`, `column 8: unknown name "pidd" (did you mean pid?)`},
		{`exe startsWith pid`, `column 5: exe and pid cannot be compared: exe is a text, pid is a number`},
		{`exe contains args`, `column 5: exe and args cannot be compared: exe is a text, args is a list of texts`},
		{`comm in exe`, `column 9: in wants a list: comm in [...]`},
		{`ret contains "x"`, `column 5: ret is a number: contains is for texts`},
		{`ts startsWith "2026"`, `column 4: ts is a time: startsWith is for texts`},
		{`comm matches exe`, `column 14: matches wants a text in quotes after it`},
		{`comm matches 5`, `column 14: matches wants a text in quotes after it`},
		{`comm matches "("`, "column 14: error parsing regexp: missing closing ): `(`"},
		{`"nginx" startsWith comm`, `column 1: startsWith wants a name before it`},

		{`ret`, `column 1: ret alone is no condition: compare it with something`},
		{`ret < 0 && comm`, `column 12: comm alone is no condition: compare it with something`},
		{`5`, `column 1: a value alone is no condition: compare a name with it`},
		{`"x"`, `column 1: a value alone is no condition: compare a name with it`},
		{`!ret == 0`, `column 1: ! negates a condition: write !(...) around a whole comparison`},
		{`(ret < 0) == true`, `column 6: a condition is compared: put it in parentheses of its own`},
		{`ret == true`, `column 8: a truth value in a comparison is not supported in a filter`},
		{`ret == nil`, `column 8: nil is not supported in a filter`},
		{`ret + 1 == 2`, `column 5: + is not supported in a filter`},
		{`ret == 1 + 1`, `column 10: + is not supported in a filter`},
		{`-ret == 2`, `column 1: - is not supported in a filter`},
		{`len(args) > 2`, `column 1: a function is not supported in a filter`},
		{`foo(1)`, `column 1: a function is not supported in a filter`},
		{`any(args, # == "x")`, `column 1: a function is not supported in a filter`},
		{`args[0] == "x"`, `column 5: a part of a value is not supported in a filter`},
		{`ret < 0 ? true : false`, `column 22: ?: is not supported in a filter`},
		{`let x = 1; ret == x`, `column 5: let is not supported in a filter`},
		{`ret < 0; ret > 1`, `column 5: ; is not supported in a filter`},
		{`{} == ret`, `column 1: this is not supported in a filter`},
		{`[1] == ret`, `column 1: a list here is not supported in a filter`},
		{strings.Repeat(" ", maxSource) + "true", fmt.Sprintf(`column %d: expression longer than %d bytes`, maxSource+1,
			maxSource)},
		{deep(100), `column 773: nested more than 64 deep`},
	} {
		p, err := Compile(c.src)
		var at *Error
		if !errors.As(err, &at) || p != nil {
			t.Errorf("%.60s: %v, %v", c.src, p, err)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%.60s\n got %s\nwant %s", c.src, err, c.want)
		}
	}
}

// deep nests || in && in ||, which cannot be flattened into chains.
func deep(n int) string {
	s := "ret == 0"
	for i := range n {
		s = "ret < 0 " + []string{"||", "&&"}[i%2] + " (" + s + ")"
	}
	return s
}

// TestLong compiles expressions as long as the limit: it must not fail or take long.
func TestLong(t *testing.T) {
	for _, src := range []string{
		strings.Repeat("(", 8000) + "ret < 0" + strings.Repeat(")", 8000),
		strings.Repeat("!", 9000) + "(ret < 0)",
		"ret < 0" + strings.Repeat("||ret==1", 2000),
		"ret in [0" + strings.Repeat(",-2", 4000) + "]",
	} {
		p, err := Compile(src)
		if err != nil {
			t.Errorf("%.20s: %v", src, err)
			continue
		}
		if got := matching(t, p, nil); !strings.Contains(got, "a") {
			t.Errorf("%.20s: %s", src, got)
		}
	}
	for _, src := range []string{
		strings.Repeat("(", 16000), strings.Repeat("[", 16000), strings.Repeat("!", 16000),
		strings.Repeat("-", 16000) + "1 == ret",
		strings.Repeat("ret<", 4000) + "1", strings.Repeat("not ", 4000),
		strings.Repeat("{", 16000), strings.Repeat("a?", 8000),
	} {
		if p, err := Compile(src); err == nil {
			t.Errorf("%.20s compiles: %v", src, p)
		}
	}
}

func TestNewTables(t *testing.T) {
	s := schemaOf("gpu", "ts:t", "cpu:i", "task:i", "engine:s", "wait_ns:l", "op:i", "label:S")
	if _, err := Compile(`engine == "3d"`); err == nil {
		t.Error("name engine is accepted without its table")
	}
	for _, src := range []string{`engine == "3d"`, `wait_ns > "10ms"`, `op == 3`, `op == "exec"`, `"x" in label`,
		`until > "2026-01-01"`} {
		if _, err := Compile(src, s); err != nil {
			t.Errorf("%s: %v", src, err)
		}
	}
	if _, err := Compile(`engine == 3`, s); err == nil {
		t.Error("a text compares with a number")
	}
	if _, err := Compile(`enginee == "x"`, s); err == nil || !strings.Contains(err.Error(), "did you mean engine?") {
		t.Errorf("mistyped: %v", err)
	}
	if knownNames()["engine"] != 0 || knownNames()["op"] != text {
		t.Error("a table given to Compile changed knownNames")
	}
}

func FuzzCompile(f *testing.F) {
	for _, src := range []string{
		`family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"`,
		`duration > "10ms" or !(ts >= "2026-01-02T03:04:05Z")`,
		`op in ["exec","exit"]`, `"--foo" in args`, `comm matches "^php"`, `pid in 1..9 && size > ret`,
		`cgroup == 7 || cgroup endsWith "x"`,
		`ret < -1.5e3`, `((((`, `a?b:c`, `let x = 1; x`, "\"\\u{10FFFF}\" in args", `ret not in [1, 2.5, -3]`, deep(20),
	} {
		f.Add(src)
	}
	var batches []*format.Batch
	for _, s := range schemas {
		batches = append(batches, batchOf(f, s))
	}
	f.Fuzz(func(t *testing.T, src string) {
		p, err := Compile(src)
		var at *Error
		if (err == nil) == (p == nil) || err != nil && (!errors.As(err, &at) || at.Column < 1 ||
			at.Column > len(src)+2 || at.Message == "") {
			t.Fatalf("%q: %v, %v", src, p, err)
		}
		if err != nil {
			return
		}
		from, to := p.TimeRange()
		for i, s := range schemas {
			_, env := newTestCapture(t)
			b, err := p.Bind(s, env)
			if err != nil {
				t.Fatal(err)
			}
			sel := b.Match(project(batches[i], b.Columns()), nil)
			if sel.Count() > 0 && (p.PruneTable(s.Table) || b.Never()) {
				t.Errorf("%q matches rows of %s, which it prunes", src, s.Table)
			}
			ts := batches[i].Column("ts")
			for r := sel.Next(0); r >= 0 && ts != nil; r = sel.Next(r + 1) {
				if at := ts.I64[r]; at < from || at > to {
					t.Errorf("%q matches at %d, outside %d to %d", src, at, from, to)
				}
			}
		}
	})
}
