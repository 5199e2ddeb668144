//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A codecPolicy chooses the compression of the next batch. With auto it steps down from zstd to lz4 and none while the
// rings fill up, before anything is lost, and back up when they have been nearly empty for a while.
type codecPolicy struct {
	auto      bool
	current   format.Codec
	calmSince time.Time // when the rings became nearly empty; zero: they are not
	reduced   bool      // it has stepped down at least once
}

// How full the fullest ring is, 0 to 1.
const (
	fillLZ4  = 0.4 // from here on lz4
	fillNone = 0.7 // from here on no compression
	fillCalm = 0.1 // below this for calmTime: one step up
	calmTime = 2 * time.Second
)

func newCodecPolicy(name string) *codecPolicy {
	codec := map[string]format.Codec{"none": format.None, "lz4": format.LZ4}
	p := &codecPolicy{auto: name == "auto", current: format.Zstd}
	if c, ok := codec[name]; ok {
		p.current = c
	}
	return p
}

// observe updates the choice at t, when the fullest ring was filled to the fraction fill (0 to 1).
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
		p.calmSince = time.Time{}
	} else if p.calmSince.IsZero() {
		p.calmSince = t
	} else if t.Sub(p.calmSince) >= calmTime && want < format.Zstd {
		want++
		p.calmSince = t
	}
	p.reduced = p.reduced || want < p.current
	p.current = want
}
