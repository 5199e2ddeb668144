// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/pflag"
)

// Flags is the command line of a program or of one of its subcommands: pflag's set, plus --help, which prints the
// literal usage text, and --version.
type Flags struct {
	*pflag.FlagSet
	usage string
	help  bool
	about bool
}

// NewFlags makes the command line of name ("record", "analyze info"). usage is printed by --help as it is.
func NewFlags(name, usage string) *Flags {
	f := &Flags{FlagSet: pflag.NewFlagSet(name, pflag.ContinueOnError), usage: usage}
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.SortFlags = false
	f.BoolVarP(&f.help, "help", "h", false, "")
	f.BoolVar(&f.about, "version", false, "")
	return f
}

// Parse reads args. Where help or the version was asked for, it is printed and stop is true. An error is one of wrong
// use, and says how to get help.
func (f *Flags) Parse(args []string, stdout io.Writer) (stop bool, err error) {
	err = f.FlagSet.Parse(args)
	switch {
	case f.help, errors.Is(err, pflag.ErrHelp):
		_, err = io.WriteString(stdout, f.usage)
		return true, err
	case f.about:
		_, err = fmt.Fprintln(stdout, About(f.program()))
		return true, err
	case err != nil:
		return false, f.Wrong("%w", err)
	}
	return false, nil
}

// Wrong makes an error of wrong use that names the help of this command.
func (f *Flags) Wrong(format string, args ...any) error {
	return WithHint(Usage(format, args...), fmt.Sprintf("see %s --help", f.Name()))
}

func (f *Flags) program() string {
	name, _, _ := strings.Cut(f.Name(), " ")
	return name
}

// version is set by the linker (-X) in a release; a build from a checkout or a module knows its own.
var version string

// Version is this build's version: "v1.2.3", a pseudo-version of the commit, or "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// About is the line that --version prints.
func About(program string) string {
	return fmt.Sprintf("%s %s (%s, %s/%s)", program, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
