// SPDX-License-Identifier: Apache-2.0

package cli

// Command describes a program or one of its subcommands. Help, manual page and completions are generated from it and
// from the declarations of its flags. Line breaks in texts have no meaning; an empty line begins a paragraph.
type Command struct {
	Name        string    `json:"name"`        // as it is called: "record", "analyze info"
	Summary     string    `json:"summary"`     // one line for lists of commands and manual pages, without a full stop
	Description string    `json:"description"` // the beginning of the help
	Usage       []string  `json:"usage"`       // one for each way to call it: what follows the name
	Examples    []Example `json:"examples,omitempty"`
	Subcommands []Term    `json:"subcommands,omitempty"`
	Notes       []Note    `json:"notes,omitempty"`
	Operands    Operands  `json:"operands,omitempty"`

	Acts bool `json:"-"` // it does more than to print: writes files, or ends with a status that is the answer
}

// Example is a command line, which is printed unchanged, and what it does, which may be empty.
type Example struct {
	Line string `json:"line"`
	Text string `json:"text,omitempty"`
}

// Term is a word and its meaning: a subcommand, an exit status, a value of a flag.
type Term struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
}

// Note is a section of the help after the flags: terms, then text. Either may be missing.
type Note struct {
	Head  string `json:"head"`
	Terms []Term `json:"terms,omitempty"`
	Text  string `json:"text,omitempty"`
}

// Operands says what the arguments are that are not flags. Completion needs it.
type Operands string

const (
	Captures   Operands = "captures"   // directories and tars
	ACommand   Operands = "command"    // a program and its arguments, among which are no flags of this command
	Subcommand Operands = "subcommand" // one of Subcommands
)

// Section is a group of flags in the help.
type Section struct {
	Head  string `json:"head"`
	Flags []Flag `json:"flags"`
}

// Flag describes a flag. It is made from the flag's declaration.
type Flag struct {
	Name        string `json:"name"`
	Shorthand   string `json:"shorthand,omitempty"`
	Placeholder string `json:"placeholder,omitempty"` // name of its value in the help; "": it takes none
	Text        string `json:"text"`
	Default     string `json:"default,omitempty"`
	Values      []Term `json:"values,omitempty"` // all values that it takes; nil: any
	List        bool   `json:"list,omitempty"`   // it takes several values, separated by commas
	Path        bool   `json:"path,omitempty"`   // its value is a file or a directory
}

// Description is what --help-json prints: a command and its flags, and the version of the program.
type Description struct {
	Command
	Sections []Section `json:"sections"`
	Version  string    `json:"version"`
	Date     string    `json:"date,omitempty"` // of the commit: 2006-01-02; "" if it is unknown
}

// ExitStatus is the note about the exit codes of every program, and of those that only this command has.
func ExitStatus(own ...Term) Note {
	terms := append([]Term{{"0", "done"}, {"1", "failed"}, {"2", "wrong usage"}}, own...)
	return Note{Head: "Exit status", Terms: append(terms, Term{"128+N", "stopped by signal N: 130 by ^C"})}
}
