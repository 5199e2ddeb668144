// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strings"

	"github.com/fletch-trace/fletch/format"
)

// kinds is what the columns of one name may hold.
type kinds uint8

const (
	number   kinds = 1 << iota
	text           // utf8
	list           // list of utf8
	moment         // a number that is a time
	duration       // a number of nanoseconds
)

func (k kinds) String() string {
	switch {
	case k&moment != 0:
		return "a time"
	case k&duration != 0:
		return "a duration"
	case k&number != 0:
		return "a number"
	case k&list != 0:
		return "a list of texts"
	}
	return "a text"
}

// known are the names that some table of the format has, or an id leads to: a
// filter is for many captures, and one without a table is no reason to refuse
// a name of its.
var known = map[string]kinds{
	"ts": number | moment, "until": number | moment,
	"duration_ns": number | duration, "duration": number | duration, "srtt_ns": number | duration,

	"cpu": number, "task": number, "tid": number, "pid": number, "ppid": number, "uid": number, "gid": number,
	"path": number, "dev": number, "ino": number, "exit_code": number, "signal": number, "nr": number, "ret": number,
	"arg0": number, "arg1": number, "arg2": number, "arg3": number, "arg4": number, "arg5": number,
	"offset": number, "size": number, "key": number, "id": number, "owner": number, "creator": number,
	"mode": number, "flag": number, "sport": number, "dport": number, "sent": number, "received": number,
	"retransmits": number, "code": number, "ip": number, "count": number,

	"comm": text, "exe": text, "name": text, "container": text, "op": text, "filename": text,
	"saddr": text, "daddr": text, "action": text,

	"family": text | number, "cgroup": text | number,

	"args": list,
}

// aliases are short names of columns.
var aliases = map[string]string{"duration": "duration_ns"}

// kindsOf returns known and the columns of tables.
func kindsOf(tables []*format.Schema) map[string]kinds {
	all := known
	for _, t := range tables {
		for _, c := range t.Columns {
			k := kindOf(c)
			if all[c.Name]&k == k {
				continue
			}
			if len(all) == len(known) {
				all = make(map[string]kinds, len(known)+len(t.Columns))
				for name, k := range known {
					all[name] = k
				}
			}
			all[c.Name] |= k
		}
	}
	return all
}

func kindOf(c format.Column) kinds {
	switch c.Type {
	case format.Timestamp:
		return number | moment
	case format.Int32, format.Int64:
		if strings.HasSuffix(c.Name, "_ns") {
			return number | duration
		}
		return number
	case format.String:
		return text
	case format.StringList:
		return list
	}
	return 0
}
