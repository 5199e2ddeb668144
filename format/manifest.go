// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ManifestName is the name of the manifest in a capture.
const ManifestName = "capture.json"

// Manifest is capture.json: what was recorded, where and when, and whether all of
// it is there. Its texts are as untrusted as the capture: escape them before
// printing them to a terminal.
type Manifest struct {
	Format   Version `json:"format"`
	ID       string  `json:"id,omitempty"` // of the recording, not of this copy or part of it; "" before 1.2
	Complete bool    `json:"complete"`     // the recorder finished and every batch was written

	Host     string `json:"host"`      // node name
	BootID   string `json:"boot_id"`   // /proc/sys/kernel/random/boot_id
	Kernel   string `json:"kernel"`    // release, as uname -r
	Arch     string `json:"arch"`      // machine, as uname -m: x86_64, aarch64
	CPUs     int    `json:"cpus"`      // possible CPUs
	PageSize int    `json:"page_size"` // bytes

	Start  time.Time            `json:"start"`        // UTC; of the oldest generation kept, if older ones were dropped
	End    time.Time            `json:"end,omitzero"` // UTC; zero while recording
	Clock  []Clock              `json:"clock"`        // ts is computed from the first one
	Tables map[string]TableInfo `json:"tables"`       // by name; also of families of which everything was lost

	Recorder   Recorder   `json:"recorder"`
	Command    []string   `json:"command,omitempty"`     // that was started and traced
	ExitStatus *int       `json:"exit_status,omitempty"` // of Command; 128+n for signal n
	Selection  *Selection `json:"selection,omitempty"`   // nil: everything was to be recorded, or it is not known
	Probes     []Probe    `json:"probes"`
	Cgroups    string     `json:"cgroups,omitempty"` // hierarchy: cgroup2, or controllers of v1, as in /proc/PID/cgroup
	Changes    []Change   `json:"changes,omitempty"` // of the machine during the recording, in order of time
	Dump       *Dump      `json:"dump,omitempty"`    // why a flight recorder wrote this; nil in other captures
	Derived    *Derived   `json:"derived,omitempty"` // nil: a recorder wrote this
	Notes      []string   `json:"notes,omitempty"`   // for people

	// SHA256 has the checksums of finished segments by their names in the capture, as
	// syscall/000001.arrow. See Capture.Verify.
	SHA256 map[string]string `json:"sha256,omitempty"`

	// Checksum is the last field of capture.json: the SHA-256 of all bytes before its
	// digits. "" before 1.2.
	Checksum string `json:"checksum,omitempty"`
}

// Recorder says which program wrote the capture, and how it was called.
type Recorder struct {
	Version string   `json:"version"`
	Commit  string   `json:"commit,omitempty"` // that the program was built from; "" if it is unknown
	Args    []string `json:"args"`
}

// Clock is one reading of both clocks at the same moment, in nanoseconds:
// CLOCK_MONOTONIC, and CLOCK_REALTIME since the Unix epoch.
type Clock struct {
	Monotonic int64 `json:"monotonic"`
	Wall      int64 `json:"wall"`
}

// Change is something that happened to the machine during the recording and
// affects its events, such as a suspend.
type Change struct {
	TS     time.Time `json:"ts"`   // UTC; when it was noticed, by the clock of the column ts
	What   string    `json:"what"` // suspend, clock, cpu; newer versions may have others
	Detail string    `json:"detail"`
}

// ReasonWindow is the reason of the window itself, which a flight recorder leaves that
// was killed or failed.
const ReasonWindow = "window"

// Dump says why a flight recorder wrote its window into this capture.
type Dump struct {
	Reason    string    `json:"reason"`              // sigusr2, trigger, end, window; newer versions may have others
	TS        time.Time `json:"ts"`                  // UTC; of the event or the signal; of a window, when it began
	Condition string    `json:"condition,omitempty"` // of the trigger
}

// isFlight reports whether a flight recorder wrote the capture.
func (m *Manifest) isFlight() bool { return m.Dump != nil && m.Derived == nil }

// Derived says which captures a capture was made of, by a program that reads them.
type Derived struct {
	From []string `json:"from"` // the ids of their recordings
	How  string   `json:"how"`  // slice, merge, redact; newer versions may have others
}

// TableInfo is the size of one table.
type TableInfo struct {
	Rows     int64 `json:"rows"`
	Lost     int64 `json:"lost"`  // events of this family that were not recorded, see the loss table
	Bytes    int64 `json:"bytes"` // of its segments
	Segments int   `json:"segments"`
}

// Probe says by which mechanism a family was recorded, and why not by a better one.
type Probe struct {
	Family    string    `json:"family"`
	Mechanism string    `json:"mechanism"`
	Refused   []Refusal `json:"refused"`
}

// Refusal is a better mechanism that was tried first, and why it was not used.
type Refusal struct {
	Mechanism string `json:"mechanism"`
	Reason    string `json:"reason"`
}

// Keys in the metadata of a segment's schema: the time at which its generation
// began, in ns since the Unix epoch, and the id of its recording.
const (
	metadataStart     = "fletch.start"
	metadataRecording = "fletch.recording"
)

// newID returns the id of a new recording: 128 random bits as hexadecimal digits.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Limits of a capture.json: its length in bytes, and the number of its values and
// members, of whatever type and however deep. A list of small values would take many
// times its length in memory.
const (
	maxManifest = 16 << 20
	maxValues   = 1 << 18
)

// countValues returns how many values a JSON text has at most.
func countValues(data []byte) (n int) {
	inText := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inText:
			if c == '\\' {
				i++
			}
			inText = c != '"'
		case c == '"':
			inText = true
		case c == ',', c == '[', c == '{':
			n++
		}
	}
	return n
}

// parseManifest reads a capture.json.
func parseManifest(data []byte) (Manifest, error) {
	// The version first: a newer major may have changed the meaning of the rest.
	var version struct {
		Format Version `json:"format"`
	}
	if data == nil {
		return Manifest{}, fmt.Errorf("%w: no %s", ErrNotCapture, ManifestName)
	}
	if n := countValues(data); n > maxValues {
		return Manifest{}, fmt.Errorf("%w: %s: %d values, more than %d", ErrCorrupt, ManifestName, n, maxValues)
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return Manifest{}, fmt.Errorf("%w: %s: %w", ErrCorrupt, ManifestName, err)
	}
	if err := version.Format.check(); err != nil {
		return Manifest{}, fmt.Errorf("%s: %w", ManifestName, err)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return Manifest{}, fmt.Errorf("%w: %s: %w", ErrCorrupt, ManifestName, err)
	}
	for name, t := range m.Tables {
		if !validName(name) || t.Rows < 0 || t.Lost < 0 || t.Bytes < 0 || t.Segments < 0 {
			return Manifest{}, fmt.Errorf("%w: %s: table %q", ErrCorrupt, ManifestName, name)
		}
	}
	return m, nil
}

// isManifest reports whether data is a manifest, also one that is too new to be read.
func isManifest(data []byte) bool {
	_, err := parseManifest(data)
	return err == nil || errors.Is(err, ErrVersion)
}

// MaxListed is how many readings of the clock and how many changes are written: of more,
// the first and the newest.
const MaxListed = 1 << 13

// newest returns the first and the newest elements of a list that has more than MaxListed.
func newest[T any](list []T) []T {
	if len(list) <= MaxListed {
		return list
	}
	return append(list[:1:1], list[len(list)-MaxListed+1:]...)
}

// encode returns m as it stands in capture.json.
func (m *Manifest) encode() ([]byte, error) {
	short := *m
	short.Clock, short.Changes = newest(m.Clock), newest(m.Changes)
	short.Checksum = strings.Repeat("0", checksumDigits)
	m = &short
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", ManifestName, err)
	}
	if n := countValues(b.Bytes()); n > maxValues || b.Len() > maxManifest {
		return nil, fmt.Errorf("encoding %s: %d values in %d bytes, more than %d or %d", ManifestName, n, b.Len(),
			maxValues, maxManifest)
	}
	data := b.Bytes()
	digits := len(data) - checksumDigits - len(afterChecksum)
	copy(data[digits:], sumText(data[:digits]))
	return data, nil
}

// A capture.json ends with the digits of its checksum and afterChecksum.
const (
	checksumDigits = 2 * sha256.Size
	afterChecksum  = "\"\n}\n"
)

// errManifestChanged is the error of a capture.json with another checksum than its own.
var errManifestChanged = fmt.Errorf("%w: %s was changed: it has another checksum", ErrCorrupt, ManifestName)

// checkManifest returns an error unless a capture.json is as encode made it.
func checkManifest(data []byte) error {
	digits := len(data) - checksumDigits - len(afterChecksum)
	if digits < 0 || string(data[digits:]) != sumText(data[:digits])+afterChecksum {
		return errManifestChanged
	}
	return nil
}

// SchemaMetadata returns the metadata of the Arrow schema in each segment of a
// table, as alternating keys and values. With it a segment can be used by itself.
func (m *Manifest) SchemaMetadata(table string) []string {
	pairs := []string{
		"fletch.table", table,
		"fletch.format", m.Format.String(),
		"fletch.host", m.Host,
		"fletch.boot_id", m.BootID,
		"fletch.kernel", m.Kernel,
		"fletch.arch", m.Arch,
	}
	if m.ID != "" {
		pairs = append(pairs, metadataRecording, m.ID)
	}
	return pairs
}
