// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"testing"
)

func TestPercent(t *testing.T) {
	for text, want := range map[string]string{"50%": "50%", "50": "50%", "200%": "200%", "-1": "", "x": "", "": ""} {
		var p percent
		err := p.Set(text)
		if got := p.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%s: %s, %v; want %s", strconv.Quote(text), got, err, want)
		}
	}
}
