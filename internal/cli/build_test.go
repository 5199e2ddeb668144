// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"runtime/debug"
	"testing"
)

// The version is that of the linker, or of the go command; the commit is told where a repository was there.
func TestBuildInfo(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	vcs := []debug.BuildSetting{{Key: "vcs.revision", Value: commit},
		{Key: "vcs.time", Value: "2026-03-01T23:59:00Z"}}
	for _, c := range []struct {
		name   string
		linked BuildInfo
		info   *debug.BuildInfo
		want   BuildInfo
		date   string
	}{
		{"nothing", BuildInfo{}, nil, BuildInfo{Version: "devel"}, ""},
		{"no repository", BuildInfo{}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}},
			BuildInfo{Version: "devel"}, ""},
		{"no repository, linked", BuildInfo{Version: "v1.2.3"},
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, BuildInfo{Version: "v1.2.3"}, ""},
		{"go install module@version", BuildInfo{}, &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}},
			BuildInfo{Version: "v1.2.3"}, ""},
		{"a repository", BuildInfo{},
			&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20260301235900-0123456789ab+dirty"}, Settings: vcs},
			BuildInfo{Version: "v0.0.0-20260301235900-0123456789ab+dirty", Commit: commit},
			"2026-03-01"},
		{"a repository, linked", BuildInfo{Version: "v1.2.3"},
			&debug.BuildInfo{Main: debug.Module{Version: "v1.2.2"}, Settings: vcs},
			BuildInfo{Version: "v1.2.3", Commit: commit}, "2026-03-01"},
		{"a worktree", BuildInfo{Version: "v1.2.3+dirty", Commit: commit},
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}},
			BuildInfo{Version: "v1.2.3+dirty", Commit: commit}, ""},
	} {
		got := newBuildInfo(c.linked, c.info)
		if got.Version != c.want.Version || got.Commit != c.want.Commit || got.date() != c.date {
			t.Errorf("%s: got %+v, date %q", c.name, got, got.date())
		}
	}
}
