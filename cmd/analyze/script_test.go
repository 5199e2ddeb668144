// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fletch-trace/fletch/internal/fixture"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"analyze": main,
		"capture": fixture.Main,
	})
}

// TestScripts runs testdata/*.txtar: each is a session on a command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		Setup:         func(env *testscript.Env) error { env.Setenv("TZ", "UTC"); return nil },
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
