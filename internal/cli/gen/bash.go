// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
)

// bash returns a completion for bash, version 3.2 or newer. It starts no processes. Where a file name is expected it
// replies with nothing, so that bash completes file names as it always does.
func bash(p program) string {
	b := &script{}
	b.line("# bash completion for %s. Made by `make completions`.", p.name())
	b.line("")
	b.line("_fletch_%s() {", p.name())
	b.line("%s", bashWords)
	if len(p) > 1 {
		b.line("\tcommand=${words[1]-}")
	}
	if p[0].Operands == cli.ACommand {
		bashCommand(b, &p[0])
	}
	b.line("\tcase $command:$flag in")
	for i := range p {
		bashValues(b, &p[i])
	}
	b.line("\t*)")
	b.line("\t\tcase $typed:$command:${#words[@]} in")
	for i := range p {
		d := &p[(i+1)%len(p)] // the program comes last, because its pattern matches everything
		b.line("\t\t-*:%s:*)\n\t\t\tcandidates=(", bashPattern(d))
		for _, f := range flags(d) {
			b.line("\t\t\t\t%s", shellQuote("--"+f.Name+"\t"+f.Text))
		}
		b.line("\t\t\t) ;;")
	}
	if len(p) > 1 {
		b.line("\t\t*:*:1)\n\t\t\tcandidates=(")
		for _, s := range p[0].Subcommands {
			b.line("\t\t\t\t%s", shellQuote(s.Name+"\t"+s.Text))
		}
		b.line("\t\t\t) ;;")
	}
	b.line("\t\tesac ;;")
	b.line("\tesac")
	b.line("\t_fletch_reply")
	b.line("}")
	b.line("")
	b.line("%s", bashReply)
	b.line("")
	b.line("complete -o bashdefault -o default -F _fletch_%s %s", p.name(), p.name())
	return b.String()
}

// bashPattern returns the pattern that matches a subcommand; that of a program matches everything.
func bashPattern(d *cli.Description) string {
	if name := subcommand(d); name != "" {
		return name
	}
	return "*"
}

// bashValues writes the cases for the values of a command's flags.
func bashValues(b *script, d *cli.Description) {
	var paths, unknown []string
	for _, f := range flags(d) {
		if f.Placeholder == "" {
			continue
		}
		var patterns []string
		for _, s := range spellings(&f) {
			patterns = append(patterns, bashPattern(d)+":"+s)
		}
		switch {
		case f.Path:
			paths = append(paths, patterns...)
		case len(f.Values) == 0:
			unknown = append(unknown, patterns...)
		default:
			list := ""
			if f.List {
				list = "list=1 "
			}
			b.line("\t%s)\n\t\t%scandidates=(", strings.Join(patterns, " | "), list)
			for _, v := range f.Values {
				b.line("\t\t\t%s", shellQuote(v.Name+"\t"+v.Text))
			}
			b.line("\t\t) ;;")
		}
	}
	if len(paths) > 0 {
		b.line("\t%s)\n\t\treturn ;;", strings.Join(paths, " | "))
	}
	if len(unknown) > 0 {
		b.line("\t%s)\n\t\tcompopt +o default +o bashdefault 2>/dev/null\n\t\treturn ;;", strings.Join(unknown, " | "))
	}
}

// bashCommand writes the code that finds COMMAND, and completes its name or leaves the rest to its own completion.
func bashCommand(b *script, d *cli.Description) {
	b.line(`	for ((i = 1; i <= COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) ((i++)); break ;;
		%s)
			# Skip the value. Bash splits words at "=" and ":", before and in the value.
			((i++))
			[[ ${COMP_WORDS[i]-} != = ]] || ((i++))
			while [[ ${COMP_WORDS[i+1]-} == [=:] ]]; do ((i += 2)); done ;;
		-*) ;;
		*) break ;;
		esac
	done
	if ((i <= COMP_CWORD)); then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$i"
		elif ((i == COMP_CWORD)); then
			COMPREPLY=($(compgen -c -- "$word"))
		fi
		return
	fi`, strings.Join(valueFlags(d), " | "))
}

// bashWords splits the line at spaces. The words that bash passes are also split at "=" and ":".
const bashWords = `	local line=${COMP_LINE:0:COMP_POINT} word='' flag command='' list='' typed i
	local -a words candidates
	COMPREPLY=()
	read -ra words <<<"$line"
	if [[ $line != *[[:space:]] ]]; then
		i=$((${#words[@]} - 1))
		word=${words[i]}
		unset "words[i]"
	fi
	typed=$word
	flag=${words[${#words[@]} - 1]}
	if [[ $word == --*=* ]]; then
		flag=${word%%=*}
		word=${word#*=}
	fi`

// bashReply makes the reply from the candidates.
const bashReply = `# Replies with the candidates that begin with $word, or if it is a list, with its last part.
# Each candidate is a name, a tab, and a text.
_fletch_reply() {
	local part=$word c name text width=0 skip=''
	local -a names texts
	names=() texts=()
	[[ ! $list ]] || part=${word##*,}
	for c in "${candidates[@]}"; do
		name=${c%%$'\t'*}
		[[ $name == "$part"* && ( ! $list || ,${word%"$part"} != *",$name,"* ) ]] || continue
		names[${#names[@]}]=$name
		texts[${#texts[@]}]=${c#*$'\t'}
		((${#name} <= width)) || width=${#name}
	done
	# Readline replaces only what is after the last "=" or ":".
	[[ $COMP_WORDBREAKS != *=* ]] || skip=${typed%"${typed##*=}"}
	[[ $COMP_WORDBREAKS != *:* || ${typed#"$skip"} != *:* ]] || skip=${typed%"${typed##*:}"}
	[[ ! $list ]] || compopt -o nospace 2>/dev/null
	for i in "${!names[@]}"; do
		name=${typed%"$part"}${names[i]}
		name=${name#"$skip"}
		text=${texts[i]}
		# If readline lists the candidates and does not insert them, add their texts.
		if [[ $text && ${#names[@]} -gt 1 && ${COMP_TYPE-} == @(33|63|64) ]]; then
			printf -v name '%-*s  (%s)' "$((width + ${#name} - ${#names[i]}))" "$name" "$text"
			name=${name:0:${COLUMNS:-80} - 1}
		fi
		COMPREPLY[i]=$name
	done
}`

// shellQuote quotes s for bash and zsh.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
