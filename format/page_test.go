// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// FORMAT.md has the version, limits, manifest fields and loss columns of this package.
func TestPage(t *testing.T) {
	data, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, says := range []string{
		"# The capture format, version " + Current.String(),
		"1 to 1 048 576 rows (2²⁰)", fmt.Sprintf("at most %d columns", MaxColumns), "64 MiB (2²⁶)",
		"at most 65 536 bytes (64 KiB)", "at most 262 144 values (2¹⁸)", "at most 4096 families",
		"metadata is at most 1 MiB",
		"at most 64 bytes", "at most 16 MiB", "`" + metadataStart + "`", "`" + metadataRecording + "`",
		"at most 65,536 of them",
	} {
		if !strings.Contains(page, says) {
			t.Errorf("does not say %q", says)
		}
	}
	if MaxRows != 1<<20 || MaxBatchBytes != 64<<20 || MaxText != 65536 || maxValues != 1<<18 ||
		maxFamilies != 4096 || maxMetadata != 1<<20 || maxName != 64 ||
		maxManifest != 16<<20 || maxChecksums != 65536 {
		t.Error("the limits are others than the page says")
	}
	// Every field of the manifest, and no other.
	section := func(from, to string) string {
		_, after, ok := strings.Cut(page, from)
		if !ok {
			t.Fatalf("no %q", from)
		}
		before, _, _ := strings.Cut(after, to)
		return before
	}
	first := func(text string) (names []string) {
		for _, m := range regexp.MustCompile(`(?m)^\| (`+"`"+`[^|]*) \|`).FindAllStringSubmatch(text, -1) {
			for _, name := range strings.Split(m[1], ", ") {
				names = append(names, strings.Trim(name, "`"))
			}
		}
		return names
	}
	fields := map[string]bool{}
	for i := range reflect.TypeFor[Manifest]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Manifest]().Field(i).Tag.Get("json"), ",")
		fields[name] = true
	}
	for _, name := range first(section("## capture.json\n", "\n## ")) {
		if !fields[name] {
			t.Errorf("manifest has no field %s", name)
		}
		delete(fields, name)
	}
	if len(fields) > 0 {
		t.Errorf("manifest fields not on the page: %v", fields)
	}
	for i := range reflect.TypeFor[Selection]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Selection]().Field(i).Tag.Get("json"), ",")
		if name != "-" && !strings.Contains(page, "\n- `"+name+"`, ") {
			t.Errorf("field %s of selection not on the page", name)
		}
	}
	var loss []string
	for _, c := range LossSchema.Columns {
		loss = append(loss, c.Name)
	}
	if got := first(section("### loss\n", "\n## ")); !reflect.DeepEqual(got, loss) {
		t.Errorf("loss has columns %v, not %v", got, loss)
	}
}
