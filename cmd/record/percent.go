// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// percent is the value of a flag: CPU time in percent of one CPU.
type percent int

func (p *percent) Set(text string) error {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || n < 0 || n > 100*1024 {
		return fmt.Errorf("%q is not a share of a CPU such as 50%%", text)
	}
	*p = percent(n)
	return nil
}

func (p *percent) Type() string { return "percent" }

func (p *percent) String() string { return strconv.Itoa(int(*p)) + "%" }
