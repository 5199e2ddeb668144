// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/schema"
)

var everything = Rules{Names: true, Paths: true, Args: true, Addresses: true, Key: []byte("0123456789abcdef")}

// redacted writes a capture and its redaction, and opens both.
func redacted(t *testing.T, c *fixture.Capture, rules Rules) (from, to *format.Capture, r *Report) {
	t.Helper()
	dir := t.TempDir()
	if err := c.Write(filepath.Join(dir, "from"), time.Second, map[string]int64{"tcp": 7, "newer": 8}); err != nil {
		t.Fatal(err)
	}
	from = open(t, filepath.Join(dir, "from"))
	job := &Job{Capture: from, Rules: rules, Path: filepath.Join(dir, "to")}
	r, err := job.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return from, open(t, job.Path), r
}

func open(t *testing.T, path string) *format.Capture {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// eachText calls fn with each text in the tables of a capture.
func eachText(t *testing.T, c *format.Capture, fn func(table string, column format.Column, text string)) {
	t.Helper()
	for _, table := range c.Tables() {
		err := table.Scan(t.Context(), nil, 1, func(_ int, b *format.Batch) error {
			for i, column := range b.Schema.Columns {
				for n := range b.Columns[i].Str.Len() {
					fn(table.Schema.Table, column, b.Columns[i].Str.At(n))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A redaction says of what it is one, and of what part its numbers are.
func TestRedactionSaysWhatItIs(t *testing.T) {
	c := fixture.Families()
	c.Manifest.Selection = &format.Selection{Comm: "nginx", Families: []string{"tcp", "file"}, PIDs: []int64{7},
		Args: new(bool), UID: []uint32{0, 1000}, Calls: []string{"openat", "!%file", "i386:open", "/secret"},
		SlowerNS: 9007199254740993, Failed: true, Cgroup: "/user.slice/secret", Container: "secret",
		Other: map[string]json.RawMessage{
			"data": []byte("64"), "newer": []byte(`{"secret": 7}`), "none": []byte("null"),
		}}
	from, to, _ := redacted(t, c, everything)
	m := to.Manifest
	if m.ID != from.Manifest.ID || m.Derived == nil || m.Derived.How != "redact" ||
		!slices.Equal(m.Derived.From, []string{m.ID}) {
		t.Errorf("id %q of %q, derived %+v", m.ID, from.Manifest.ID, m.Derived)
	}
	if !m.Complete || m.Tables["tcp"].Lost != 7 || m.Tables["newer"].Lost != 0 || !m.End.Equal(from.Manifest.End) {
		t.Errorf("complete %v, tables %v, end %v", m.Complete, m.Tables, m.End)
	}
	if m.Recorder.Commit != from.Manifest.Recorder.Commit || m.Recorder.Version != from.Manifest.Recorder.Version {
		t.Errorf("the recorder is %+v", m.Recorder)
	}
	r := newReplacer(&everything)
	token := func(text string) string { return r.text(schema.Paths, []byte(text)) }
	s := m.Selection
	if s.Comm != token("nginx") || !slices.Equal(s.Families, []string{"tcp", "file"}) ||
		!slices.Equal(s.PIDs, []int64{7}) || !s.WithoutArgs() || s.SlowerNS != 9007199254740993 || !s.Failed ||
		!slices.Equal(s.UID, []uint32{0, 1000}) || s.Container != token("secret") ||
		!slices.Equal(s.Calls, []string{"openat", "!%file", "i386:open", r.token("/secret")}) ||
		s.Cgroup != token("/user.slice/secret") {
		t.Errorf("the selection is %+v", s)
	}
	for name, want := range map[string]string{"data": "64", "newer": "true"} {
		var got bytes.Buffer
		if err := json.Compact(&got, s.Other[name]); err != nil || got.String() != want {
			t.Errorf("selected by %s %s, want %s, %v", name, got.String(), want, err)
		}
	}
	if want := []string{"newer"}; !slices.Equal(s.Unknown(), want) {
		t.Errorf("selected by %q, want %q", s.Unknown(), want)
	}
}

// What a capture was made of stays: the redaction of a slice is one of a slice.
func TestDerivedStays(t *testing.T) {
	one, two := strings.Repeat("1", 32), strings.Repeat("2", 32)
	for _, c := range []struct {
		derived   *format.Derived
		how       string
		from      []string
		describes string
	}{
		{nil, "redact", []string{one}, "a recording"},
		{&format.Derived{From: []string{one}, How: "slice"}, "slice+redact", []string{one}, "a slice"},
		{&format.Derived{From: []string{two, one}, How: "merge"}, "merge+redact", []string{one, two}, "a merge"},
		{&format.Derived{From: []string{one}, How: "slice+redact"}, "slice+redact", []string{one}, "its redaction"},
	} {
		got := newReplacer(&everything).derived(&format.Manifest{ID: one, Derived: c.derived})
		if got.How != c.how || !slices.Equal(got.From, c.from) {
			t.Errorf("of %s: %+v", c.describes, got)
		}
	}
}

// Each field of the manifest is one that manifest decides about: one that is new is not copied.
func TestNewManifestFieldsAreNotCopied(t *testing.T) {
	var m format.Manifest
	fill(reflect.ValueOf(&m).Elem())
	out, _ := newReplacer(&everything).manifest(&m)
	known := []string{"Format", "Complete", "Tables", "SHA256", "Checksum"} // which the writer sets
	v := reflect.ValueOf(out)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).IsZero() != slices.Contains(append(known, "Notes"), name) {
			t.Errorf("field %s is %v: decide in manifest what becomes of it", name, v.Field(i))
		}
	}
}

// fill sets everything in a value to something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("filled")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(fixture.Start))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// What this version does not know, and what nobody has classified, is left out and said to be.
func TestUnknownIsDropped(t *testing.T) {
	comm := schema.Of("task").Column("comm")
	comm.Content = schema.Unclassified
	defer func() { comm.Content = schema.Names }()
	c := fixture.Families()
	newer := &format.Schema{Table: "newer", Columns: []format.Column{{Name: "newer", Type: format.Int32}}}
	c.Add(newer, fixture.Row{"newer": int32(17)})
	wider := &format.Schema{Table: "signal", Columns: append(slices.Clone(schema.Of("signal").Schema.Columns),
		format.Column{Name: "secret", Type: format.Int64})}
	c.Add(wider, fixture.Row{"secret": int64(17)})
	other := &format.Schema{Table: "loss", Columns: slices.Clone(format.LossSchema.Columns)}
	other.Columns[2].Type = format.String // cpu, of which everybody knows that it is a number
	c.Add(other, fixture.Row{"cpu": "secret"})
	_, to, r := redacted(t, c, everything)
	if to.Table("newer") != nil {
		t.Error("the unknown table is there")
	}
	for table, column := range map[string]string{"task": "comm", "signal": "secret", "loss": "cpu"} {
		if to.Table(table) == nil || to.Table(table).Schema.Index(column) >= 0 {
			t.Errorf("the column %s.%s is there, or its table is not", table, column)
		}
	}
	var dropped []string
	for _, d := range r.Dropped {
		dropped = append(dropped, strings.TrimSuffix(d.Table+"."+d.Column, "."))
	}
	slices.Sort(dropped)
	if want := []string{"loss.cpu", "newer", "signal.secret", "task.comm"}; !slices.Equal(dropped, want) {
		t.Errorf("left out are %q, want %q", dropped, want)
	}
}

// Every column of text that the recorder writes is classified as text.
func TestTextsAreClassified(t *testing.T) {
	for _, table := range append(slices.Clone(schema.Tables), schema.Loss) {
		for _, c := range table.Columns {
			if c.Content != schema.Unclassified && !canHold(c.Type, c.Content) {
				t.Errorf("%s.%s is %v of content %d", table.Table, c.Name, c.Type, c.Content)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	r := newReplacer(&everything)
	text := func(s string) string { return r.text(schema.Paths, []byte(s)) }
	dir := text("/home/alice")
	for from, want := range map[string]string{
		"": "", "/": "/", ".": ".", "pipe:[17]": "pipe:[17]", "2049:17": "2049:17",
		"/home/alice/x":         dir + "/" + text("x"),
		"/home/alice//../x":     dir + "//../" + text("x"),
		"…/alice":               "…/" + text("alice"),
		"/home/alice (deleted)": dir + " (deleted)", "alice…": text("alice") + "…",
		"anon_inode:[eventfd]": "anon_inode:[eventfd]",
	} {
		if got := text(from); got != want {
			t.Errorf("%q becomes %q, want %q", from, got, want)
		}
	}
	form := regexp.MustCompile(`^_[a-z2-7]{13}$`)
	if got := text("alice"); got != r.text(schema.Args, []byte("alice")) || !form.MatchString(got) {
		t.Errorf("the token of alice is %q", got)
	}
	other := everything
	other.Key = []byte("fedcba9876543210")
	if newReplacer(&other).text(schema.Paths, []byte("alice")) == text("alice") {
		t.Error("another key makes the same token")
	}
	for _, forged := range []string{"pipe:[secret]", "anon_inode:secret", "1:2:secret"} {
		if got := text(forged); strings.Contains(got, "secret") {
			t.Errorf("%q becomes %q", forged, got)
		}
	}
}

// Nothing that a pattern found stays because of how the pattern is written.
func TestPatternsLeaveNothing(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		from     string
		replaced []string // what tokens stand for, in turn
		want     string   // with % for each
	}{
		{[]string{`(x)?secret`}, "a secret b", []string{"secret"}, "a % b"},
		{[]string{`(x)?secret`}, "a xsecret b", []string{"x"}, "a %secret b"}, // what was asked for
		{[]string{`a=(\w+)|b=(\w+)`}, "a=1 b=2", []string{"1", "b=2"}, "a=% %"},
		{[]string{`key=(\w*)`}, "key=", []string{"key="}, "%"},
		{[]string{`(?:-p(\w+) ?)+`}, "x -pone -ptwo", []string{"-pone -ptwo"}, "x %"},
		{[]string{`(?:-p(\w+) ?){2}`}, "x -pone -ptwo", []string{"-pone -ptwo"}, "x %"},
		{[]string{`(?:-p(\w+))?!`}, "x -pone!", []string{"one"}, "x -p%!"},
		{[]string{`alice`, `alice:(\w+)`}, "alice:one", []string{"alice", "one"}, "%:%"},
		{[]string{`alice:(\w+)`, `alice`}, "alice:one", []string{"alice", "one"}, "%:%"},
		{[]string{`lic`, `alice`, `cex`}, "alicex", []string{"alicex"}, "%"},
		{[]string{`\d+:\d+`}, "user 1234:5678", []string{"1234:5678"}, "user %"},
		{[]string{`[a-z2-7]+`}, "ab-cd", []string{"ab", "cd"}, "%-%"},
	} {
		rules := Rules{Key: everything.Key}
		for _, p := range c.patterns {
			rules.Patterns = append(rules.Patterns, regexp.MustCompile(p))
		}
		r := newReplacer(&rules)
		want := c.want
		for _, replaced := range c.replaced {
			want = strings.Replace(want, "%", r.token(replaced), 1)
		}
		for _, content := range []schema.Content{schema.Args, schema.Paths, schema.Names} {
			if got := r.text(content, []byte(c.from)); got != want {
				t.Errorf("%q of %q becomes %q, want %q", c.patterns, c.from, got, want)
			}
		}
	}
	// The name of an object without a path is one in a path only.
	if r := newReplacer(&everything); r.text(schema.Args, []byte("1000:4321")) != r.token("1000:4321") {
		t.Error("an argument that looks like an inode stays")
	}
	// The kernel's release, which is no text of a table.
	rules := Rules{Key: everything.Key,
		Patterns: []*regexp.Regexp{regexp.MustCompile("acme"), regexp.MustCompile("^0000")}}
	r := newReplacer(&rules)
	m, changes := r.manifest(&format.Manifest{ID: strings.Repeat("1", 32), Kernel: "6.1.0-acme",
		BootID: "00000000-0000-4000-8000-000000000000"})
	if m.Kernel != "6.1.0-"+r.token("acme") || strings.HasPrefix(m.BootID, "0000") || len(changes) != 2 {
		t.Errorf("the manifest is %+v, changes %+v", m, changes)
	}
}

func TestMatchesNothing(t *testing.T) {
	for p, want := range map[string]bool{
		"x*": true, "(secret)??": true, "|secret": true, "^": true, `\b`: true, "(a|b?)": true, "a{0,3}": true,
		"(?:)":  true,
		"a*b*$": true, "x": false, "x+": false, "^x*y": false, "(x)?secret": false, "a{2}": false, ".": false,
		"[a-z]":  false,
		"(?s:.)": false, "a|b": false, `(\w+)`: false,
	} {
		if got := MatchesNothing(regexp.MustCompile(p)); got != want {
			t.Errorf("%q: %v", p, got)
		}
	}
}

func TestPatternAndKeep(t *testing.T) {
	rules := Rules{Key: everything.Key, Names: true,
		Patterns: []*regexp.Regexp{regexp.MustCompile(`--password=(\S+)`), regexp.MustCompile(`alice`)},
		Keep:     []*regexp.Regexp{regexp.MustCompile(`^/usr/`)}}
	r := newReplacer(&rules)
	token := r.token
	for _, c := range []struct {
		content    schema.Content
		from, want string
	}{
		{schema.Args, "--password=hunter2", "--password=" + token("hunter2")},
		{schema.Args, "--user=alice --password=a/b",
			"--user=" + token("alice") + " --password=" + token("a") + "/" + token("b")},
		{schema.Paths, "/home/alice/x", "/home/" + token("alice") + "/x"},
		{schema.Paths, "/usr/share/alice", "/usr/share/alice"},
		{schema.Names, "bash", token("bash")},
		{schema.Names, "/usr/bin", "/usr/bin"},
		{schema.Addresses, "10.0.0.1", "10.0.0.1"},
	} {
		if got := r.text(c.content, []byte(c.from)); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.from, got, c.want)
		}
	}
}

// A redaction that lost what its capture has is found out.
func TestCheckFindsDifferences(t *testing.T) {
	for name, change := range map[string]func(row fixture.Row){
		"another number": func(row fixture.Row) { row["pid"] = int32(7) },
		"a new group":    func(row fixture.Row) { row["comm"] = "c" },
		"two groups one": func(row fixture.Row) { row["exe"] = "/x" },
		"an empty text":  func(row fixture.Row) { row["exe"] = "" },
	} {
		dir := t.TempDir()
		for _, which := range []string{"from", "to"} {
			c := fixture.New()
			for i := range int32(3) {
				row := fixture.Row{"task": i + 1, "pid": i, "comm": []string{"a", "b", "a"}[i],
					"exe": []string{"/x", "/x", "/y"}[i]}
				if which == "to" && i == 2 {
					change(row)
				}
				c.Add(fixture.Task, row)
			}
			if err := c.Write(filepath.Join(dir, which), time.Second, nil); err != nil {
				t.Fatal(err)
			}
		}
		job := &Job{Capture: open(t, filepath.Join(dir, "from"))}
		if err := job.check(t.Context(), filepath.Join(dir, "from"), &Report{}); err != nil {
			t.Errorf("%s: the same capture: %v", name, err)
		}
		if err := job.check(t.Context(), filepath.Join(dir, "to"), &Report{}); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Long texts and lists are redacted in parts, which together are the batch.
func TestPartsOfABatch(t *testing.T) {
	c := fixture.New()
	long := strings.Repeat("/a", 2000)
	for i := range int32(3000) {
		c.AddTask(i+1, i, i, 1, 0, "a", long)
	}
	from, to, _ := redacted(t, c, everything)
	if n, m := len(from.Table("task").Blocks()), len(to.Table("task").Blocks()); n != 1 || m < 2 {
		t.Errorf("%d blocks became %d", n, m)
	}
}

// Segments keep their numbers, also in a tar, so that parts of a recording stay parts of one.
func TestSegmentsKeepTheirNumbers(t *testing.T) {
	dir := t.TempDir()
	if err := fixture.Dumps(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	var all []*format.Capture
	for _, name := range []string{"a", "b"} {
		from := open(t, filepath.Join(dir, name))
		for _, suffix := range []string{".out", ".out.tar"} {
			job := &Job{Capture: from, Rules: everything, Path: from.Path + suffix}
			if _, err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			to := open(t, job.Path)
			for _, table := range from.Tables() {
				var was, is []string
				for _, s := range table.Segments {
					was = append(was, s.Name)
				}
				for _, s := range to.Table(table.Schema.Table).Segments {
					is = append(is, s.Name)
				}
				if !slices.Equal(was, is) {
					t.Errorf("%s: segments %q became %q", job.Path, was, is)
				}
			}
			all = append(all, to)
		}
	}
	together := format.Union(open(t, filepath.Join(dir, "a")), open(t, filepath.Join(dir, "b")))
	union := format.Union(all...)
	if d := union.Manifest.Derived; d == nil || d.How != "redact" {
		t.Errorf("redactions together are derived by %+v", d)
	}
	for _, table := range together.Tables() {
		if got := union.Table(table.Schema.Table); got.Rows != table.Rows {
			t.Errorf("table %s has %d rows, want %d", table.Schema.Table, got.Rows, table.Rows)
		}
	}
}

// A report shows shapes of texts, none of their characters but those that structure paths and options.
func TestMasked(t *testing.T) {
	token := newReplacer(&everything).token("secret")
	if got := masked("--pw=Añ1!$/…\x1b\u200b漢🙂"); got != "--xx=xx0??/…??x?" {
		t.Errorf("masked is %q", got)
	}
	if got := maskedAround("a!" + token + "/b"); got != "x?"+token+"/x" {
		t.Errorf("masked is %q", got)
	}
}

// The longest command line that a recorder keeps, of single characters, can be redacted.
func TestManyShortArguments(t *testing.T) {
	c := fixture.New()
	c.AddTask(1, 10, 10, 1, 0, "true", "/bin/true")
	args := make([]string, 4096)
	for i := range args {
		args[i] = string(rune('!' + i%90))
	}
	c.AddEvent(fixture.Process, 0, 0, 1, fixture.Row{"op": "exec", "pid": int32(10), "args": args})
	_, to, _ := redacted(t, c, everything)
	if rows := to.Table("process").Rows; rows != 1 {
		t.Errorf("%d rows", rows)
	}
}
