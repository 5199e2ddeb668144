// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"github.com/fletch-trace/fletch/format"
)

func schemaOf(table string, columns ...string) *format.Schema {
	types := map[string]format.Type{"i": format.Int32, "l": format.Int64, "t": format.Timestamp, "s": format.String,
		"S": format.StringList}
	s := &format.Schema{Table: table}
	for _, c := range columns {
		name, typ, _ := strings.Cut(c, ":")
		s.Columns = append(s.Columns, format.Column{Name: name, Type: types[typ]})
	}
	return s
}

var (
	syscallSchema = schemaOf("syscall", "ts:t", "cpu:i", "task:i", "nr:i", "ret:l", "duration_ns:l", "arg0:l", "arg1:l")
	processSchema = schemaOf("process", "ts:t", "cpu:i", "task:i", "op:s", "pid:i", "ppid:i", "filename:s", "args:S",
		"duration_ns:l")
	tcpSchema    = schemaOf("tcp", "ts:t", "cpu:i", "task:i", "op:s", "family:i", "daddr:s", "dport:i", "ret:i")
	fileSchema   = schemaOf("file", "ts:t", "cpu:i", "task:i", "op:s", "path:i", "size:l", "ret:l")
	cgroupSchema = schemaOf("cgroup", "cgroup:l", "name:s", "container:s")
	schemas      = []*format.Schema{syscallSchema, processSchema, tcpSchema, fileSchema, cgroupSchema}
)

var (
	taskTable = schemaOf("task", "task:i", "ts:t", "tid:i", "pid:i", "ppid:i", "uid:l", "gid:l", "cgroup:l", "comm:s",
		"exe:s")
	pathTable = schemaOf("path", "path:i", "name:s")
)

// testCapture implements Dimensions and counts lookups.
type testCapture struct {
	asked   map[string]int
	batches map[string]*format.Batch
}

func newTestCapture(t testing.TB) (*testCapture, *Env) {
	w := &testCapture{asked: map[string]int{}, batches: map[string]*format.Batch{}}
	w.add(t, taskTable, row{"task": int32(1), "tid": int32(101), "pid": int32(100), "ppid": int32(1),
		"cgroup": int64(7), "comm": "nginx", "exe": "/usr/sbin/nginx"})
	w.add(t, taskTable, row{"task": int32(2), "tid": int32(200), "pid": int32(200), "ppid": int32(100),
		"uid": int64(1000), "gid": int64(1000), "cgroup": int64(8), "comm": "php-fpm", "exe": "/usr/bin/php"})
	w.add(t, taskTable, row{"task": int32(math.MaxInt32), "comm": "far"})
	w.add(t, pathTable, row{"path": int32(5), "name": "/etc/passwd"})
	w.add(t, cgroupSchema, row{"cgroup": int64(7), "name": "/system.slice/nginx.service", "container": "c0ffee"})
	return w, w.env()
}

func (w *testCapture) env() *Env { return &Env{Dimensions: w, CallName: w.callName} }

func (w *testCapture) add(t testing.TB, s *format.Schema, r row) {
	t.Helper()
	if w.batches[s.Table] == nil {
		w.batches[s.Table] = format.NewBatch(s)
	}
	if err := w.batches[s.Table].AppendRow(r); err != nil {
		t.Fatal(err)
	}
}

func (w *testCapture) Schema(dimension string) *format.Schema {
	if b := w.batches[dimension]; b != nil {
		return b.Schema
	}
	return nil
}

func (w *testCapture) Lookup(dimension string, columns []format.Column) (Lookup, error) {
	b := w.batches[dimension]
	if err := b.Schema.Check(columns...); err != nil {
		return nil, err
	}
	return func(id int64) (*format.Batch, int, bool) {
		w.asked[fmt.Sprint(dimension, id)]++
		ids := &b.Columns[0]
		for i := range b.Rows {
			if ids.Type == format.Int32 && int64(ids.I32[i]) == id || ids.Type == format.Int64 && ids.I64[i] == id {
				return b, i, true
			}
		}
		return nil, 0, false
	}, nil
}

func (w *testCapture) callName(nr int32) string {
	w.asked[fmt.Sprint("nr", nr)]++
	if name, ok := map[int32]string{0: "read", 257: "openat"}[nr]; ok {
		return name
	}
	return fmt.Sprint("nr_", nr)
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).UnixNano()

type row = map[string]any

// rows are the rows of the test tables. Each is named by a letter.
var rows = map[string][]row{
	"syscall": {
		{"ts": noon, "task": int32(1), "nr": int32(257), "ret": int64(-2), "duration_ns": int64(5_000),
			"arg0": int64(-100)}, // a
		{"ts": noon + 1e9, "task": int32(1), "nr": int32(0), "ret": int64(100), "duration_ns": int64(2e9),
			"arg1": int64(1) << 62}, // b
		{"ts": noon + 2e9, "cpu": int32(3), "task": int32(2), "nr": int32(0), "ret": int64(0),
			"duration_ns": int64(10_000_000)}, // c
		{"ts": noon + 3e9, "task": int32(0), "nr": int32(999), "ret": int64(math.MinInt64), "duration_ns": int64(0),
			"arg0": int64(1)}, // d
		{"ts": noon + 4e9, "task": int32(math.MaxInt32), "nr": int32(-1), "ret": int64(math.MaxInt64),
			"duration_ns": int64(math.MaxInt64)}, // e
	},
	"process": {
		{"ts": noon, "task": int32(2), "op": "exec", "pid": int32(300), "ppid": int32(1), "filename": "/bin/cat",
			"args": []string{"cat", "--foo", "a b"}}, // f
		{"ts": noon + 1e9, "task": int32(1), "op": "exit", "pid": int32(301), "args": []string{},
			"duration_ns": int64(1e6)}, // g
		{"ts": noon + 2e9, "task": int32(0), "op": "fork", "pid": int32(302), "ppid": int32(300),
			"args": []string{""}}, // h
	},
	"tcp": {
		{"ts": noon, "task": int32(1), "op": "connect", "family": int32(4), "daddr": "10.0.0.1", "dport": int32(443),
			"ret": int32(-111)}, // i
		{"ts": noon + 5e9, "task": int32(2), "op": "accept", "family": int32(6), "daddr": "::1",
			"dport": int32(8080)}, // j
	},
	"file": {
		{"ts": noon, "task": int32(2), "op": "read", "path": int32(5), "size": int64(4096), "ret": int64(100)}, // k
		{"ts": noon, "task": int32(2), "op": "write", "path": int32(6), "size": int64(10), "ret": int64(10)},   // l
	},
	"cgroup": {
		{"cgroup": int64(7), "name": "/system.slice/nginx.service", "container": "c0ffee"}, // m
	},
}

func batchOf(t testing.TB, s *format.Schema) *format.Batch {
	t.Helper()
	b := format.NewBatch(s)
	for _, r := range rows[s.Table] {
		if err := b.AppendRow(r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// project returns a batch with only the named columns, as if only they had been read.
func project(b *format.Batch, columns []string) *format.Batch {
	s := &format.Schema{Table: b.Schema.Table}
	out := &format.Batch{Schema: s, Rows: b.Rows}
	for i, c := range b.Schema.Columns {
		if slices.Contains(columns, c.Name) {
			s.Columns = append(s.Columns, c)
			out.Columns = append(out.Columns, b.Columns[i])
		}
	}
	return out
}

// matching returns the letters of the rows that match.
func matching(t testing.TB, p *Program, env *Env) string {
	t.Helper()
	letters, letter := "", 'a'
	for _, s := range schemas {
		bound, err := p.Bind(s, env)
		if err != nil {
			t.Fatal(err)
		}
		full := batchOf(t, s)
		sel := bound.Match(project(full, bound.Columns()), nil)
		if again := bound.Match(full, slices.Clone(sel)); !slices.Equal(sel, again) {
			t.Errorf("table %s: the second match differs", s.Table)
		}
		found := 0
		for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
			letters += string(letter + rune(i))
			found++
			if !sel.Has(i) {
				t.Errorf("Next returns row %d, Has says no", i)
			}
		}
		if found != sel.Count() {
			t.Errorf("Next returns %d rows, Count says %d", found, sel.Count())
		}
		if found > 0 && (bound.Never() || p.PruneTable(s.Table)) {
			t.Errorf("table %s has matches but is pruned", s.Table)
		}
		letter += rune(full.Rows)
	}
	return letters
}

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
		{`comm != "nginx"`, "cefjkl"},
		{`comm not in ["nginx"]`, "cefjkl"},
		{`pid not in [100, 300]`, "ceghjkl"},
		{`!(comm == "nginx")`, "cdefhjklm"},
		{`comm startsWith "ph"`, "cfjkl"},
		{`comm matches "^(php|far)"`, "cefjkl"},
		{`comm == "far"`, "e"},
		{`exe endsWith "/php"`, "cfjkl"},
		{`uid == 0`, "abegi"},
		{`uid != 0.5`, "abcefgijkl"},
		{`gid >= 1000`, "cfjkl"},
		{`tid == 101`, "abgi"},
		{`pid == 100`, "abi"},
		{`pid == 300`, "f"},
		{`pid in [200, 301]`, "cgjkl"},
		{`ppid == 100`, "cjkl"},
		{`cgroup == 7`, "abgim"},
		{`cgroup startsWith "/system.slice/"`, "abgi"},
		{`container == "c0ffee"`, "abgim"},
		{`container != "c0ffee"`, ""},
		{`name == "openat"`, "a"},
		{`name in ["read", "openat"]`, "abc"},
		{`name startsWith "nr_"`, "de"},
		{`name == "/etc/passwd"`, "k"},
		{`name != "/etc/passwd"`, "abcdem"},
		{`name contains "slice"`, "m"},

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
		{`comm == "x" && dur > 3`, `column 16: unknown name "dur" (did you mean duration or duration_ns?)`},
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
		{`comm == exe`, `column 6: comm and exe cannot be compared: only numbers can`},
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

func TestPruneTable(t *testing.T) {
	for _, c := range []struct {
		src  string
		want string // tables that remain
	}{
		{`ret < 0`, "syscall process tcp"},
		{`false`, ""},
		{`family == "syscall" && ret < 0`, "syscall"},
		{`ret < 0 && family == "syscall"`, "syscall"},
		{`family == "syscall" || ret < 0`, "syscall process tcp"},
		{`family == "syscall" || family == "tcp" && ret < 0`, "syscall tcp"},
		{`family != "syscall"`, "process tcp"},
		{`!(family == "syscall" && ret < 0)`, "syscall process tcp"},
		{`!(family == "syscall" || ret < 0)`, "process tcp"},
		{`family in ["tcp", "process"] && comm == "x"`, "process tcp"},
		{`family == 4`, "syscall process tcp"},
		{`family matches "^.c"`, "tcp"},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var left []string
		for _, table := range []string{"syscall", "process", "tcp"} {
			if !p.PruneTable(table) {
				left = append(left, table)
			}
		}
		if got := strings.Join(left, " "); got != c.want {
			t.Errorf("%s leaves %s, want %s", c.src, got, c.want)
		}
	}
}

func TestTimeRange(t *testing.T) {
	const first, last = math.MinInt64, math.MaxInt64
	for _, c := range []struct {
		src      string
		from, to int64
	}{
		{`ret < 0`, first, last},
		{`true`, first, last},
		{`false`, last, first},
		{`ts >= 10`, 10, last},
		{`ts > 10`, 11, last},
		{`ts < 10`, first, 9},
		{`10 >= ts`, first, 10},
		{`ts == 10`, 10, 10},
		{`ts != 10`, first, last},
		{`!(ts != 10)`, 10, 10},
		{`!(ts < 10)`, 10, last},
		{`!(ts >= 10)`, first, 9},
		{`!(ts in 5..9)`, first, last},
		{`ts in 5..9`, 5, 9},
		{`ts in [7, 5, 30]`, 5, 30},
		{`ts >= 10 && ts < 20 && ret < 0`, 10, 19},
		{`ts < 10 || ts > 20`, first, last},
		{`(ts > 10 && ts < 12) || (ts == 20 && comm == "x")`, 11, 20},
		{`ts > 10 && ts < 5`, 11, 4},
		{`(ts > 10 && ts < 5) || ts == 7`, 7, 7},
		{`ts > 10 || ret < 0`, first, last},
		{`!(ts < 10 || ts > 20)`, 10, 20},
		{`ts >= "1970-01-01T00:00:01Z"`, 1e9, last},
		{`ts > 1.5`, 2, last},
		{`until > 10 && duration < 5`, first, last},
		{`ts > duration_ns`, first, last},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if from, to := p.TimeRange(); from != c.from || to != c.to {
			t.Errorf("%s: %d to %d, want %d to %d", c.src, from, to, c.from, c.to)
		}
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		src   string
		table *format.Schema
		want  []string
		never bool
	}{
		{`ret < 0`, syscallSchema, []string{"ret"}, false},
		{`comm == "x" && pid == 3 && ret < 0`, syscallSchema, []string{"ret", "task"}, false},
		{`pid == 3`, processSchema, []string{"pid"}, false},
		{`name == "x"`, syscallSchema, []string{"nr"}, false},
		{`name == "x"`, fileSchema, []string{"path"}, false},
		{`name == "x"`, cgroupSchema, []string{"name"}, false},
		{`name == "x"`, tcpSchema, nil, true},
		{`duration > "1s"`, syscallSchema, []string{"duration_ns"}, false},
		{`size > ret`, fileSchema, []string{"size", "ret"}, false},
		{`size > ret`, syscallSchema, nil, true},
		{`family == "tcp" && ret < 0`, syscallSchema, nil, true},
		{`family == "tcp" || ret < 0`, tcpSchema, nil, false},
		{`family == "syscall" && ret < 0`, syscallSchema, []string{"ret"}, false},
		{`dport == 1`, syscallSchema, nil, true},
		{`!(dport == 1)`, syscallSchema, nil, false},
		{`ret < 1e30`, syscallSchema, nil, false},
		{`ret in 3..2`, syscallSchema, nil, true},
		{`comm == "x"`, cgroupSchema, nil, true},
		{`args matches "x" && op == "exec" && pid == 3`, processSchema, []string{"pid", "op", "args"}, false},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		_, env := newTestCapture(t)
		b, err := p.Bind(c.table, env)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Columns(); !slices.Equal(got, c.want) || b.Never() != c.never {
			t.Errorf("%s of %s: columns %v, never %t", c.src, c.table.Table, got, b.Never())
		}
	}
	if _, err := (&Program{}).Bind(nil, nil); err == nil {
		t.Error("no table binds")
	}
}

// TestLookUpOnce checks that a known id is looked up once, and that an id that is unknown may become known later.
func TestLookUpOnce(t *testing.T) {
	p, err := Compile(`(comm == "nginx" || comm == "php-fpm") && name == "read"`)
	if err != nil {
		t.Fatal(err)
	}
	w, env := newTestCapture(t)
	b, err := p.Bind(syscallSchema, env)
	if err != nil {
		t.Fatal(err)
	}
	batch := format.NewBatch(syscallSchema)
	for i := range 1000 {
		if err := batch.AppendRow(row{"task": []int32{1, 2, math.MaxInt32}[i%3],
			"nr": int32(i % 2 * 257)}); err != nil {
			t.Fatal(err)
		}
	}
	var sel Selection
	for range 3 {
		if sel = b.Match(batch, sel); sel.Count() != 333 {
			t.Fatalf("%d rows", sel.Count())
		}
	}
	want := map[string]int{"task1": 1, "task2": 2, fmt.Sprint("task", math.MaxInt32): 2, "nr0": 1, "nr257": 1}
	if !reflect.DeepEqual(w.asked, want) {
		t.Errorf("asked %v, want %v", w.asked, want)
	}

	l := &lateDimension{}
	p, err = Compile(`comm == "late"`)
	if err != nil {
		t.Fatal(err)
	}
	b, err = p.Bind(syscallSchema, &Env{Dimensions: l})
	if err != nil {
		t.Fatal(err)
	}
	if sel = b.Match(batch, sel); sel.Count() != 0 {
		t.Error("an unknown task matches")
	}
	l.known = true
	if sel = b.Match(batch, sel); sel.Count() != 1000 {
		t.Error("a task that became known does not match")
	}
}

// lateDimension is a dimension task in which all ids become known at once, with comm "late".
type lateDimension struct{ known bool }

func (*lateDimension) Schema(dimension string) *format.Schema {
	if dimension == "task" {
		return taskTable
	}
	return nil
}

func (l *lateDimension) Lookup(string, []format.Column) (Lookup, error) {
	b := format.NewBatch(taskTable)
	err := b.AppendRow(row{"comm": "late"})
	return func(int64) (*format.Batch, int, bool) { return b, 0, l.known }, err
}

// TestManyIDs checks that the memory of the cache is bounded, whatever the ids are.
func TestManyIDs(t *testing.T) {
	p, err := Compile(`comm == "late"`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Bind(syscallSchema, &Env{Dimensions: &lateDimension{known: true}})
	if err != nil {
		t.Fatal(err)
	}
	batch := format.NewBatch(syscallSchema)
	for i := range 300_000 {
		batch.Columns[2].I32 = append(batch.Columns[2].I32, int32(i)*-7919)
	}
	batch.Rows = 300_000
	if n := b.Match(project(batch, []string{"task"}), nil).Count(); n != batch.Rows {
		t.Errorf("%d rows", n)
	}
	if n := len(b.root.cache.dense) + len(b.root.cache.sparse); n > maxDense+maxSparse {
		t.Errorf("%d ids cached", n)
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

func BenchmarkMatch(b *testing.B) {
	const rows = 1 << 16
	r := rand.New(rand.NewPCG(1, 2))
	batch := format.NewBatch(syscallSchema)
	batch.Rows = rows
	for i := range batch.Columns {
		c := &batch.Columns[i]
		for j := range rows {
			switch name := syscallSchema.Columns[i].Name; name {
			case "ts":
				c.I64 = append(c.I64, noon+int64(j)*1000)
			case "task":
				c.I32 = append(c.I32, 1+int32(r.IntN(200)))
			case "nr":
				c.I32 = append(c.I32, int32(r.IntN(300)))
			case "cpu":
				c.I32 = append(c.I32, int32(r.IntN(8)))
			default:
				c.I64 = append(c.I64, int64(r.IntN(1000)-10))
			}
		}
	}
	for _, src := range []string{
		`ret < 0`, `nr == 0`, `ret < 0 && duration_ns > 500`, `ret in [1, 20, 300]`, `arg0 > arg1`,
		`comm == "nginx"`, `name == "openat"`, `name in ["read", "openat"] && comm matches "^ng"`,
		`family == "syscall" && name == "openat" && ret < 0 && comm == "nginx"`,
		`ret < 0 || comm == "nginx" || duration > "1s"`, `pid == 100`,
	} {
		b.Run(src, func(b *testing.B) {
			p, err := Compile(src)
			if err != nil {
				b.Fatal(err)
			}
			bound, err := p.Bind(syscallSchema, &Env{Dimensions: &allKnown{},
				CallName: func(nr int32) string { return []string{"openat", "read"}[nr&1] }})
			if err != nil {
				b.Fatal(err)
			}
			sel := bound.Match(batch, nil)
			b.ReportAllocs()
			for b.Loop() {
				sel = bound.Match(batch, sel)
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// allKnown is a dimension in which every id is known.
type allKnown struct{ lateDimension }

func (*allKnown) Lookup(string, []format.Column) (Lookup, error) {
	b := format.NewBatch(taskTable)
	err := errors.Join(b.AppendRow(row{"pid": int32(100), "comm": "nginx"}), b.AppendRow(row{"comm": "bash"}))
	return func(id int64) (*format.Batch, int, bool) { return b, int(id) % 2, true }, err
}
