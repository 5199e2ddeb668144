// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// version and commit are set by the linker (-X) where the go command finds no repository to tell them: in an archive of
// the source, by make build VERSION=v1.2.3, and in a git worktree.
var version, commit string

// BuildInfo says what a program was built from.
type BuildInfo struct {
	// Version is a release, "v1.2.3", a pseudo-version that names the commit, or "devel" if nothing is known. It ends
	// in "+dirty" if there were changes that are not in the commit.
	Version string
	Commit  string    // 40 hexadecimal digits; "": unknown, as of a module that was downloaded
	Time    time.Time // of the commit, UTC; zero if it is unknown
}

// Build returns what this program was built from.
var Build = sync.OnceValue(func() BuildInfo {
	info, _ := debug.ReadBuildInfo()
	return newBuildInfo(BuildInfo{Version: version, Commit: commit}, info)
})

// newBuildInfo takes what the linker was told, and the rest of what the go command wrote into the program, nil if it
// wrote nothing.
func newBuildInfo(b BuildInfo, info *debug.BuildInfo) BuildInfo {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time, _ = time.Parse(time.RFC3339, s.Value)
		}
	}
	return b
}

// date returns the day of the commit, 2006-01-02, or "" if it is unknown.
func (b BuildInfo) date() string {
	if b.Time.IsZero() {
		return ""
	}
	return b.Time.UTC().Format(time.DateOnly)
}

// VersionLine returns the line that --version prints.
func VersionLine(program string) string {
	b := Build()
	from := ""
	if b.Commit != "" {
		from = "commit " + b.Commit + ", "
	}
	return fmt.Sprintf("%s %s (%s%s, %s/%s)", program, b.Version, from, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
