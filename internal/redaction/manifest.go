// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"encoding/hex"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Texts of a manifest that stay: what no user of the host can choose.
var (
	words       = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	hierarchies = regexp.MustCompile(`^(cgroup2|(blkio|cpu|cpuacct|cpuset|devices|freezer|hugetlb|memory|misc|` +
		`net_cls|net_prio|perf_event|pids|rdma|name=systemd|,){1,32})$`)
	releases   = regexp.MustCompile(`^[0-9][A-Za-z0-9.+_~-]{0,63}$`)
	versions   = regexp.MustCompile(`^(devel|v[0-9][A-Za-z0-9.+-]{0,63})$`)
	commits    = regexp.MustCompile(`^[0-9a-f]{40}$`)
	recordings = regexp.MustCompile(`^[0-9a-f]{32}$`)
	bootIDs    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// manifest returns the manifest of the redaction of a capture with this one. Each field is made here: one that is new
// is left out until somebody has decided what becomes of it.
func (r *replacer) manifest(m *format.Manifest) (format.Manifest, []Change) {
	out := format.Manifest{
		ID: m.ID, Host: r.text(schema.Names, []byte(m.Host)), BootID: m.BootID, Kernel: m.Kernel, Arch: m.Arch,
		CPUs: m.CPUs, PageSize: m.PageSize, Start: m.Start, End: m.End, Clock: slices.Clone(m.Clock),
		Recorder: format.Recorder{Version: r.fixed(versions, m.Recorder.Version),
			Commit: r.fixed(commits, m.Recorder.Commit), Args: r.list(m.Recorder.Args)},
		Command: r.list(m.Command), ExitStatus: m.ExitStatus, Selection: r.selection(m.Selection),
		Probes: r.probes(m.Probes), Cgroups: r.fixed(hierarchies, m.Cgroups), Changes: r.changes(m.Changes),
		Notes: r.notes(m.Notes), Derived: r.derived(m),
	}
	out.Kernel = r.patterns(r.fixed(releases, m.Kernel)) // it may have the name of who built it
	if _, err := syscalls.ForArch(m.Arch); err != nil {
		out.Arch = r.fixed(nil, m.Arch)
	}
	out.ID = r.recordingID(m.ID)
	// It says of which boot the recording is.
	if r.rules.Names || out.ID == "" || !bootIDs.MatchString(m.BootID) || r.matches(m.BootID) {
		out.BootID = r.bootID(m.BootID)
	}
	if r.rules.anyWhole() {
		out.Recorder.Args = []string{}
	}
	if m.Dump != nil {
		reason, condition := r.fixed(words, m.Dump.Reason), r.free(m.Dump.Condition)
		out.Dump = &format.Dump{Reason: reason, TS: m.Dump.TS, Condition: condition}
	}
	return out, manifestChanges(m, &out)
}

// fixed returns a text that is one of those that nobody chooses, as it is; of another, a token.
func (r *replacer) fixed(known *regexp.Regexp, text string) string {
	if text == "" || known != nil && known.MatchString(text) {
		return text
	}
	return r.token(text)
}

// recordingID returns the id of a recording, which is random. What is none becomes one.
func (r *replacer) recordingID(id string) string {
	if id == "" || recordings.MatchString(id) {
		return id
	}
	return hex.EncodeToString(r.sum("id", id)[:16])
}

// derived says that this is a redaction, and of what: a redaction of a slice is still one.
func (r *replacer) derived(m *format.Manifest) *format.Derived {
	out := &format.Derived{From: []string{}, How: "redact"}
	if m.ID != "" {
		out.From = append(out.From, r.recordingID(m.ID))
	}
	if m.Derived == nil {
		return out
	}
	for _, id := range m.Derived.From {
		if id = r.recordingID(id); id != "" && !slices.Contains(out.From, id) {
			out.From = append(out.From, id)
		}
	}
	before := strings.Split(m.Derived.How, "+")
	for i := range before {
		before[i] = r.fixed(words, before[i])
	}
	if last := len(before) - 1; before[last] == "redact" {
		before = before[:last]
	}
	out.How = strings.Join(append(before, out.How), "+")
	return out
}

// free returns a text for people, which may say anything: it is left out if any content is replaced as a whole.
func (r *replacer) free(text string) string {
	if r.rules.anyWhole() {
		return ""
	}
	return r.text(schema.Names, []byte(text))
}

// list returns the arguments of a program.
func (r *replacer) list(args []string) (out []string) {
	for _, arg := range args {
		out = append(out, r.text(schema.Args, []byte(arg)))
	}
	return out
}

// bootID returns a boot id, which is a UUID, that is as good as the other to tell boots apart.
func (r *replacer) bootID(id string) string {
	if id == "" {
		return ""
	}
	h := hex.EncodeToString(r.sum("boot", id)[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

func (r *replacer) probes(probes []format.Probe) (out []format.Probe) {
	for _, p := range probes {
		to := format.Probe{Family: r.fixed(words, p.Family), Mechanism: r.fixed(words, p.Mechanism)}
		for _, refused := range p.Refused {
			if reason := r.free(refused.Reason); reason != "" {
				to.Refused = append(to.Refused, format.Refusal{
					Mechanism: r.fixed(words, refused.Mechanism), Reason: reason,
				})
			}
		}
		out = append(out, to)
	}
	return out
}

func (r *replacer) changes(changes []format.Change) (out []format.Change) {
	for _, c := range changes {
		out = append(out, format.Change{TS: c.TS, What: r.fixed(words, c.What), Detail: r.free(c.Detail)})
	}
	return out
}

func (r *replacer) notes(notes []string) (out []string) {
	for _, note := range notes {
		if text := r.free(note); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// manifestChanges says which fields of a manifest are others in its redaction.
func manifestChanges(from, to *format.Manifest) (changes []Change) {
	add := func(field string, changed bool) {
		if changed {
			changes = append(changes, Change{Table: format.ManifestName, Column: field, Rows: 1, Replaced: 1})
		}
	}
	add("host", from.Host != to.Host)
	add("boot_id", from.BootID != to.BootID)
	add("kernel", from.Kernel != to.Kernel || from.Arch != to.Arch || from.Cgroups != to.Cgroups)
	add("recorder", from.Recorder.Version != to.Recorder.Version || from.Recorder.Commit != to.Recorder.Commit ||
		!slices.Equal(from.Recorder.Args, to.Recorder.Args))
	add("command", !slices.Equal(from.Command, to.Command))
	add("selection", !reflect.DeepEqual(from.Selection, to.Selection))
	add("probes", !slices.EqualFunc(from.Probes, to.Probes, func(a, b format.Probe) bool {
		return a.Family == b.Family && a.Mechanism == b.Mechanism && slices.Equal(a.Refused, b.Refused)
	}))
	add("changes", !slices.Equal(from.Changes, to.Changes))
	add("dump", from.Dump != nil && *from.Dump != *to.Dump)
	add("notes", !slices.Equal(from.Notes, to.Notes))
	return changes
}
