// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
)

func writeTables(b *bytes.Buffer, tables []*table) {
	fmt.Fprint(b, "package schema\n\nimport \"github.com/fletch-trace/fletch/format\"\n\n")
	fmt.Fprint(b, "// Tables are the tables that a recorder fills from its programs, in the order of enum record_kind.\n")
	fmt.Fprint(b, "var Tables = []*Table{\n")
	for _, t := range tables {
		fmt.Fprintf(b, "newTable(&Table{\nSchema: &format.Schema{Table: %q", t.name)
		if t.alike != nil {
			fmt.Fprintf(b, ", Alike: %#v", t.alike)
		}
		fmt.Fprint(b, "},\n")
		if t.families != nil {
			fmt.Fprintf(b, "Families: %#v,\n", t.families)
		}
		if t.bulk {
			fmt.Fprint(b, "Bulk: true,\n")
		}
		if t.event && !t.quiet {
			fmt.Fprint(b, "Trigger: true,\n")
		}
		if t.text != "" {
			fmt.Fprintf(b, "Text: %q,\n", t.text)
		}
		if t.begins != "" {
			fmt.Fprintf(b, "Begins: %q,\n", t.begins)
		}
		fmt.Fprint(b, "Columns: []Column{\n")
		for _, c := range t.columns {
			fmt.Fprintf(b, "{Column: format.Column{Name: %q, Type: format.%s}", c.name, c.form.column)
			if c.meaning != "Plain" {
				fmt.Fprintf(b, ", Meaning: %s", c.meaning)
			}
			if c.of != "" {
				fmt.Fprintf(b, ", Of: %q", c.of)
			}
			if c.words != nil {
				fmt.Fprintf(b, ", Words: %#v", c.words)
			}
			fmt.Fprint(b, "},\n")
		}
		fmt.Fprint(b, "},\n}),\n")
	}
	fmt.Fprint(b, "}\n")
}

func writeRecords(b *bytes.Buffer, tables []*table) {
	fmt.Fprint(b, "package bpf\n\n")
	fmt.Fprint(b, "// records say where the columns of each table lie in a record, in the order of schema.Tables.\n")
	fmt.Fprint(b, "var records = []record{\n")
	for _, t := range tables {
		fmt.Fprintf(b, "{table: %q, kind: %d, size: %d, fixed: %d, members: []member{\n", t.name, t.kind, t.size, t.fixed)
		for _, c := range t.columns {
			fmt.Fprintf(b, "{form: %s", c.form.name)
			if c.form != cpuForm {
				fmt.Fprintf(b, ", offset: %d, size: %d", c.offset, c.size)
			}
			fmt.Fprintf(b, "}, // %s\n", c.name)
		}
		fmt.Fprint(b, "}},\n")
	}
	fmt.Fprint(b, "}\n")
}
