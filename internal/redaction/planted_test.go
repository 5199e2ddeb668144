// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// secrets are texts that are nowhere else, and where each was planted. They have digits that no token has, and a
// capital letter, which the words of a manifest have not.
type secrets struct{ at []string }

func (s *secrets) plant(where string, args ...any) string {
	s.at = append(s.at, fmt.Sprintf(where, args...))
	return fmt.Sprintf("Secret%04d0X", len(s.at))
}

var secretForm = regexp.MustCompile(`(?i)secret([0-9]{4})0x`)

// find reports each secret that is in data.
func (s *secrets) find(t *testing.T, where string, data []byte) {
	t.Helper()
	for _, found := range secretForm.FindAllSubmatch(data, -1) {
		n := 0
		fmt.Sscanf(string(found[1]), "%d", &n)
		t.Errorf("%s has %s, which was in %s", where, found[0], s.at[n-1])
	}
}

// fill plants secrets in all texts of a value.
func (s *secrets) fill(t *testing.T, v reflect.Value, where string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(fixture.Start))
		return
	case map[string]json.RawMessage:
		other := map[string]json.RawMessage{}
		for _, name := range []string{"data", s.plant("%s, a name", where)} {
			text, err := json.Marshal([]any{7, s.plant("%s.%s", where, name), map[string]any{
				s.plant("%s.%s, a name in it", where, name): s.plant("%s.%s, a value in it", where, name)}})
			if err != nil {
				t.Fatal(err)
			}
			other[name] = text
		}
		v.Set(reflect.ValueOf(other))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s.plant("%s", where))
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint32:
		v.SetUint(7)
	case reflect.Bool:
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		s.fill(t, v.Elem(), where)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		s.fill(t, v.Index(0), where+"[0]")
		s.fill(t, v.Index(1), where+"[1]")
	case reflect.Struct:
		for i := range v.NumField() {
			s.fill(t, v.Field(i), where+"."+v.Type().Field(i).Name)
		}
	case reflect.Map: // of the writer's: what is in these is planted where the capture is closed
	default:
		t.Fatalf("%s is %v: plant secrets in it", where, v.Type())
	}
}

// rows plants secrets in all texts of a table: as a word, as a path, and with what the recorder adds.
func (s *secrets) rows(t *testing.T, c *fixture.Capture, table *format.Schema) {
	for n := range 4 {
		row := fixture.Row{}
		for _, column := range table.Columns {
			text := func() string {
				secret := s.plant("%s.%s", table.Table, column.Name)
				other := s.plant("%s.%s", table.Table, column.Name)
				return []string{secret, "/" + secret + "/x." + other + " (deleted)",
					secret + "…", "pipe:[" + secret + "]"}[n]
			}
			switch column.Type {
			case format.Int32, format.Int64:
			case format.Timestamp:
				row[column.Name] = fixture.At(0)
			case format.String:
				row[column.Name] = text()
			case format.StringList:
				row[column.Name] = []string{text(), "x", text()}
			default:
				t.Fatalf("%s.%s is of type %v: plant secrets in it", table.Table, column.Name, column.Type)
			}
		}
		c.Add(table, row)
	}
}

// capture writes a capture with secrets in each text that a capture can have, and in texts that no version knows.
func (s *secrets) capture(t *testing.T) (path string) {
	t.Helper()
	c := fixture.New()
	s.fill(t, reflect.ValueOf(&c.Manifest).Elem(), "manifest")
	c.Manifest.Derived.How = "slice+" + c.Manifest.Derived.How
	word := func(where string) string { return strings.ToLower(s.plant("%s", where)) }
	for _, table := range fixture.Schemas() {
		wider := &format.Schema{Table: table.Table, Columns: append(slices.Clone(table.Columns),
			format.Column{Name: word("a column's name"), Type: format.String})}
		s.rows(t, c, wider)
	}
	s.rows(t, c, &format.Schema{Table: word("a table's name"), Columns: []format.Column{
		{Name: "new", Type: format.String}, {Name: "list", Type: format.StringList}}})
	path = filepath.Join(t.TempDir(), "from")
	w, err := c.Start(path, format.WriterOptions{})
	if err == nil {
		err = w.Close(func(m *format.Manifest) {
			m.Tables[word("a table in the manifest")] = format.TableInfo{Lost: 7}
			m.SHA256[s.plant("a name in sha256")] = s.plant("a checksum")
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.metadata(t, path)
	return path
}

// metadata plants secrets in names that no version knows: in the manifest, in the metadata of schemas, of files.
func (s *secrets) metadata(t *testing.T, path string) {
	edit := func(name string, change func([]byte) []byte) {
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, change(data), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	edit(filepath.Join(path, format.ManifestName), func(data []byte) []byte {
		var all any
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatal(err)
		}
		s.members(all, "")
		data, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return data
	})
	segments, err := filepath.Glob(filepath.Join(path, "*", "*.arrow"))
	if err != nil || len(segments) == 0 {
		t.Fatal(err, segments)
	}
	for _, name := range segments {
		edit(name, func(data []byte) []byte { // the schema is there twice
			from, to := []byte("fletch.kernel"), []byte(s.plant("a key of the metadata of %s", name)+"_")
			if bytes.Count(data, from) != 2 || len(from) != len(to) {
				t.Fatalf("%s has %d keys of metadata", name, bytes.Count(data, from))
			}
			return bytes.ReplaceAll(data, from, to)
		})
		text := []byte(s.plant("a file"))
		if err := os.WriteFile(filepath.Join(filepath.Dir(name), string(text)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// members adds a member to each object of a manifest whose members have fixed names.
func (s *secrets) members(value any, where string) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			s.members(element, where+"[]")
		}
	case map[string]any:
		for name, element := range v {
			if name != "tables" && name != "sha256" {
				s.members(element, where+"."+name)
			}
		}
		v[s.plant("the manifest's %s, an unknown name", where)] = s.plant("the manifest's %s, an unknown value", where)
	}
}

// packed makes a tar of a capture with secrets in its headers.
func (s *secrets) packed(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path + ".tar")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	files, directory := os.DirFS(path), s.plant("a directory")
	err = fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: directory + "/" + name,
			Size: int64(len(data)), Uname: s.plant("a user"), Gname: s.plant("a group"),
			PAXRecords: map[string]string{"comment": s.plant("a comment")}})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// No text of a capture is in its redaction, whatever column, field, name or header it is in, known to this version or
// not: neither if all texts are replaced, nor if those that match a pattern are.
func TestNoSecretIsLeft(t *testing.T) {
	s := &secrets{}
	path := s.capture(t)
	inputs := []string{path, s.packed(t, path)}
	byPattern := Rules{Key: everything.Key, Patterns: []*regexp.Regexp{secretForm}}
	if n := len(s.at); n < 200 || n > 9999 {
		t.Fatalf("%d secrets", n)
	}
	for how, rules := range map[string]Rules{"all": everything, "pattern": byPattern} {
		for i, input := range inputs {
			from := open(t, input)
			job := &Job{Capture: from, Rules: rules, Path: filepath.Join(t.TempDir(), []string{"to.tar", "to"}[i])}
			r, err := job.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			to := open(t, job.Path)
			for _, table := range fixture.Schemas() {
				if to.Table(table.Table) == nil || to.Table(table.Table).Rows != 4 {
					t.Errorf("%s: table %s is missing", how, table.Table)
				}
			}
			eachText(t, to, func(table string, column format.Column, text string) {
				s.find(t, how+": "+table+"."+column.Name, []byte(text))
			})
			err = filepath.WalkDir(to.Path, func(path string, e fs.DirEntry, err error) error {
				s.find(t, how+": a name", []byte(strings.TrimPrefix(path, to.Path)))
				if err != nil || e.IsDir() {
					return err
				}
				data, err := os.ReadFile(path) // metadata and manifest are not compressed
				s.find(t, how+": "+path, data)
				return err
			})
			report, jsonErr := json.Marshal(r.Changed)
			if err != nil || jsonErr != nil {
				t.Fatal(err, jsonErr)
			}
			s.find(t, how+": the report", report)
		}
	}
}
