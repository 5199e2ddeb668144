// SPDX-License-Identifier: Apache-2.0

package budget

import "github.com/fletch-trace/fletch/internal/cli"

// Flag is the flag --max-memory of the programs that read captures.
type Flag struct {
	flags *cli.Flags
	size  cli.Size
}

// NewFlag declares the flag.
func NewFlag(flags *cli.Flags) *Flag {
	f := &Flag{flags, Default}
	flags.Var(&f.size, "max-memory", "take at most `SIZE` of memory; what does not fit is summed up, or is an error")
	return f
}

// Budget returns the budget, or an error if it is smaller than Least.
func (f *Flag) Budget() (*Budget, error) {
	if f.size < Least {
		least := cli.Size(Least)
		return nil, f.flags.Wrong("--max-memory %v is less than %v", &f.size, &least)
	}
	return New(int64(f.size)), nil
}
