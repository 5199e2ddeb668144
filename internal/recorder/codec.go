//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A codecPolicy chooses the compression of the next batch. auto steps down from zstd while the rings fill up,
// before anything is lost, and back when they have been nearly empty for a while.
type codecPolicy struct {
	auto    bool
	current format.Codec
	calm    time.Time // since when; zero: not now
	reduced bool      // it ever stepped down
}

const (
	fillLZ4  = 0.4 // of the fullest ring
	fillNone = 0.7
	fillCalm = 0.1
	calmFor  = 2 * time.Second
)

func newCodecPolicy(name string) *codecPolicy {
	codec := map[string]format.Codec{"none": format.None, "lz4": format.LZ4}
	p := &codecPolicy{auto: name == "auto", current: format.Zstd}
	if c, ok := codec[name]; ok {
		p.current = c
	}
	return p
}

func (p *codecPolicy) observe(fill float64, t time.Time) {
	if !p.auto {
		return
	}
	want := p.current
	switch {
	case fill >= fillNone:
		want = format.None
	case fill >= fillLZ4:
		want = min(want, format.LZ4)
	}
	if fill >= fillCalm {
		p.calm = time.Time{}
	} else if p.calm.IsZero() {
		p.calm = t
	} else if t.Sub(p.calm) >= calmFor && want < format.Zstd {
		want++
		p.calm = t
	}
	p.reduced = p.reduced || want < p.current
	p.current = want
}
