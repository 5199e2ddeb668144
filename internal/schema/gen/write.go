// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
)

func writeTables(b *bytes.Buffer, tables []*table) {
	fmt.Fprint(b, "package schema\n\nimport \"github.com/fletch-trace/fletch/format\"\n\n")
	fmt.Fprint(b, "// Tables are the tables that the BPF programs fill, in the order of enum record_kind.\n")
	fmt.Fprint(b, "var Tables = []*Table{\n")
	for _, t := range tables {
		fmt.Fprintf(b, "newTable(&Table{\nSchema: &format.Schema{Table: %q", t.name)
		if t.groupBy != nil {
			fmt.Fprintf(b, ", GroupBy: %#v", t.groupBy)
		}
		fmt.Fprint(b, "},\n")
		if t.families != nil {
			fmt.Fprintf(b, "Families: %#v,\n", t.families)
		}
		if t.bulk {
			fmt.Fprint(b, "Bulk: true,\n")
		}
		if t.event && !t.noTrigger {
			fmt.Fprint(b, "Trigger: true,\n")
		}
		if t.text != "" {
			fmt.Fprintf(b, "Text: %q,\n", t.text)
		}
		if t.beginOp != "" {
			fmt.Fprintf(b, "BeginOp: %q,\n", t.beginOp)
		}
		fmt.Fprint(b, "Columns: []Column{\n")
		for _, c := range t.columns {
			fmt.Fprintf(b, "{Column: format.Column{Name: %q, Type: format.%s}", c.name, c.form.column)
			if c.meaning != "Plain" {
				fmt.Fprintf(b, ", Meaning: %s", c.meaning)
			}
			if c.dimension != "" {
				fmt.Fprintf(b, ", Dimension: %q", c.dimension)
			}
			if c.content != "" {
				fmt.Fprintf(b, ", Content: %s", c.content)
			}
			if c.values != nil {
				fmt.Fprintf(b, ",\nValues: %#v", c.values)
			}
			fmt.Fprint(b, "},\n")
		}
		fmt.Fprint(b, "},\n}),\n")
	}
	fmt.Fprint(b, "}\n")
}

func writeRecords(b *bytes.Buffer, tables []*table) {
	fmt.Fprint(b, "package bpf\n\n")
	fmt.Fprint(b, "// records describe the records of each table, in the order of schema.Tables.\n")
	fmt.Fprint(b, "var records = []record{\n")
	for _, t := range tables {
		fmt.Fprintf(b, "{table: %q, kind: %d, size: %d, minSize: %d, members: []member{\n",
			t.name, t.kind, t.size, t.minSize)
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
