// SPDX-License-Identifier: Apache-2.0

package cli

// Command describes a program or one of its subcommands. Together with the declarations of its flags it is all that
// --help, the manual page and the completions are made of. Texts are flowed: an empty line begins a paragraph.
type Command struct {
	Name        string    `json:"name"`        // as it is called: "record", "analyze info"
	Summary     string    `json:"summary"`     // one line for lists of commands and manual pages, without a full stop
	Description string    `json:"description"` // what it does
	Usage       []string  `json:"usage"`       // what may follow the name: "CAPTURE... [flags]"
	Examples    []Example `json:"examples,omitempty"`
	Subcommands []Term    `json:"subcommands,omitempty"`
	Notes       []Note    `json:"notes,omitempty"`
	Operands    Operands  `json:"operands,omitempty"`
}

// Example is a command line, which is printed as it is, and what it is for, which may be empty.
type Example struct {
	Line string `json:"line"`
	Text string `json:"text,omitempty"`
}

// Term is a word and what it means: a subcommand, an exit status, one of the values that a flag takes.
type Term struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}

// Note is what stands after the flags: terms, then text. Either may be missing.
type Note struct {
	Head  string `json:"head"`
	Terms []Term `json:"terms,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Operands says what the arguments that are no flags are, for completion.
type Operands string

const (
	Captures   Operands = "captures"   // directories and tars
	ACommand   Operands = "command"    // a program and its arguments; after it there are no flags
	Subcommand Operands = "subcommand" // of Subcommands
)

// Section is flags that belong together.
type Section struct {
	Head  string `json:"head"`
	Flags []Flag `json:"flags"`
}

// Flag is a flag as it was declared.
type Flag struct {
	Name        string `json:"name"`
	Shorthand   string `json:"shorthand,omitempty"`
	Placeholder string `json:"placeholder,omitempty"` // of its value, "" where it takes none
	Text        string `json:"text"`
	Default     string `json:"default,omitempty"`
	Values      []Term `json:"values,omitempty"` // all that it takes; empty where they are not known
	List        bool   `json:"list,omitempty"`   // it takes several of them, separated by commas
	Path        bool   `json:"path,omitempty"`   // its value is a file or a directory
}

// Description is a command with its flags, as a program was built.
type Description struct {
	Command
	Sections []Section `json:"sections"`
	Version  string    `json:"version"`
	Date     string    `json:"date,omitempty"` // of the commit: 2006-01-02, "" where it is not known
}

// ExitStatus is the note on the exit codes that every program has.
func ExitStatus() Note {
	return Note{Head: "Exit status", Terms: []Term{
		{"0", "done"}, {"1", "failed"}, {"2", "wrong usage"}, {"128+N", "stopped by signal N: 130 by ^C"},
	}}
}
