// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/term"
)

// summarize prints on standard error what was recorded, and what is kept of it. For a flight recorder it prints no
// tables, because what it keeps are its dumps.
// running processes that belong to the recording go on without it.
func summarize(opt *options, result *recorder.Result, running int, stderr io.Writer) error {
	all, kept, tables := result.All, result.Kept, result.Manifest.Tables
	flight := opt.last > 0
	if flight {
		tables, kept = nil, nil
	}
	if opt.json {
		return writeJSON(stderr, struct {
			Path string `json:"path"`
			recorder.Part
			Kept    *recorder.Part              `json:"kept,omitempty"`   // unless everything is kept
			Tables  map[string]format.TableInfo `json:"tables,omitempty"` // of what is kept
			Dumps   []recorder.Dump             `json:"dumps,omitempty"`  // the newest
			Made    int                         `json:"dumps_made,omitempty"`
			Running int                         `json:"running,omitempty"` // processes that go on without it
		}{opt.path, all, kept, tables, result.Dumps, result.DumpsMade, running})
	}
	defer explainRest(opt, all.Rows, running, stderr)
	path := term.Escape(opt.path)
	if path == "-" {
		path = "standard output"
	}
	switch {
	case flight: // the console has reported the dumps
		fmt.Fprintf(stderr, "record: %s in %s; dumps are in %s\n", amount(all), length(all), path)
		return nil
	case kept != nil:
		fmt.Fprintf(stderr, "record: %s in %s; kept are the last %s\n", amount(all), length(all), length(*kept))
		fmt.Fprintf(stderr, "record: %s in %s\n", amount(*kept), path)
	default:
		fmt.Fprintf(stderr, "record: %s in %s (%s)\n", amount(all), path, length(all))
	}
	t := term.NewTable("TABLE", "ROWS", "LOST", "BYTES")
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		info := tables[name]
		t.Row(name, term.Count(info.Rows), term.Count(info.Lost), term.Bytes(info.Bytes))
	}
	return t.Write(stderr, "  ")
}

// explainRest says what a reader of the summary might not expect: that processes which belong to the recording go on
// without it, and why there is no event.
func explainRest(opt *options, rows int64, running int, stderr io.Writer) {
	who := "COMMAND"
	if len(opt.command) == 0 {
		who = "those of --pid"
	}
	if running > 0 {
		processes, run, they := "processes", "run", "they end"
		if running == 1 {
			processes, run, they = "process", "runs", "it ends"
		}
		fmt.Fprintf(stderr, "record: %s %s that %s started still %s; --wait records until %s\n",
			term.Count(int64(running)), processes, who, run, they)
	}
	if rows == 0 && opt.comm != "" {
		fmt.Fprintf(stderr, "record: no event was of a thread named %s\n", term.Escape(opt.comm))
	} else if rows == 0 && opt.selects() {
		fmt.Fprintln(stderr, "record: no event was one that the flags select")
	}
}

func amount(p recorder.Part) string {
	return fmt.Sprintf("%s events, %s lost, %s", term.Count(p.Rows), term.Count(p.Lost), term.Bytes(p.Bytes))
}

func length(p recorder.Part) string { return term.Duration(p.End.Sub(p.Start)) }

// progress starts the line of progress on a terminal. With COMMAND there is none, because COMMAND uses the terminal.
func progress(opt *options, r *recorder.Recorder, stderr io.Writer) *term.Progress {
	w := stderr
	if opt.quiet || opt.json || len(opt.command) > 0 {
		w = io.Discard
	}
	return term.StartProgress(w, time.Second, func(elapsed time.Duration) string {
		rows, lost, written := r.Progress()
		return fmt.Sprintf("%s  %s events  %s  %s lost  %s", term.Duration(elapsed.Round(time.Second)),
			term.Count(rows), term.Rate(rows, elapsed), term.Count(lost), term.Bytes(written))
	})
}

// writeJSON prints v as indented JSON.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
