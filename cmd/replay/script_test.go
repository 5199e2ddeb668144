// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fletch-trace/fletch/internal/fixture"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"replay": main, "capture": fixture.Main, "streams": streams})
}

// TestScripts runs the scripts testdata/*.txtar.
func TestScripts(t *testing.T) { testscript.Run(t, fixture.Params("testdata")) }
