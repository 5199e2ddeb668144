// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
)

var lossesCommand = cli.Command{
	Name:    "analyze losses",
	Summary: "when and where events were lost",
	Description: `Shows every loss of events: from when until when, on which CPU, of which family and how many; and the
share of each family that is missing.`,
	Examples: []cli.Example{{Line: "analyze losses incident"}},
}

func losses(e *env, args []string) (err error) {
	o := newCommand(lossesCommand).withFilter("only losses for which `EXPR` holds; totals are of all").
		withJSON("one object")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closing(set, &err)
	report := &lossReport{Families: familyShares(set), Losses: []loss{}}
	for _, f := range report.Families {
		report.Lost += f.Lost
	}
	for _, c := range set {
		if err := report.read(e, set, c, o.filter); err != nil {
			return err
		}
	}
	slices.SortStableFunc(report.Losses, func(a, b loss) int { return a.From.Compare(b.From) })
	if o.json {
		return jsonline.Write(e.stdout, report)
	}
	return report.write(e.stdout, len(set) > 1)
}
