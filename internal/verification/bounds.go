// SPDX-License-Identifier: Apache-2.0

package verification

import (
	"math"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// bounds are the least and the greatest value of columns, by name or by table and name, as FORMAT.md has them.
var bounds = map[string][2]int64{
	"tid": {0, math.MaxInt32}, "pid": {0, math.MaxInt32}, "ppid": {0, math.MaxInt32},
	"uid": {0, math.MaxUint32}, "gid": {0, math.MaxUint32}, "euid": {0, math.MaxUint32}, "egid": {0, math.MaxUint32},
	"nspid": {0, math.MaxInt32}, "nstid": {0, math.MaxInt32},
	"pidns": {0, math.MaxUint32}, "mntns": {0, math.MaxUint32},

	"process.exit_code": {0, 255}, "process.signal": {0, 64},
	"process.rss_max": {-1, math.MaxInt64}, "process.major_faults": {-1, math.MaxInt64},
	"file.offset": {-2, math.MaxInt64}, "file.ret": {-4095, math.MaxInt64},
	"ipc.owner": {0, math.MaxUint32}, "ipc.creator": {0, math.MaxUint32},
	"tcp.family": {4, 6}, "tcp.ret": {-4095, 0}, "tcp.retransmits": {0, math.MaxInt32},
	"tcp.sent": {0, math.MaxInt64}, "tcp.received": {0, math.MaxInt64},
	"seccomp.code":  {0, 4095},
	"signal.to_pid": {0, math.MaxInt32}, "signal.to_tid": {0, math.MaxInt32}, "signal.signal": {1, 64},
	"loss.count": {1, math.MaxInt64},
}

// bound returns the checks of the values of a column: of its bounds, and of those that its meaning has.
func (r *run) bound(table string, c schema.Column) (checks []check) {
	limits, ok := bounds[table+"."+c.Name]
	if !ok {
		limits, ok = bounds[c.Name]
	}
	integer := c.Type == format.Int32 || c.Type == format.Int64
	if ok && integer {
		checks = append(checks, within(limits[0], limits[1]))
	}
	switch {
	case c.Name == "cpu" && integer && r.capture.Manifest.CPUs > 0:
		checks = append(checks, within(-1, int64(r.capture.Manifest.CPUs)-1))
	case c.Name == "ts" && c.Type == format.Timestamp:
		checks = append(checks, r.inTime(table))
	case c.Meaning == schema.Duration && integer:
		checks = append(checks, within(-1, math.MaxInt64))
	case c.Meaning == schema.Port && integer:
		checks = append(checks, within(0, math.MaxUint16))
	case c.Meaning == schema.Flags && integer:
		checks = append(checks, within(0, schema.FlagsAll))
	case c.Meaning == schema.Enum && c.Type == format.String:
		checks = append(checks, oneOf(c.Values))
	case c.Meaning == schema.Address && c.Type == format.String && table != "path": // a unix socket has any name
		checks = append(checks, address)
	}
	return checks
}

// earliest returns the least ts that a row can have: the first reading of the clocks. The start of a capture whose
// first generations were removed is later, but calls that ended after it may have begun before.
func (r *run) earliest() int64 {
	if clock := r.capture.Manifest.Clock; len(clock) > 0 {
		return clock[0].Wall
	}
	return math.MinInt64
}

// inTime returns the check that events happened before the recording ended, if the recorder said when that was. A dump
// ends with its last event; what was open when it was made is listed later. Dimensions may have later rows too.
func (r *run) inTime(table string) check {
	first, last := r.earliest(), int64(math.MaxInt64)
	if known := schema.Of(table); known != nil && known.Event() && r.capture.Finished() {
		last = r.capture.Manifest.End.UnixNano()
	}
	return func(v *format.Vector, at reporter) {
		if at.place.segment.Number() > format.InFlightSegments {
			within(first, math.MaxInt64)(v, at)
			return
		}
		within(first, last)(v, at)
	}
}
