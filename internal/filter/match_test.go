// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/expr-lang/expr"

	"github.com/fletch-trace/fletch/format"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{`true`, "abcdefghijklm"},
		{`false`, ""},

		// Numbers.
		{`ret < 0`, "adi"},
		{`0 > ret`, "adi"},
		{`ret == -2`, "a"},
		{`ret != -2`, "bcdeijkl"},
		{`!(ret == -2)`, "bcdefghijklm"},
		{`ret >= 100`, "bek"},
		{`ret > 100`, "e"},
		{`ret <= -9223372036854775807`, "d"},
		{`ret > -1e30`, "abcdeijkl"},
		{`ret < 1e30 && ret > 9223372036854775806`, "e"},
		{`ret == 9.3e18 || ret == 0.5`, ""},
		{`ret < 0.5 && ret > -2.5`, "acj"},
		{`ret >= -2.0 and ret <= 0.0`, "acj"},
		{`duration_ns > 1e9`, "be"},
		{`duration_ns >= 2e9`, "be"},
		{`arg1 == 4611686018427387904`, "b"},
		{`arg0 == 0xffffffffffffff9c || arg0 == -100`, "error"},
		{`arg0 == -0x64`, "a"},
		{`cpu == 3`, "c"},
		{`dport in [80, 443, 8080]`, "ij"},
		{`dport not in [80, 443]`, "j"},
		{`dport in 400..500`, "i"},
		{`dport in 500..400`, ""},
		{`ret in [100, -2, 1e2, 0.5, 7]`, "abk"},
		{`ret in [1,3,5,7,9,11,13,15,17,100]`, "bk"},
		{`ret in []`, ""},
		{`!(ret in [])`, "abcdefghijklm"},
		{`nr == 4294967295`, ""},
		{`nr != 4294967295`, "abcde"},
		{`nr > -2147483649 && nr < 2147483648`, "abcde"},
		{`nr < -2147483648`, ""},
		{`nr in [-1, 999]`, "de"},
		{`0 < ret < 101`, "bkl"},
		{`size > ret`, "k"},
		{`ret == size`, "l"},
		{`size != ret`, "k"},
		{`ret >= ts`, "e"},
		{`!(size > ret)`, "abcdefghijlm"},

		// Times and durations.
		{`ts >= "2026-01-02T12:00:02Z"`, "cdehj"},
		{`ts < "2026-01-02T13:00:01+01:00"`, "afikl"},
		{`ts == "2026-01-02 12:00:01.000"`, "bg"},
		{`ts >= "2026-01-02T12:00" and ts < "2026-01-03"`, "abcdefghijkl"},
		{`ts < "2026-01-02"`, ""},
		{fmt.Sprintf("ts == %d", noon), "afikl"},
		{`duration > "9ms"`, "bce"},
		{`duration_ns >= "1ms" && duration <= "10ms"`, "cg"},
		{`duration in ["5us", "1ms"]`, "ag"},

		// Texts.
		{`op == "exec"`, "f"},
		{`op != "exec"`, "ghijkl"},
		{`op in ["exec","exit"]`, "fg"},
		{`op not in ["exec","exit"]`, "hijkl"},
		{`!(op in ["exec","exit"])`, "abcdehijklm"},
		{`!(op not in ["exec","exit"])`, "abcdefgm"},
		{`op not startsWith "ex"`, "hijkl"},
		{`not (op not startsWith "ex") && family == "process"`, "fg"},
		{`op in ["exec"] or dport == 443`, "fi"},
		{`daddr startsWith "10."`, "i"},
		{`daddr endsWith ":1"`, "j"},
		{`filename contains "in/c"`, "f"},
		{`daddr matches "^[0-9.]+$"`, "i"},
		{`not (daddr matches "^[0-9.]+$") and dport > 0`, "j"},
		{`op == ""`, ""},
		{`filename == ""`, "gh"},
		{`"exec" == op`, "f"},
		{"filename == `/bin/cat`", "f"},
		{`filename == '/bin/cat'`, "f"},

		// Lists.
		{`"--foo" in args`, "f"},
		{`"--foo" not in args`, "gh"},
		{`args not contains "foo"`, "gh"},
		{`not ("--foo" in args)`, "abcdeghijklm"},
		{`"" in args`, "h"},
		{`args contains "foo a"`, "f"},
		{`args startsWith "cat --"`, "f"},
		{`args endsWith "a b"`, "f"},
		{`args matches "^$"`, "gh"},

		// The table's name.
		{`family == "syscall"`, "abcde"},
		{`family != "syscall"`, "fghijklm"},
		{`family in ["tcp", "file"]`, "ijkl"},
		{`family startsWith "t"`, "ij"},
		{`family == 4`, "i"},
		{`family == "tcp" && family != 4`, "j"},

		// Joins.
		{`comm == "nginx"`, "abgi"},
		{`comm != "nginx"`, "cdefhjkl"}, // d and h have no task,
		{`comm not in ["nginx"]`, "cdefhjkl"},
		{`pid not in [100, 300]`, "cdeghjkl"},
		{`!(comm == "nginx")`, "cdefhjklm"},
		{`comm startsWith "ph"`, "cfjkl"},
		{`comm matches "^(php|far)"`, "cefjkl"},
		{`comm == "far"`, "e"},
		{`exe endsWith "/php"`, "cfjkl"},
		{`uid == 0`, "abdeghi"},
		{`uid != 0.5`, "abcdefghijkl"},
		{`gid >= 1000`, "cfjkl"},
		{`tid == 101`, "abgi"},
		{`pid == 100`, "abi"},
		{`pid == 300`, "f"},
		{`pid in [200, 301]`, "cgjkl"},
		{`ppid == 100`, "cjkl"},
		{`cgroup == 7`, "abgim"},
		{`cgroup startsWith "/system.slice/"`, "abgi"},
		{`container == "c0ffee"`, "abgim"},
		{`container != "c0ffee"`, "cdefhjkl"},
		{`container == ""`, "cdefhjkl"},
		{`comm == ""`, "dh"},
		{`exe matches "^$"`, "deh"},
		{`name == "openat"`, "a"},
		{`name in ["read", "openat"]`, "abc"},
		{`name startsWith "nr_"`, "de"},
		{`name == "/etc/passwd"`, "k"},
		{`name != "/etc/passwd"`, "abcdelm"},
		{`path == ""`, "l"},
		{`call == "openat"`, "a"},
		{`call != "read"`, "ade"},
		{`name contains "slice"`, "m"},

		// Two names.
		{`tid == pid`, "cdejkl"}, // h: thread 0 of process 302
		{`tid != pid`, "abfghi"},
		{`pid == ppid`, "de"},
		{`ppid < pid`, "abcfghijkl"},
		{`exe contains comm`, "abdghi"},
		{`exe endsWith comm`, "abdghi"},
		{`comm != exe`, "abcefgijkl"},
		{`family == op`, ""},
		{`op != family`, "fghijkl"},
		{`name == comm`, ""},
		{`cgroup == name`, "l"}, // neither is known,
		{`cgroup > pid`, ""},
		{`!(cgroup > pid)`, "abcdefghijklm"},

		// Logic.
		{`family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"`, "a"},
		{`ret < 0 || op == "exec" || dport == 8080`, "adfij"},
		{`(ret < 0 || duration > "1s") && comm == "nginx"`, "abi"},
		{`!(ret < 0 || comm == "nginx")`, "cefhjklm"},
		{`!(ret < 0 && comm == "nginx")`, "bcdefghjklm"},
		{`!!(ret < 0)`, "adi"},
		{`not not not (ret < 0)`, "bcefghjklm"},
		{`not (ret < 0) and not (ret > 0)`, "cfghjm"},
		{`ret < 0 && true`, "adi"},
		{`ret < 0 || true`, "abcdefghijklm"},
		{`!(ret < 0 || !(op == "exec" && (pid == 300 || pid == 301)))`, "f"},
		{`ret == 0 or ret == 100 and comm == "nginx"`, "bcj"},
		{"ret < 0 // the failed\n && comm == 'nginx'", "ai"},
	} {
		p, err := Compile(c.src)
		if c.want == "error" {
			if err == nil {
				t.Errorf("%s compiles", c.src)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		_, env := newTestCapture(t)
		if got := matching(t, p, env); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.src, got, c.want)
		}
	}
}

func TestWithoutEnv(t *testing.T) {
	p, err := Compile(`comm == "nginx" || ret == 0 || name == "read" || container == "c0ffee"`)
	if err != nil {
		t.Fatal(err)
	}
	if got := matching(t, p, nil); got != "cjm" {
		t.Errorf("got %s", got)
	}
}

// TestOtherBatch matches a batch that lacks a column of the table. Its values are missing.
func TestOtherBatch(t *testing.T) {
	p, err := Compile(`ret < 0 || !(dport == 443) && size > arg0 || comm == "nginx"`, syscallSchema)
	if err != nil {
		t.Fatal(err)
	}
	odd := schemaOf("syscall", "ret:s", "dport:S", "task:l", "size:s", "arg0:l")
	batch := format.NewBatch(odd)
	if err := batch.AppendRow(row{"ret": "-1"}); err != nil {
		t.Fatal(err)
	}
	full := schemaOf("syscall", "ret:l", "dport:i", "task:i", "size:l", "arg0:l")
	_, env := newTestCapture(t)
	b, err := p.Bind(full, env)
	if err != nil {
		t.Fatal(err)
	}
	if n := b.Match(batch, nil).Count(); n != 0 {
		t.Errorf("%d rows match", n)
	}
	if sel := b.Match(format.NewBatch(full), Selection{^uint64(0)}); len(sel) != 0 || sel.Next(0) != -1 {
		t.Errorf("no rows, selection %v", sel)
	}
}

// TestAgainstExpr evaluates random expressions on random rows, and compares with the library that the parser is from.
func TestAgainstExpr(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table := schemaOf("mix", "pid:i", "ret:l", "size:l", "op:s", "daddr:s", "args:S")
	for range 400 {
		src := random(r, 4)
		p, err := Compile(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		b, err := p.Bind(table, nil)
		if err != nil {
			t.Fatal(err)
		}
		batch := format.NewBatch(table)
		var all []row
		for range 1 + r.IntN(200) {
			one := row{"pid": int32(r.IntN(5)), "ret": int64(r.IntN(9) - 4), "size": int64(r.IntN(9) - 4),
				"op": words[r.IntN(len(words))], "daddr": words[r.IntN(len(words))],
				"args": []string{words[r.IntN(len(words))], words[r.IntN(len(words))]}[:r.IntN(3)]}
			if err := batch.AppendRow(one); err != nil {
				t.Fatal(err)
			}
			all = append(all, one)
		}
		oracle, err := expr.Compile(src, expr.Env(all[0]), expr.AsBool())
		if err != nil {
			t.Fatalf("%s: oracle: %v", src, err)
		}
		sel := b.Match(batch, nil)
		for i, one := range all {
			want, err := expr.Run(oracle, one)
			if err != nil {
				t.Fatalf("%s: oracle: %v", src, err)
			}
			if sel.Has(i) != want {
				t.Fatalf("%s\nrow %v: %t, want %t", src, one, sel.Has(i), want)
			}
		}
	}
}

var words = []string{"", "a", "ab", "b", "exec", "exit"}

func random(r *rand.Rand, depth int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	if depth > 0 && r.IntN(4) > 0 {
		switch r.IntN(5) {
		case 0:
			return pick("!(", "not (") + random(r, depth-1) + ")"
		case 1, 2:
			return "(" + random(r, depth-1) + pick(" && ", " and ") + random(r, depth-1) + ")"
		}
		return "(" + random(r, depth-1) + pick(" || ", " or ") + random(r, depth-1) + ")"
	}
	n := func() string { return pick("-4", "-1", "0", "1", "2", "3.0", "1.5", "-0.5", "1e3", "4") }
	whole := func() string { return pick("-4", "-1", "0", "1", "2", "4") }
	w := func() string { return fmt.Sprintf("%q", words[r.IntN(len(words))]) }
	number := pick("pid", "ret", "size")
	op := pick("==", "!=", "<", "<=", ">", ">=")
	switch r.IntN(11) {
	case 0, 1:
		return number + " " + op + " " + n()
	case 2:
		return n() + " " + op + " " + number
	case 3:
		return "ret " + op + " " + pick("size", "ret")
	case 4:
		return number + pick(" in ", " not in ") + "-3.." + pick("2", "-1", "-3")
	case 5:
		return number + pick(" in ", " not in ") + "[" + whole() + ", " + whole() + ", " + whole() + "]"
	case 6:
		return pick("op", "daddr") + pick(" == ", " != ") + w()
	case 7:
		return pick("op", "daddr") + pick(" in ", " not in ") + "[" + w() + ", " + w() + "]"
	case 8:
		return pick("op", "daddr") + pick(" contains ", " startsWith ", " endsWith ", " not contains ") + w()
	case 9:
		return "op matches " + pick(`"^e"`, `"a|b"`, `"^$"`, `"x.t"`)
	}
	return w() + pick(" in ", " not in ") + "args"
}
